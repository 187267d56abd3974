import { type EarlyStopping, earlyStoppingSchema } from "../documents/early-stopping.ts";
import type { Job } from "../documents/workload.ts";

/** By what a job is stopped early, every key there; undefined for a job that is not. */
export function stoppingOptions({ earlyStopping }: Pick<Job, "earlyStopping">): EarlyStopping | undefined {
  if (earlyStopping === undefined || earlyStopping === false) return undefined;
  return earlyStopping === true ? earlyStoppingSchema.parse({}) : earlyStopping;
}
