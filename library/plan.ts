import { z } from "zod";
import type { Plan, WorkloadDocument } from "../plan/index.ts";
import { createPlan, noteNominal } from "../workbench/index.ts";
import { checkArguments, documentOption } from "./check-options.ts";
import { asLibrary, contextOf } from "./context-of.ts";
import type { PlanOptions } from "./plan-options.ts";
import { planOptionsShape, requestOfOptions } from "./plan-request.ts";

const argumentsSchema = z.strictObject({ workload: documentOption, options: z.strictObject(planOptionsShape) });

/**
 * Plans a workload: stages, groups, micro-batches, the order of each device, memory in bytes and predicted times in
 * seconds. The same inputs give the same plan.
 * @param workload the document, or its file (YAML or JSON); paths in a file start at its folder
 * @throws InputError for a document, file or option that is wrong
 * @throws PlanError where no plan fits, such as too little memory
 * @throws DeviceError where a device of this machine is asked for that it lacks
 */
export async function plan(workload: string | WorkloadDocument, options: PlanOptions = {}): Promise<Plan> {
  checkArguments(argumentsSchema, { workload, options });
  const context = contextOf(options);
  return await asLibrary(context, async () => {
    const created = await createPlan(context, workload, requestOfOptions(options));
    noteNominal(context, created);
    return created.plan;
  });
}
