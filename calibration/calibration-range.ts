import { quantile, sum } from "../core/index.ts";
import {
  type AdapterSpec,
  type Architecture,
  type Dtype,
  isSample,
  jobSegments,
  microBatchTokens,
  type Plan,
  type Recompute,
  type ResolvedDevice,
  type ResolvedLink,
  sampledSequences,
} from "../plan/index.ts";

/** The range of work that a calibration covers. */
export interface CalibrationRange {
  readonly architecture: Architecture;
  readonly dtype: Dtype;
  readonly recompute: Recompute;
  readonly devices: readonly ResolvedDevice[];
  readonly links: readonly ResolvedLink[];
  readonly adapters: readonly AdapterSpec[];
  /** Whether it has evaluations of held-out rows; not where absent. */
  readonly evaluates?: true;
  /** Tokens of the prompts that a job answers; absent where none does. */
  readonly prompts?: readonly number[];
  /** Groups of adapters that share micro-batches. */
  readonly numGroups: number;
  /**
   * Tokens of a micro-batch, and of a row: sizes to measure at, ascending; the first and the last are the ends of the
   * range.
   */
  readonly tokens: readonly number[];
  readonly sequence: readonly number[];
  /** Smallest and largest share of scored tokens in a micro-batch. */
  readonly scored: readonly [number, number];
}

/** Where along the sorted sizes of a plan to measure. */
const TOKEN_QUANTILES = [0, 0.1, 0.3, 0.5, 0.7, 0.9, 1];
const SEQUENCE_QUANTILES = [0, 0.5, 1];

/** Sizes nearer to each other than this ratio would be measured twice for one answer. */
const LEAST_RATIO = 1.15;

/** Neighbours farther from each other than this ratio have sizes measured between them. */
const MOST_RATIO = 4;

/** The ends of the sizes, and those between that differ enough from their neighbours, without wide gaps. */
function pointsOf(values: readonly number[], quantiles: readonly number[]): readonly number[] {
  const sizes = quantiles.map((q) => Math.round(quantile(values, q)));
  const last = sizes.at(-1)!;
  const kept = [sizes[0]!];
  for (const size of sizes) {
    if (size >= LEAST_RATIO * kept.at(-1)! && last >= LEAST_RATIO * size) kept.push(size);
  }
  return last > kept[0]! ? withoutGaps([...kept, last]) : kept;
}

/** Sizes in between at equal ratios, where a fit would have to guess how times grow. */
function withoutGaps(sizes: readonly number[]): readonly number[] {
  return sizes.flatMap((size, index) => {
    const ratio = (sizes[index + 1] ?? size) / size;
    const parts = Math.max(1, Math.ceil(Math.log(ratio) / Math.log(MOST_RATIO)));
    return Array.from({ length: parts }, (_, part) => Math.round(size * ratio ** (part / parts)));
  });
}

/**
 * A calibration's runs are one pipeline over all devices, so they have a link where the plan's pipelines have none
 * between them.
 */
function measuredLink({ devices }: Plan, boundary: number): ResolvedLink {
  const id = `${devices[boundary]!.name}-${devices[boundary + 1]!.name}`;
  return { id, type: "host", shared: false, bandwidthBytesPerSecond: null, latencySeconds: 0 };
}

/** Runs that keep layers measure what recomputed ones do too. */
function rangeRecompute({ stages }: Plan): Recompute {
  if (stages.every(({ recomputedLayers }) => recomputedLayers === 0)) return "none";
  return stages.every(({ firstLayer, endLayer, recomputedLayers }) => recomputedLayers === endLayer - firstLayer)
    ? "layer"
    : "auto";
}

/** The range of a plan's micro-batches. */
export function rangeOfPlan(plan: Plan): CalibrationRange {
  const trained = plan.microBatches.filter((each) => !isSample(each));
  const segments = trained.map((each) => jobSegments(each));
  const tokens = trained.map(microBatchTokens);
  const own = segments.flat().map((segment) => segment.tokens);
  const [sampled] = plan.microBatches.filter(isSample).map(sampledSequences);
  const prompts = sampled?.filter(({ job, asker }) => job === sampled[0]!.asker && job === asker);
  const shares = segments.map((parts, i) => sum(parts.map(({ scored }) => scored)) / tokens[i]!);
  return {
    architecture: plan.model.architecture,
    dtype: plan.model.dtype,
    recompute: rangeRecompute(plan),
    devices: plan.devices,
    links: plan.links.map((link, stage) => link ?? measuredLink(plan, stage)),
    adapters: plan.jobs.map(({ adapter }) => adapter),
    ...(trained.some(({ evaluation }) => evaluation === true) ? { evaluates: true } : {}),
    ...(prompts === undefined ? {} : { prompts: prompts.map(({ promptTokens }) => promptTokens) }),
    numGroups: plan.groups.length,
    // A fleet cuts a job's own tokens from what jobs share here, when the others have ended.
    tokens: pointsOf([quantile(own, 0), ...tokens], TOKEN_QUANTILES),
    sequence: pointsOf(
      segments.flat().flatMap(({ lengths }) => lengths),
      SEQUENCE_QUANTILES,
    ),
    scored: [quantile(shares, 0), quantile(shares, 1)],
  };
}
