import { counted, formatSeconds } from "../core/index.ts";
import type { ConsideredWay, PlanExplanation } from "../plan/index.ts";
import { percent, table } from "./output.ts";

/** Ways that are named beside the chosen one without --explain. */
const NAMED = 2;

type Recomputation = NonNullable<NonNullable<PlanExplanation["binding"]>["withRecomputation"]>;

function listed(numbers: readonly number[]): string {
  const distinct = new Set(numbers);
  return distinct.size === 1 ? `${numbers[0]}` : numbers.join(" ");
}

/** A way in words, without its time. */
function wayText(way: ConsideredWay): string {
  const { numPipelines, schedule, numGroups, jobsAtOnce, microBatchTokens, recomputedLayers } = way;
  const recomputed = recomputedLayers.reduce((sum, layers) => sum + layers, 0);
  return [
    ...(numPipelines === 1 ? [] : [counted(numPipelines, "pipeline")]),
    counted(numGroups, "group") + (numPipelines === 1 ? "" : " each"),
    ...(jobsAtOnce === null ? [] : [`${counted(jobsAtOnce, "job")} at once`]),
    ...(microBatchTokens === null ? [] : [`micro-batches of ${microBatchTokens} tokens`]),
    ...(recomputed === 0 ? [] : [`${counted(recomputed, "layer")} recomputed`]),
    ...(schedule === "lorapp" ? [] : [`in the order of ${schedule}`]),
  ].join(", ");
}

function nextBest({ ways }: PlanExplanation): readonly string[] {
  const [chosen, ...others] = ways;
  return others
    .filter(({ seconds }) => seconds !== null)
    .slice(0, NAMED)
    .map((way) => {
      const more = way.seconds! / chosen!.seconds! - 1;
      return `  ${wayText(way)}: ${formatSeconds(way.seconds!)} (${more < 0 ? "-" : "+"}${percent(Math.abs(more))})`;
    });
}

function recomputationHint({ recomputedLayers, inFlight, saving }: Recomputation): string {
  const fit = `${inFlight} ${inFlight === 1 ? "fits" : "fit"}`;
  return `  with recomputation of ${counted(recomputedLayers, "layer")} (--recompute auto) ${fit}, in ${percent(saving, 0)} less time`;
}

function bindingText({ binding }: PlanExplanation): readonly string[] {
  if (binding === null) return [];
  const { device, inFlight, unboundInFlight, recomputedLayers, numLayers, slowdown, withRecomputation } = binding;
  const recomputed =
    recomputedLayers === 0 ? "" : `, with ${recomputedLayers} of ${counted(numLayers, "layer")} recomputed`;
  const room = unboundInFlight > inFlight ? `${unboundInFlight}` : "all that its layers make";
  return [
    `memory binds on ${device}: ${inFlight} in flight${recomputed}; with room for ${room} the run would take ${percent(1 - 1 / (1 + slowdown), 0)} less time`,
    ...(withRecomputation === null ? [] : [recomputationHint(withRecomputation)]),
  ];
}

function sharingText({ sharing }: PlanExplanation): readonly string[] {
  if (sharing === null) return [];
  const { sharedSeconds, separateSeconds } = sharing;
  const pays = sharedSeconds < separateSeconds ? "saves time" : "does not pay here";
  return [
    `sharing micro-batches ${pays}: ${formatSeconds(sharedSeconds)} at best, ${formatSeconds(separateSeconds)} with every job alone`,
  ];
}

/** What was chosen among what, and what binds, in a few lines; nothing where there was nothing to choose. */
export function choiceText(explanation: PlanExplanation): readonly string[] {
  const chosen = explanation.ways[0]!;
  const others = nextBest(explanation);
  const choice =
    others.length === 0
      ? []
      : [`chosen of ${counted(explanation.ways.length, "way")}: ${wayText(chosen)}; the next best:`, ...others];
  return [...choice, ...bindingText(explanation), ...sharingText(explanation)];
}

/** Columns of --explain: what is the same for all ways, as it most often is, needs none. */
const COLUMNS: readonly {
  readonly title: string;
  readonly always: boolean;
  text(way: ConsideredWay): string;
}[] = [
  { title: "pipelines", always: true, text: ({ numPipelines }) => `${numPipelines}` },
  { title: "schedule", always: false, text: ({ schedule }) => schedule },
  { title: "groups", always: true, text: ({ numGroups }) => `${numGroups}` },
  { title: "jobs at once", always: false, text: ({ jobsAtOnce }) => `${jobsAtOnce ?? "all"}` },
  { title: "tokens", always: true, text: ({ microBatchTokens }) => `${microBatchTokens ?? "as given"}` },
  { title: "in flight", always: true, text: ({ inFlight }) => (inFlight.length === 0 ? "-" : listed(inFlight)) },
  {
    title: "recomputed",
    always: true,
    text: ({ recomputedLayers }) => (recomputedLayers.length === 0 ? "-" : listed(recomputedLayers)),
  },
  { title: "predicted", always: true, text: ({ seconds }) => (seconds === null ? "-" : formatSeconds(seconds)) },
  {
    title: "if memory were no matter",
    always: true,
    text: ({ unboundSeconds, state }) =>
      `${state === "not looked into" ? "at least " : ""}${formatSeconds(unboundSeconds)}`,
  },
  { title: "", always: true, text: ({ state }) => state },
];

/** Every way that was tried, as a table. */
export function explanationTable({ ways }: PlanExplanation): string {
  const shown = COLUMNS.filter(({ always, text }) => always || new Set(ways.map(text)).size > 1);
  return table(
    shown.map(({ title }) => title),
    ways.map((way) => shown.map(({ text }) => text(way))),
  );
}
