import { formatSeconds } from "../core/index.ts";
import type { ConsideredWay, PlanExplanation } from "../plan/index.ts";
import { percent, table } from "./output.ts";

/** Ways that are named beside the chosen one without --explain. */
const NAMED = 2;

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function listed(numbers: readonly number[]): string {
  const distinct = new Set(numbers);
  return distinct.size === 1 ? `${numbers[0]}` : numbers.join(" ");
}

/** A way in words, without its time. */
function wayText({ numPipelines, numGroups, microBatchTokens, recomputedLayers }: ConsideredWay): string {
  const recomputed = recomputedLayers.reduce((sum, layers) => sum + layers, 0);
  return [
    ...(numPipelines === 1 ? [] : [counted(numPipelines, "pipeline")]),
    counted(numGroups, "group") + (numPipelines === 1 ? "" : " each"),
    ...(microBatchTokens === null ? [] : [`micro-batches of ${microBatchTokens} tokens`]),
    ...(recomputed === 0 ? [] : [`${counted(recomputed, "layer")} recomputed`]),
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

function bindingText({ binding }: PlanExplanation): readonly string[] {
  if (binding === null) return [];
  const { device, inFlight, unboundInFlight, recomputedLayers, numLayers, slowdown } = binding;
  const recomputed =
    recomputedLayers === 0 ? "" : `, with ${recomputedLayers} of ${counted(numLayers, "layer")} recomputed`;
  const room = unboundInFlight > inFlight ? `${unboundInFlight}` : "all that its layers make";
  return [
    `memory binds on ${device}: ${inFlight} in flight${recomputed}; with room for ${room} the run would take ${percent(1 - 1 / (1 + slowdown), 0)} less time`,
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

/** Every way that was tried, as a table. */
export function explanationTable({ ways }: PlanExplanation): string {
  return table(
    ["pipelines", "groups", "tokens", "in flight", "recomputed", "predicted", "if memory were no matter", ""],
    ways.map((way) => [
      `${way.numPipelines}`,
      `${way.numGroups}`,
      way.microBatchTokens === null ? "as given" : `${way.microBatchTokens}`,
      way.inFlight.length === 0 ? "-" : listed(way.inFlight),
      way.recomputedLayers.length === 0 ? "-" : listed(way.recomputedLayers),
      way.seconds === null ? "-" : formatSeconds(way.seconds),
      formatSeconds(way.unboundSeconds),
      way.state,
    ]),
  );
}
