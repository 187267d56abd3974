import { contentHash } from "../../core/index.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { comparesWithStart } from "./loss.ts";
import type { PlannedJob } from "./segment.ts";

/** Of jobs that are in one checkpoint after another. */
const DIGESTS = new WeakMap<PlannedJob, string>();

/**
 * What a job's training follows from beside its adapter's state, and not from how it is cut and placed: two jobs that
 * agree in it go on from each other's checkpoints.
 */
export function jobDigest(job: PlannedJob): string {
  const digest = DIGESTS.get(job) ?? digestOf(job);
  DIGESTS.set(job, digest);
  return digest;
}

function digestOf(job: PlannedJob): string {
  const { name, adapter, initDigest, dataDigest, cutoffLength, batchSize } = job;
  const { steps, optimizer, loss, seed, evaluation } = job;
  // Data of an evaluation's own are among the rows that the digest is of.
  const { data: _data, ...rhythm } = evaluation ?? {};
  const { data } = job;
  return contentHash({
    name,
    adapter,
    dataDigest,
    // Rows of several sets are taken by it.
    ...("datasets" in data
      ? { mixture: [data.mix, data.stopping ?? null, data.datasets.map(({ weight }) => weight ?? 1)] }
      : {}),
    cutoffLength,
    batchSize,
    steps,
    optimizer,
    ...(loss === undefined ? {} : { loss }),
    // Else it is of no account once a step is made.
    ...(comparesWithStart(loss) ? { initDigest } : {}),
    seed,
    evaluation: rhythm,
  });
}

/** The hash that a manifest has to have. */
export function checkpointHash({ kind, version, planHash, modelDigest, jobs }: Omit<Checkpoint, "hash">): string {
  return contentHash({ kind, version, planHash, modelDigest, jobs });
}
