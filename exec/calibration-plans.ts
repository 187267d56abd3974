import {
  type AdapterSpec,
  type Architecture,
  type Dtype,
  type Job,
  jobDefaults,
  lengthRows,
  makePlan,
  type Plan,
  type ResolvedDevice,
  type ResolvedLink,
  sealPlan,
} from "../plan/index.ts";

/** The range of work that a calibration covers. */
export interface CalibrationRange {
  readonly architecture: Architecture;
  readonly dtype: Dtype;
  readonly devices: readonly ResolvedDevice[];
  readonly links: readonly ResolvedLink[];
  readonly adapters: readonly AdapterSpec[];
  /** Groups of adapters that share micro-batches. */
  readonly numGroups: number;
  /** Tokens of a micro-batch. */
  readonly tokens: { readonly min: number; readonly max: number };
  /** Tokens of a row. */
  readonly sequence: { readonly min: number; readonly max: number };
}

/** Points along each range, evenly spaced in the logarithm. */
const TOKEN_POINTS = 6;
const SEQUENCE_POINTS = 3;
/** The first step of a run fills caches and makes primitives; it is not measured. */
export const WARM_STEPS = 1;
const STEPS = 4;
const PARTS = 2;

function geometric({ min, max }: { readonly min: number; readonly max: number }, points: number): readonly number[] {
  const series = Array.from({ length: points }, (_, i) =>
    Math.round(min * (max / min) ** (points === 1 ? 1 : i / (points - 1))),
  );
  return [...new Set(series)];
}

/** Row lengths and rows a micro-batch of each run: every number of tokens with short, middling and long rows. */
function shapesOf({
  tokens,
  sequence,
}: CalibrationRange): readonly { readonly length: number; readonly rows: number }[] {
  const lengths = geometric(sequence, SEQUENCE_POINTS);
  const seen = new Set<string>();
  return geometric(tokens, TOKEN_POINTS).flatMap((total) =>
    lengths.flatMap((length) => {
      const rows = Math.max(1, Math.round(total / length));
      const own = Math.min(length, total);
      const key = `${own} ${rows}`;
      if (seen.has(key) || own * rows > tokens.max * 1.25) return [];
      seen.add(key);
      return [{ length: own, rows }];
    }),
  );
}

/** One plan for each shape, all devices busy at once as in a real run, so that what they take from each other is in the times. */
export function calibrationPlans(range: CalibrationRange): readonly Plan[] {
  const membersOfGroup = Math.ceil(range.adapters.length / range.numGroups);
  return shapesOf(range).map(({ length, rows }, run) => {
    const microBatchSize = Math.max(1, Math.round(rows / membersOfGroup));
    const jobs = range.adapters.map((adapter, index): Job => {
      const { init: _init, ...spec } = adapter;
      return {
        ...jobDefaults(),
        name: `adapter-${index}`,
        adapter: spec,
        data: { lengths: length, samples: microBatchSize * PARTS * STEPS },
        cutoffLength: range.architecture.maxPositions,
        batchSize: microBatchSize * PARTS,
        microBatchSize,
        steps: STEPS,
        seed: run,
      };
    });
    const body = makePlan({
      architecture: range.architecture,
      dtype: range.dtype,
      modelDigest: null,
      jobs,
      rows: jobs.map((job) => lengthRows(job, { lengths: length, samples: microBatchSize * PARTS * STEPS })),
      devices: range.devices,
      links: range.links,
      calibration: {
        kind: "calibration",
        version: 1,
        model: "constant",
        seconds: { F: 1, B: 2, transfer: 0, update: 0 },
      },
      schedule: "lorapp",
      maxInFlight: "auto",
      groups: range.numGroups,
    });
    return sealPlan(body, { model: null, data: {}, init: {} });
  });
}
