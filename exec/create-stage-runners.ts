import type { Stage } from "../plan/index.ts";
import { createStageRunner, type StageRunner, type StageRunnerInput } from "./stage-runner.ts";

export type StageRunnersInput = Omit<StageRunnerInput, "stage" | "domain" | "weightsBefore">;

/**
 * A plan's stages on their devices; those of a pipeline stop together when one of them fails. All reserve their memory
 * at the same time, and those of a pipeline pack their weights; pipelines follow each other there, as a later one takes
 * what it shares from those before it.
 * @throws DeviceError, InputError
 */
export async function createStageRunners(input: StageRunnersInput): Promise<readonly StageRunner[]> {
  const { stages, pipelines } = input.setting;
  const creations: Promise<StageRunner>[] = [];
  let before: Promise<unknown> = Promise.resolve();
  for (const [domain, { firstStage, endStage }] of pipelines.entries()) {
    const weightsBefore = before;
    const create = (stage: Stage): Promise<StageRunner> =>
      createStageRunner({ ...input, stage, domain, weightsBefore });
    const ofPipeline = stages.slice(firstStage, endStage).map(create);
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
