import { type DeviceOptions, ncclInfo } from "../../native/index.ts";

/** A stage's GPU as NCCL reaches it: the library with its version, and what no other GPU is called. */
export interface StageGpu {
  readonly library: string;
  readonly id: string;
}

/** By stage; undefined where the stage runs on no GPU or on another rank, and where there is no NCCL. */
export function stageGpus(options: readonly (DeviceOptions | undefined)[]): readonly (StageGpu | undefined)[] {
  if (!options.some((device) => device?.kind === "cuda")) return options.map(() => undefined);
  const { name, gpus } = ncclInfo();
  return options.map((device) =>
    name !== "" && device?.kind === "cuda" ? { library: name, id: gpus[device.index]! } : undefined,
  );
}

/** Whether NCCL can carry messages between them: with one version on both sides, and not within one GPU. */
export function areReached(a: StageGpu | undefined, b: StageGpu | undefined): boolean {
  return a !== undefined && b !== undefined && a.library === b.library && a.id !== b.id;
}
