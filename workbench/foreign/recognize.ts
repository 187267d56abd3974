import { InputError, isMapping, type Mapping } from "../../core/index.ts";
import { FOREIGN_TOOLS, type ForeignTool } from "./key-rules.ts";

/** Keys that only one of the tools has, in the order in which they are looked for. */
const SIGNS: readonly (readonly [ForeignTool, (keys: Mapping) => boolean])[] = [
  ["mlora", ({ tasks, adapters }) => Array.isArray(tasks) && Array.isArray(adapters)],
  ["peft", (keys) => "peft_type" in keys || ("r" in keys && "lora_alpha" in keys)],
  ["axolotl", (keys) => "base_model" in keys],
  [
    "llamafactory",
    (keys) => ["stage", "finetuning_type", "lora_rank", "cutoff_len", "dataset_dir"].some((key) => key in keys),
  ],
  [
    "trl",
    (keys) =>
      ["per_device_train_batch_size", "num_train_epochs", "use_peft", "dataset_name", "max_length"].some(
        (key) => key in keys,
      ),
  ],
];

/** Which tool a configuration is for. @throws InputError where its keys do not tell */
export function recognize(value: unknown, file: string): ForeignTool {
  const found = isMapping(value) ? SIGNS.find(([, isOf]) => isOf(value)) : undefined;
  if (found !== undefined) return found[0];
  const isOurs = isMapping(value) && value["kind"] !== undefined;
  throw new InputError({
    expected: "a configuration of Axolotl, LLaMA-Factory, TRL, PEFT or mLoRA",
    file,
    got: isMapping(value) ? Object.keys(value).slice(0, 8) : value,
    hint: isOurs ? "This is a document of loratwin already." : `--from ${FOREIGN_TOOLS.join("|")} says which it is.`,
  });
}
