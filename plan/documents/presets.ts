import { ownValue } from "../../core/index.ts";
import { GEMMA_PRESETS } from "./presets/gemma.ts";
import { LLAMA_PRESETS } from "./presets/llama.ts";
import { MISTRAL_PRESETS } from "./presets/mistral.ts";
import { MIXTURE_PRESETS } from "./presets/mixtures.ts";
import { OTHER_PRESETS } from "./presets/other.ts";
import { PHI_PRESETS } from "./presets/phi.ts";
import type { Presets } from "./presets/preset.ts";
import { QWEN_PRESETS } from "./presets/qwen.ts";

/**
 * Architectures by name, for simulation without a checkpoint. Source of each: the config.json of the model of that name
 * on the Hugging Face hub.
 */
export const PRESETS: Presets = {
  ...LLAMA_PRESETS,
  ...QWEN_PRESETS,
  ...GEMMA_PRESETS,
  ...PHI_PRESETS,
  ...MISTRAL_PRESETS,
  ...OTHER_PRESETS,
  ...MIXTURE_PRESETS,
};

/** Names that say more, or less, than ours. */
const ALSO_CALLED: Readonly<Record<string, string>> = {
  "phi-4-14b": "phi-4",
  "mistral-nemo": "mistral-nemo-12b",
  "mistral-nemo-2407": "mistral-nemo-12b",
  "ministral-8b-2410": "ministral-8b",
  "mistral-small-24b-2501": "mistral-small-24b",
};

/**
 * The name of ours for a model as people and the hub call it: "Llama 3.1 8B", "meta-llama/Llama-3.1-8B-Instruct". What
 * is trained further from a model has its shape. The versions of Mistral 7B differ in theirs.
 */
export function presetName(name: string): string {
  const own = name
    .toLowerCase()
    .replace(/^.*\//, "")
    .replaceAll(/[\s_:]+/g, "-")
    .replace(/^meta-/, "")
    .replace(/^([a-z]+)-?(?=\d)/, "$1-")
    .replace(/(?<=\d)-b(?=-|$)/, "b")
    .replace(/^(llama|qwen)-(\d)-(\d)-/, "$1-$2.$3-")
    .replace(/^olmo-2-\d{4}-/, "olmo-2-")
    .replaceAll(/-(instruct|chat|thinking|hf|base|it|pt|sft|dpo|coder|math|unsloth|bnb-4bit)(?=-|$)/g, "")
    .replaceAll(/(?<!^mistral-7b)-v\d[\d.]*(?=-|$)/g, "");
  return ownValue(ALSO_CALLED, own) ?? own;
}
