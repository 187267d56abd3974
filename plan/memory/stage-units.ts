import { edgeDtypes } from "../actions/message-bytes.ts";
import { pipelineTable } from "../actions/pipelines.ts";
import type { Setting } from "../documents/setting.ts";
import { type StageLayout, stageLayout } from "./stage-layout.ts";

/** Where everything lies on the device of a stage of the executor. */
export function layoutOfStage(
  setting: Pick<Setting, "model" | "stages" | "pipelines" | "devices" | "links">,
  stage: number,
): StageLayout {
  const { model, stages, devices } = setting;
  const { kind, threads } = devices[stages[stage]!.device]!;
  const { room } = pipelineTable(setting).ofStage(stage);
  return stageLayout({
    ...model,
    stage: stages[stage]!,
    edges: edgeDtypes(setting, stage),
    room,
    kind,
    threads,
  });
}

/** How many units of activation slots the setting has room for on each stage. */
export function stageUnits(setting: Setting): readonly number[] {
  return setting.memory.map(({ activations }, stage) =>
    Math.floor(activations / layoutOfStage(setting, stage).unitBytes),
  );
}
