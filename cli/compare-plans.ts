import path from "node:path";
import { sum } from "../core/index.ts";
import { createCostModel, microBatchTokens, type Plan } from "../plan/index.ts";
import { simulateStream } from "../sim/index.ts";
import { compareWays, type PlannedRun } from "../traces/index.ts";
import { loadPlan, placeInput } from "../workbench/index.ts";
import type { Arguments } from "./command.ts";
import { waysText } from "./describe-ways.ts";
import type { Io } from "./io.ts";
import { note, printResult } from "./output.ts";

/** A plan's run with its own costs. */
function plannedRun(io: Io, file: string): PlannedRun {
  const { plan, source } = loadPlan(io, file);
  try {
    const costModel = createCostModel(plan.calibration, plan.model.dtype);
    return { plan, trace: simulateStream({ plan, planHash: plan.hash, costModel }) };
  } catch (error) {
    throw placeInput(error, { main: source });
  }
}

function tokensOf({ microBatches }: Plan): number {
  return sum(microBatches.map(microBatchTokens));
}

/** `compare one.json other.json`: why one plan takes longer than the other, cause by cause. */
export function comparePlans(io: Io, args: Arguments, files: readonly [string, string]): number {
  const [one, other] = [plannedRun(io, files[0]), plannedRun(io, files[1])];
  if (tokensOf(one.plan) !== tokensOf(other.plan))
    note(io, args, "the two plans train on different numbers of tokens.");
  const compared = compareWays(one, other);
  const bases = files.map((file) => path.basename(file));
  const names: readonly [string, string] = bases[0] === bases[1] ? files : [bases[0]!, bases[1]!];
  printResult(io, args, compared, () => waysText(compared, names));
  return 0;
}
