import { PAPER_MODELS, type PublishedCell } from "./published.ts";

/** A cell with what was published and what is predicted, in the cell's unit. */
export interface ComparedCell {
  readonly cell: PublishedCell;
  readonly published: number | "out of memory";
  readonly predicted: number | "out of memory";
}

/** Which of two systems is the faster one, published and predicted. */
export interface Ordering {
  readonly statement: string;
  readonly holds: boolean;
}

/** Differences below this are not claimed in either direction: bars are read off a figure. */
const TIE = 0.005;

function statement(faster: ComparedCell, slower: ComparedCell): string {
  const label = ({ cell }: ComparedCell): string =>
    `${cell.system}${cell.system === "lorapp" ? ` with ${cell.adapters}` : ""}`;
  return `${faster.cell.model}: ${label(faster)} before ${label(slower)}`;
}

/** Hours of two rows of Fig. 7; false where the prediction is out of memory but the publication is not. */
function compare(faster: ComparedCell, slower: ComparedCell): Ordering {
  const predicted = [faster.predicted, slower.predicted] as const;
  const holds =
    typeof predicted[0] === "number" &&
    (slower.published === "out of memory"
      ? predicted[1] === "out of memory"
      : typeof predicted[1] === "number" && predicted[0] < predicted[1] * (1 + TIE));
  return { statement: statement(faster, slower), holds };
}

function publishedHours({ published }: ComparedCell): number {
  return typeof published === "number" ? published : Number.POSITIVE_INFINITY;
}

/**
 * The orderings of Fig. 7 in each model: the systems among each other, with LoRAPP's best, and LoRAPP with one adapter
 * more. Published differences below half a percent are no ordering.
 */
export function checkOrderings(rows: readonly ComparedCell[]): readonly Ordering[] {
  return PAPER_MODELS.flatMap((model) => {
    const ofModel = rows.filter(({ cell }) => cell.figure === "7" && cell.model === model);
    const lorapp = ofModel.filter(({ cell }) => cell.system === "lorapp");
    const best = lorapp.reduce((a, b) => (publishedHours(b) < publishedHours(a) ? b : a));
    const alone = lorapp.find(({ cell }) => cell.adapters === 1)!;
    const systems = [...ofModel.filter(({ cell }) => cell.system === "tp" || cell.system === "fsdp"), best, alone];
    const pairs = [
      ...systems.flatMap((a, index) => systems.slice(index + 1).map((b) => [a, b] as const)),
      ...lorapp.slice(1).map((row, index) => [lorapp[index]!, row] as const),
    ];
    return pairs.flatMap(([a, b]) => {
      const [faster, slower] = publishedHours(a) < publishedHours(b) ? [a, b] : [b, a];
      if (publishedHours(slower) < publishedHours(faster) * (1 + TIE)) return [];
      return [compare(faster, slower)];
    });
  });
}
