/**
 * Idle share of `numDevices` compute streams between two times; null where none passes. Integer arithmetic, so that no
 * idle time is exactly 0.
 */
export function idleShare(busyNs: number, numDevices: number, fromNs: number, toNs: number): number | null {
  const total = numDevices * (toNs - fromNs);
  return total <= 0 ? null : (total - busyNs) / total;
}

/**
 * The steady region of a pipeline, in which its bubble is looked at: from its first job's step floor(S/2), from 0, to
 * that job's last step S - 1, by when the first stage begins them. Undefined for a job of fewer than 4 steps.
 */
export function steadyRegion(
  stepStarts: readonly number[],
): { readonly fromNs: number; readonly toNs: number } | undefined {
  const steps = stepStarts.length;
  if (steps < 4) return undefined;
  const [fromNs, toNs] = [stepStarts[Math.floor(steps / 2)], stepStarts[steps - 1]];
  return fromNs === undefined || toNs === undefined ? undefined : { fromNs, toNs };
}

/** A pipeline's devices and how long they compute in its steady region; `region` is undefined where it has none. */
export interface PipelineBusy {
  readonly region: ReturnType<typeof steadyRegion>;
  readonly busyNs: number;
  readonly numDevices: number;
}

/**
 * Idle share of all pipelines, each in a steady region of its own and weighed by its devices; null where none has one,
 * or where nothing took time.
 */
export function steadyBubble(pipelines: readonly PipelineBusy[]): number | null {
  const shares = pipelines.flatMap(({ region, busyNs, numDevices }) => {
    const share = region && idleShare(busyNs, numDevices, region.fromNs, region.toNs);
    return share === undefined || share === null ? [] : [{ share, numDevices }];
  });
  const numDevices = shares.reduce((sum, pipeline) => sum + pipeline.numDevices, 0);
  return numDevices === 0
    ? null
    : shares.reduce((sum, pipeline) => sum + pipeline.share * (pipeline.numDevices / numDevices), 0);
}
