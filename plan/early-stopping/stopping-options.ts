import { type EarlyStopping, earlyStoppingSchema } from "../documents/early-stopping.ts";

/** Of a job that nobody asked to be stopped early: only a loss that is not finite stops it. */
export const ONLY_NOT_FINITE: EarlyStopping = {
  ...earlyStoppingSchema.parse({}),
  ...{ divergence: false, plateau: false, patience: false },
};
