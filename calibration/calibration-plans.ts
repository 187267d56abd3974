import { maximum } from "../core/index.ts";
import {
  type AdapterSpec,
  constantCalibration,
  type Job,
  jobDefaults,
  lengthRows,
  makePlan,
  type Plan,
  sealPlan,
} from "../plan/index.ts";
import type { CalibrationRange } from "./calibration-range.ts";

/** The first step of a run fills caches and makes primitives; it is not measured. */
export const WARM_STEPS = 1;
const STEPS = 4;
const PARTS = 2;

/** Row lengths and rows a micro-batch of each run: every number of tokens with short, middling and long rows. */
function shapesOf({
  tokens,
  sequence,
}: CalibrationRange): readonly { readonly length: number; readonly rows: number }[] {
  const seen = new Set<string>();
  const most = tokens.at(-1)! * 1.25;
  return tokens.flatMap((total) =>
    sequence.flatMap((length) => {
      const rows = Math.max(1, Math.round(total / length));
      const own = Math.min(length, total);
      const key = `${own} ${rows}`;
      if (seen.has(key) || own * rows > most) return [];
      seen.add(key);
      return [{ length: own, rows }];
    }),
  );
}

/**
 * The groups of a workload so often that there is one for each device: with fewer, devices wait for each other instead
 * of working at once.
 */
function copiesOf({ devices, numGroups }: CalibrationRange): number {
  return Math.ceil(devices.length / numGroups);
}

/**
 * The adapters of a run: all, one of the smallest for each group, or one of the largest, in turn. So numbers of
 * adapters, ranks and parameters vary apart from tokens, and what each costs can be told.
 */
function adaptersOf(range: CalibrationRange, run: number): readonly AdapterSpec[] {
  const { adapters, numGroups } = range;
  const size = ({ rank, targets }: AdapterSpec): number => rank * targets.length;
  const bySize = [...adapters].sort((a, b) => size(a) - size(b));
  // Shifted row by row, since every third shape has rows of one length.
  const turn = (run + Math.floor(run / 3)) % 3;
  const chosen = turn === 0 ? adapters : turn === 1 ? bySize.slice(0, numGroups) : bySize.slice(-numGroups);
  return Array.from({ length: copiesOf(range) }, () => chosen).flat();
}

/** Tokens of answers that are measured: enough for a look at keys and values in the cache. */
const ANSWER_TOKENS = 12;

function answerTokens({ architecture }: CalibrationRange, prompts: readonly number[]): number {
  return Math.max(1, Math.min(ANSWER_TOKENS, architecture.maxPositions - maximum(prompts)));
}

/**
 * One plan for each shape, all devices busy at once as in a real run, so that what they take from each other is in the
 * times.
 */
export function calibrationPlans(range: CalibrationRange): readonly Plan[] {
  const numGroups = range.numGroups * copiesOf(range);
  return shapesOf(range).map(({ length, rows }, run) => {
    const adapters = adaptersOf(range, run);
    const microBatchSize = Math.max(1, Math.round(rows / Math.ceil(adapters.length / numGroups)));
    const samples = microBatchSize * PARTS;
    const evaluation = { data: { lengths: length, samples }, everySteps: 1, keepBest: false };
    const sample = range.prompts && {
      prompts: [...range.prompts],
      everySteps: 1,
      maxTokens: answerTokens(range, range.prompts),
    };
    const jobs = adapters.map((adapter, index): Job => {
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
        ...(range.evaluates === true ? { evaluation } : {}),
        ...(sample === undefined ? {} : { sample }),
      };
    });
    const body = makePlan({
      architecture: range.architecture,
      dtype: range.dtype,
      modelDigest: null,
      recompute: range.recompute,
      jobs,
      rows: jobs.map((job) => {
        const rows = lengthRows(job, { lengths: length, samples: microBatchSize * PARTS * STEPS });
        const share = range.scored[run % 2]!;
        const scored = Array.from(rows.tokens, (count) => Math.max(1, Math.min(count - 1, Math.round(count * share))));
        for (const row of rows.sample?.rows ?? []) scored[row] = 0;
        return { ...rows, scored };
      }),
      devices: range.devices,
      links: range.links,
      calibration: constantCalibration(),
      schedule: "lorapp",
      maxInFlight: "auto",
      // What answers prompts has the whole model on one device.
      ...(sample === undefined ? { groups: numGroups } : { groups: 1, pipelines: range.devices.length }),
    });
    return sealPlan(body, { model: null, data: {}, init: {} });
  });
}
