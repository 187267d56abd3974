// An adapter as PEFT loads it without a warning, with what a person wants to know of it.
import { copyFileSync } from "node:fs";
import path from "node:path";
import { VERSION, writeWholeFile } from "../../files/index.ts";
import { ADAPTER_CONFIG, ADAPTER_WEIGHTS, type AdapterFolder } from "./adapter-folder.ts";
import type { BaseFolder } from "./base-folder.ts";
import { modelCard, type TrainingFacts } from "./model-card.ts";
import { copyTokenizer } from "./new-folder.ts";

/** Of LoraConfig, peft 0.21.2; PEFT warns of others. */
const CONFIG_KEYS = new Set([
  ...["alora_invocation_tokens", "alpha_pattern", "arrow_config", "auto_mapping", "base_model_name_or_path", "bias"],
  ...["corda_config", "ensure_weight_tying", "eva_config", "exclude_modules", "fan_in_fan_out", "inference_mode"],
  ...["init_lora_weights", "kasa_config", "layer_replication", "layers_pattern", "layers_to_transform"],
  ...["loftq_config", "lora_alpha", "lora_bias", "lora_dropout", "lora_ga_config", "megatron_config"],
  ...["megatron_core", "modules_to_save", "monteclora_config", "peft_type", "peft_version", "qalora_group_size", "r"],
  ...["rank_pattern", "revision", "target_modules", "target_parameters", "task_type", "trainable_token_indices"],
  ...["use_bdlora", "use_dora", "use_qalora", "use_rslora", "velora_config"],
]);

/** In loratwin's or the hub library's cache: models--owner--name, and a revision in it. */
function cachedName(folder: string): string | undefined {
  const parts = folder.split(/[\\/]/);
  const [kind, owner, ...name] = parts.at(parts.at(-2) === "snapshots" ? -3 : -2)?.split("--") ?? [];
  return kind === "models" && name.length > 0 ? `${owner}/${name.join("--")}` : undefined;
}

/** The name of a base that others know it by, where that can be told. */
export function baseName(adapter: AdapterFolder, base: BaseFolder, given: string | undefined): string {
  if (given?.startsWith("hf:") === true) return given.slice("hf:".length).split("@")[0]!;
  const named = adapter.config["base_model_name_or_path"];
  const own = typeof named === "string" && named !== "" ? named : base.folder;
  return cachedName(own) ?? own;
}

/** @returns what a person should know of it */
export function writePeft(
  folder: string,
  name: string,
  adapter: AdapterFolder,
  base: BaseFolder,
  given: string | undefined,
  facts: TrainingFacts | undefined,
): readonly string[] {
  const own = baseName(adapter, base, given);
  const kept = Object.entries(adapter.config).filter(([key]) => CONFIG_KEYS.has(key));
  const config = { ...Object.fromEntries(kept), base_model_name_or_path: own };
  const withTask = { ...config, task_type: adapter.config["task_type"] ?? "CAUSAL_LM", inference_mode: true };
  writeWholeFile(path.join(folder, ADAPTER_CONFIG), `${JSON.stringify(withTask, null, 2)}\n`);
  copyFileSync(path.join(adapter.folder, ADAPTER_WEIGHTS), path.join(folder, ADAPTER_WEIGHTS));
  writeWholeFile(path.join(folder, "README.md"), modelCard(name, own, adapter, facts, VERSION));
  copyTokenizer(adapter.folder, base.folder, folder);
  const left = Object.keys(adapter.config).filter((key) => !CONFIG_KEYS.has(key));
  return [
    ...(left.length === 0 ? [] : [`Keys that PEFT does not know are left out: ${left.join(", ")}.`]),
    ...(path.isAbsolute(own)
      ? ["base_model is a folder of this machine; others need the base's name on the hub."]
      : []),
  ];
}
