import { edgeDtypes } from "../actions/message-bytes.ts";
import { pipelineTable } from "../actions/pipelines.ts";
import type { Setting } from "../documents/setting.ts";
import type { LayoutInput } from "./layout-input.ts";
import { executorLayout, type SamplingLayout, samplingLayout } from "./sampling-layout.ts";
import type { StageLayout } from "./stage-layout.ts";

type Staged = Pick<Setting, "model" | "stages" | "pipelines" | "devices" | "links">;

function inputOf(setting: Staged, stage: number): LayoutInput {
  const { model, stages, devices } = setting;
  const { kind, threads } = devices[stages[stage]!.device]!;
  const { room } = pipelineTable(setting).ofStage(stage);
  return { ...model, stage: stages[stage]!, edges: edgeDtypes(setting, stage), room, kind, threads };
}

/** Where everything lies on the device of a stage of the executor. */
export function layoutOfStage(setting: Staged, stage: number): StageLayout {
  return executorLayout(inputOf(setting, stage));
}

/** Where the runs lie there that answer prompts; undefined where none is. */
export function samplingOfStage(setting: Staged, stage: number): SamplingLayout | undefined {
  const input = inputOf(setting, stage);
  return input.room.sample === undefined ? undefined : samplingLayout(input);
}

/** How many units of activation slots the setting has room for on each stage. */
export function stageUnits(setting: Setting): readonly number[] {
  return setting.memory.map(({ activations }, stage) =>
    Math.floor(activations / layoutOfStage(setting, stage).unitBytes),
  );
}
