import { type EarlyStopping, earlyStoppingSchema } from "../documents/early-stopping.ts";
import type { Job } from "../documents/workload.ts";

/** By what a job is stopped early, every key there; undefined for a job that is not. */
export function stoppingOptions({ earlyStopping }: Pick<Job, "earlyStopping">): EarlyStopping | undefined {
  if (earlyStopping === undefined || earlyStopping === false) return undefined;
  return earlyStopping === true ? earlyStoppingSchema.parse({}) : earlyStopping;
}

/** Of a job that nobody asked to be stopped early: only a loss that is not finite stops it. */
export const ONLY_NOT_FINITE: EarlyStopping = {
  ...earlyStoppingSchema.parse({}),
  ...{ divergence: false, plateau: false, patience: false },
};
