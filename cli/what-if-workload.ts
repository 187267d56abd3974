import { InputError } from "../core/index.ts";
import { POLICIES, type PolicyName } from "../plan/index.ts";
import { whatIfOfWorkload } from "../workbench/index.ts";
import { type Arguments, optionalNumber, requiredText, type Use } from "./command.ts";
import { describeWhatIf } from "./describe-what-if.ts";
import type { Io } from "./io.ts";
import { printResult } from "./output.ts";
import { INTERVAL_OPTIONS } from "./prediction-options.ts";
import { contextOf, fleetRequestChoice, intervalChoice } from "./request-options.ts";
import { FLEET_PLAN_OPTIONS } from "./simulate-fleet.ts";

/** Files that people write a workload in. */
const WORKLOAD_FILE = /\.(ya?ml|json)$/i;

/** Whether `what-if` is given a workload, and not a live fleet. */
export function isWorkload(args: Arguments): boolean {
  return WORKLOAD_FILE.test(requiredText(args, "run"));
}

/** What `what-if` can be given for a workload. */
export const WHAT_IF_WORKLOAD: Use = {
  input: "a workload",
  options: {
    at: { type: "number", default: 0, describe: "when the job comes, in seconds since the workload's start" },
    policy: { type: "string", choices: POLICIES, default: "mlora", describe: "who says which job trains when" },
    ...FLEET_PLAN_OPTIONS,
    ...INTERVAL_OPTIONS,
  },
};

/** What would happen if a job came to a workload's jobs. Returns the exit code. */
export async function whatIfWorkload(io: Io, args: Arguments, file: string): Promise<number> {
  const atSeconds = optionalNumber(args, "at") ?? 0;
  if (atSeconds < 0) throw new InputError({ expected: "a number of at least 0", at: "--at", got: atSeconds });
  const { name, answer } = await whatIfOfWorkload(
    contextOf(io, args),
    requiredText(args, "run"),
    fleetRequestChoice(args),
    { file, atSeconds, policy: requiredText(args, "policy") as PolicyName, intervals: intervalChoice(args) },
  );
  printResult(io, args, { name, ...answer }, () => describeWhatIf(name, answer));
  return answer.admitted ? 0 : 2;
}
