import type { DeviceError } from "../core/index.ts";

/** Devices of a pipeline have stopped, since one of them failed, while those of others have not. */
export interface LostPipeline {
  readonly pipeline: number;
  readonly error: DeviceError;
  /** Jobs that were on it and had not ended, and their names. */
  readonly jobs: readonly number[];
  readonly names: readonly string[];
}

/** For people. `others`: what becomes of the other pipelines. */
export function lostText({ pipeline, error, names }: LostPipeline, others: string): string {
  const [sentence = ""] = error.message.split("\n");
  const along = names.length === 0 ? "" : `, and with it ${names.join(", ")}`;
  return `pipeline ${pipeline} has stopped${along}; ${others} (${sentence.replace(/\.$/, "")})`;
}
