import { z } from "zod";
import type { Plan } from "../plan/index.ts";
import { replayPlan } from "../runs/index.ts";
import {
  type Comparison,
  compareTraces,
  heldTrace,
  partOfRun,
  planOfPart,
  type TraceStream,
  traceOfPart,
} from "../traces/index.ts";
import { machinePart } from "../workbench/index.ts";
import { checkArguments, planSchema } from "./check-options.ts";

const traceSchema = z.looseObject({ planHash: z.string(), source: z.enum(["simulated", "executed"]) });
const argumentsSchema = z.strictObject({ plan: planSchema, simulated: traceSchema, executed: traceSchema });

/**
 * How far a simulated trace of a plan is from an executed one, action by action, and what of it is the machine's. Errors
 * are shares: 0.02 is 2 %. Of a run that ended early, as far as it got.
 * @throws InputError where the traces are not of this plan
 */
export function compare(plan: Plan, simulated: TraceStream, executed: TraceStream): Comparison {
  checkArguments(argumentsSchema, { plan, simulated, executed });
  const whole = { simulated: heldTrace(simulated), executed: heldTrace(executed) };
  const part = executed.planHash === plan.hash ? partOfRun(plan, whole.executed) : undefined;
  const ran = part === undefined ? plan : planOfPart(plan, part);
  const [left, right] = [whole.simulated, whole.executed].map((trace) =>
    part !== undefined && trace.planHash === plan.hash ? traceOfPart(trace, part) : trace,
  ) as [typeof whole.simulated, typeof whole.executed];
  const replayed = right.planHash === ran.hash ? replayPlan(ran, right) : undefined;
  return compareTraces(left, right, { replayed, machine: machinePart(ran, [left, right]) });
}
