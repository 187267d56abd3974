import type { DeviceOptions, Runtime } from "../native/index.ts";
import type { Stage } from "../plan/index.ts";
import type { ExecuteInput } from "./execution.ts";
import type { LoweredPlan } from "./lower-plan.ts";
import { createStageRunner, type StageRunner } from "./stage-runner.ts";

export interface StageRunnersInput extends Pick<ExecuteInput, "plan" | "model" | "start"> {
  readonly runtime: Runtime;
  /** By stage. */
  readonly devices: readonly DeviceOptions[];
  readonly lowered: LoweredPlan;
}

/**
 * A plan's stages on their devices. Those of a pipeline pack their weights at the same time; pipelines follow each
 * other, as a later one takes what it shares from the memory of those before it.
 * @throws DeviceError, InputError
 */
export async function createStageRunners(input: StageRunnersInput): Promise<readonly StageRunner[]> {
  const { plan, runtime, model, start, devices, lowered } = input;
  const firstCell = runtime.createNormCells(plan.jobs.length * plan.stages.length);
  const create = (stage: Stage): Promise<StageRunner> =>
    createStageRunner({
      plan,
      stage,
      runtime,
      device: devices[stage.index]!,
      model,
      pairs: start,
      stashUnits: lowered.stash[stage.index]!.peak,
      residents: lowered.residents[stage.index]!,
      normCell: (job, of) => firstCell + job * plan.stages.length + of,
    });
  const runners: StageRunner[] = [];
  for (const { firstStage, endStage } of plan.pipelines) {
    // Of all stages, so that none packs any more when it is told why another cannot.
    const settled = await Promise.allSettled(plan.stages.slice(firstStage, endStage).map(create));
    for (const outcome of settled) {
      if (outcome.status === "rejected") throw outcome.reason;
      runners.push(outcome.value);
    }
  }
  return runners;
}
