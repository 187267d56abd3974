import { z } from "zod";
import { dtypeSchema, recomputeSchema, SCHEDULES } from "../plan/index.ts";
import type { RequestChoice } from "../workbench/index.ts";
import { countOption, documentOption, surroundingsShape, textOption } from "./check-options.ts";
import type { PlanOptions } from "./plan-options.ts";

const orAuto = <const Word extends string>(...words: readonly Word[]) =>
  z.union(
    [countOption, z.enum(["auto", ...words])],
    `a whole number of at least 1, or ${["auto", ...words].join(", ")}`,
  );

export const planOptionsShape = {
  ...surroundingsShape,
  devices: z.union([textOption, z.array(textOption).min(1)], "a text, or a list of texts").optional(),
  cluster: documentOption.optional(),
  catalog: documentOption.optional(),
  calibration: documentOption.optional(),
  dtype: dtypeSchema.optional(),
  recompute: recomputeSchema.optional(),
  schedule: z.enum([...SCHEDULES, "auto"]).optional(),
  pipelines: orAuto().optional(),
  maxInFlight: orAuto("none").optional(),
  jobsAtOnce: orAuto("all").optional(),
  groups: orAuto("unfused").optional(),
  layersPerStage: z.array(countOption).min(1).optional(),
  verifyWeights: z.boolean().optional(),
} satisfies Record<keyof PlanOptions, z.ZodType>;

/** Without those that are undefined: what is absent is the planner's to choose. */
function defined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

/** What options ask for, as operations take it. */
export function requestOfOptions(options: PlanOptions): RequestChoice {
  const { devices, cluster, catalog, calibration, dtype, verifyWeights = false } = options;
  const { schedule, pipelines, maxInFlight, jobsAtOnce, groups, layersPerStage, recompute } = options;
  const list = typeof devices === "string" || devices === undefined ? devices : devices.join();
  return {
    ...{ devices: list, cluster, catalog, calibration, dtype, verifyWeights },
    choices: defined({ schedule, pipelines, maxInFlight, jobsAtOnce, groups, layersPerStage, recompute }),
  };
}
