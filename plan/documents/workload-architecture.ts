import { didYouMean, InputError, ownValue } from "../../core/index.ts";
import type { Architecture } from "./architecture.ts";
import { architectureFromConfig, huggingFaceConfigSchema } from "./model-config.ts";
import { PRESETS, presetName } from "./presets.ts";
import type { Workload } from "./workload.ts";

/**
 * The architecture that a workload gives in place of a model folder: a name of ours, or the keys of a config.json.
 * @throws InputError for an unknown name, keys that do not fit together, or a workload with a model folder
 */
export function workloadArchitecture(workload: Pick<Workload, "model">): Architecture {
  if (!("architecture" in workload.model)) throw new InputError({ expected: "an architecture", at: "model" });
  const { architecture } = workload.model;
  if (typeof architecture !== "string") {
    try {
      return architectureFromConfig(architecture);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      throw new InputError({ ...error.facts, at: `model.architecture.${error.facts.at}` });
    }
  }
  const preset = ownValue(PRESETS, presetName(architecture));
  if (preset === undefined)
    throw new InputError({
      expected: "the name of an architecture or the keys of a config.json",
      at: "model.architecture",
      got: architecture,
      hint: didYouMean(presetName(architecture), Object.keys(PRESETS)) ?? `Names: ${Object.keys(PRESETS).join(", ")}.`,
    });
  return architectureFromConfig(huggingFaceConfigSchema.parse(preset));
}
