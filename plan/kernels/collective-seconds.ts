import type { CollectiveFigures } from "../documents/kernels.ts";

export type Collective = "all-reduce" | "all-gather" | "reduce-scatter" | "all-to-all";

/**
 * Seconds of a collective of the GPUs of one machine, by the faster of two protocols around a ring. `bytes` is the whole
 * buffer: what each has after an all-gather, or before the others. Fitted to times of nccl-tests that others measured
 * (docs/reference/gpus.md): 4 to 9 % off where GPUs reach each other's memory.
 */
export function collectiveSeconds(
  { lowLatency, highBandwidth }: CollectiveFigures,
  collective: Collective,
  devices: number,
  bytes: number,
): number {
  if (devices < 2) return 0;
  const rounds = (collective === "all-reduce" ? 2 : 1) * (devices - 1);
  const sent = (rounds * bytes) / devices;
  return Math.min(
    lowLatency.seconds + rounds * lowLatency.roundSeconds + sent / lowLatency.bytesPerSecond,
    highBandwidth.seconds + sent / highBandwidth.bytesPerSecond,
  );
}
