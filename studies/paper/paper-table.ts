import type { Catalog } from "../../plan/index.ts";
import { type Score, scoreOf } from "../score.ts";
import {
  ASSUMED_FIGURES,
  type AssumedFigure,
  type CalibratedPlatform,
  calibrateEightBit,
  calibratePaper,
  calibrationCells,
  type PlatformFigure,
} from "./calibrate-paper.ts";
import { type ComparedCell, checkOrderings, type Ordering } from "./orderings.ts";
import type { PaperPlatform } from "./paper-request.ts";
import { type CellPrediction, predictCell } from "./predict-cell.ts";
import { cellName, JOB_TOKENS, PUBLISHED, type PublishedCell, publishedStepSeconds, STEP_TOKENS } from "./published.ts";

export interface PaperRow extends ComparedCell {
  readonly name: string;
  /** predicted / published - 1; null where one of the two is out of memory. */
  readonly error: number | null;
  readonly peakBytes: number;
  /** `explained` cells are predicted too, but what the model lacks is known. */
  readonly use: "calibration" | "predicted" | "explained";
  readonly note: string;
}

export interface PaperTable {
  readonly calibration: Pick<CalibratedPlatform, "device" | "cells"> & { readonly figures: readonly PlatformFigure[] };
  readonly rows: readonly PaperRow[];
  readonly scores: readonly (Score & { readonly of: string })[];
  readonly orderings: readonly Ordering[];
  /** Whether every ordering holds and every cell runs, or is out of memory, as published. */
  readonly agrees: boolean;
}

const GATHER_NOTE =
  "small layers: every gather also costs some 12 ms, which no other cell shows; with a parameter for it this would be a fit";

/** Cells of which the source, or another cell, says that this model cannot have them. */
function noteOf({ figure, model, system }: PublishedCell): string {
  if (system === "fsdp" && model === "tinyllama-1.1b") return GATHER_NOTE;
  if (figure === "11" && model === "llama-2-7b" && (system === "tp" || system === "fsdp"))
    return "figures 7 and 11 disagree on this run by 3 to 7 %";
  if (figure === "11" && model === "tinyllama-1.1b" && system === "lorapp") return "figure 7 has this run 8 % faster";
  return "";
}

/** Fig. 14's 7B cell says how fast 8-bit products are. */
function isEightBitCalibration({ system, model }: PublishedCell): boolean {
  return system === "peft" && model === "llama-2-7b";
}

function inUnitOf({ quantity }: PublishedCell, stepSeconds: number): number {
  switch (quantity) {
    case "hours":
      return (stepSeconds * JOB_TOKENS) / STEP_TOKENS / 3600;
    case "tokens/s":
      return STEP_TOKENS / stepSeconds;
    case "seconds":
      return stepSeconds;
  }
}

function rowOf(
  cell: PublishedCell,
  { stepSeconds, peakBytes, fits }: CellPrediction,
  isCalibration: boolean,
): PaperRow {
  const predicted = fits ? inUnitOf(cell, stepSeconds) : "out of memory";
  const isNumber = typeof predicted === "number" && typeof cell.value === "number";
  const note = noteOf(cell);
  return {
    cell,
    name: cellName(cell),
    published: cell.value,
    predicted,
    error: isNumber ? (predicted as number) / (cell.value as number) - 1 : null,
    peakBytes,
    use: isCalibration ? "calibration" : note === "" ? "predicted" : "explained",
    note,
  };
}

/** Which cells a score is of. */
const SCORES = {
  "pipelines, Fig. 7": ({ figure, system }) => figure === "7" && (system === "lorapp" || system === "1f1b"),
  "tensor parallel, Fig. 7": ({ figure, system }) => figure === "7" && system === "tp",
  "fully sharded, Fig. 7": ({ figure, system }) => figure === "7" && system === "fsdp",
  "all of Fig. 11": ({ figure }) => figure === "11",
  "one GPU, 8-bit base, Fig. 14": ({ figure }) => figure === "14",
} as const satisfies Readonly<Record<string, (cell: PublishedCell) => boolean>>;

/** Mean and largest errors of Fig. 7 when an assumed figure is multiplied and the three parameters are fitted again. */
export interface Variation {
  readonly figure: AssumedFigure;
  readonly factor: number;
  readonly pipelines: Score;
  readonly tensorParallel: Score;
}

export type AssumedVariation = Pick<Variation, "figure" | "factor">;

/** Each assumed figure halved and doubled. */
export const VARIATIONS: readonly AssumedVariation[] = ASSUMED_FIGURES.flatMap((figure) =>
  [0.5, 2].map((factor) => ({ figure, factor })),
);

/** What an assumed figure decides. */
export function varyAssumption(catalog: Pick<Catalog, "devices">, { figure, factor }: AssumedVariation): Variation {
  const used = new Set(calibrationCells());
  const scoreWith = (platform: PaperPlatform, of: keyof typeof SCORES): Score =>
    scoreOf(
      PUBLISHED.filter((cell) => SCORES[of](cell) && !used.has(cell)).map((cell) => ({
        predicted: predictCell(platform, cell).stepSeconds,
        measured: publishedStepSeconds(cell)!,
      })),
    );
  const { platform } = calibratePaper(catalog, { [figure]: factor });
  const pipelines = scoreWith(platform, "pipelines, Fig. 7");
  return { figure, factor, pipelines, tensorParallel: scoreWith(platform, "tensor parallel, Fig. 7") };
}

/**
 * The paper's evaluation, published and predicted, from a catalog and three calibration cells (and one more for 8-bit
 * products).
 */
export function paperTable(catalog: Pick<Catalog, "devices">): PaperTable {
  const calibrated = calibratePaper(catalog);
  const eightBitCell = PUBLISHED.find(isEightBitCalibration)!;
  const eightBit = calibrateEightBit(calibrated, eightBitCell);
  const used = new Set([...calibrationCells(), eightBitCell]);
  const rows = PUBLISHED.map((cell) => {
    const platform = cell.system === "peft" ? eightBit : calibrated.platform;
    return rowOf(cell, predictCell(platform, cell), used.has(cell));
  });
  const scores = Object.entries(SCORES).map(([of, belongs]) => {
    const scored = rows.filter(({ cell, error, use }) => belongs(cell) && error !== null && use !== "calibration");
    const predictions = scored.map(({ predicted, published }) => ({
      predicted: predicted as number,
      measured: published as number,
    }));
    return { of, ...scoreOf(predictions) };
  });
  const orderings = checkOrderings(rows);
  const sameMemory = rows.every(
    ({ published, predicted }) => (published === "out of memory") === (predicted === "out of memory"),
  );
  const rate: PlatformFigure = {
    name: "computeEfficiency, 8-bit base",
    value: eightBit.calibration.computeEfficiency,
    unit: "of the fp32 peak",
    origin: "calibrated",
    source: cellName(eightBitCell),
  };
  return {
    calibration: {
      device: calibrated.device,
      cells: [...calibrated.cells, `${cellName(eightBitCell)} (for the 8-bit rows only)`],
      figures: [...calibrated.figures, rate],
    },
    rows,
    scores,
    orderings,
    agrees: sameMemory && orderings.every(({ holds }) => holds),
  };
}
