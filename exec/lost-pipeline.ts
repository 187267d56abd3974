import type { DeviceError } from "../core/index.ts";

/** Devices of a pipeline have stopped, since one of them failed, while those of others have not. */
export interface LostPipeline {
  readonly pipeline: number;
  readonly error: DeviceError;
  /** Jobs that were on it and had not ended. */
  readonly jobs: readonly number[];
}

/** For people. `jobs`: their names; `others`: what becomes of the other pipelines. */
export function lostText({ pipeline, error }: LostPipeline, jobs: readonly string[], others: string): string {
  const [sentence = ""] = error.message.split("\n");
  const along = jobs.length === 0 ? "" : `, and with it ${jobs.join(", ")}`;
  return `pipeline ${pipeline} has stopped${along}; ${others} (${sentence.replace(/\.$/, "")})`;
}
