import { createRuntime } from "../native/index.ts";
import type { ExecuteInput, ExecuteResult } from "./execution.ts";
import { Session } from "./session.ts";

/**
 * Runs a plan's actions in the plan's order on this machine's devices.
 * @throws DeviceError when a device cannot do what the plan asks for.
 */
export async function executePlan(input: ExecuteInput): Promise<ExecuteResult> {
  using runtime = createRuntime();
  return await (await Session.open(runtime, input)).run();
}
