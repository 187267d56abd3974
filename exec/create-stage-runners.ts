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
 * A plan's stages on their devices. All reserve their memory at the same time, and those of a pipeline pack their
 * weights; pipelines follow each other there, as a later one takes what it shares from those before it.
 * @throws DeviceError, InputError
 */
export async function createStageRunners(input: StageRunnersInput): Promise<readonly StageRunner[]> {
  const { plan, runtime, model, start, devices, lowered } = input;
  const firstCell = runtime.createNormCells(plan.jobs.length * plan.stages.length);
  const create = (stage: Stage, weightsBefore: Promise<unknown>): Promise<StageRunner> =>
    createStageRunner({
      plan,
      stage,
      runtime,
      device: devices[stage.index]!,
      model,
      pairs: start,
      stashUnits: lowered.stash[stage.index]!.peak,
      residents: lowered.residents[stage.index]!,
      weightsBefore,
      normCell: (job, of) => firstCell + job * plan.stages.length + of,
    });
  const creations: Promise<StageRunner>[] = [];
  let before: Promise<unknown> = Promise.resolve();
  for (const { firstStage, endStage } of plan.pipelines) {
    const weightsBefore = before;
    const ofPipeline = plan.stages.slice(firstStage, endStage).map((stage) => create(stage, weightsBefore));
    creations.push(...ofPipeline);
    before = Promise.allSettled(ofPipeline);
  }
  // Of all stages, so that no device works any more when it is told why another cannot.
  const settled = await Promise.allSettled(creations);
  return settled.map((outcome) => {
    if (outcome.status === "rejected") throw outcome.reason;
    return outcome.value;
  });
}
