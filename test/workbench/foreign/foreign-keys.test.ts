import { describe, expect, it } from "vitest";
import { readText } from "../../../plan/index.ts";
import { FOREIGN_TOOLS, type KeyTable, SETTINGS } from "../../../workbench/foreign/key-rules.ts";
import { AXOLOTL_DATASET_KEYS, AXOLOTL_KEYS } from "../../../workbench/foreign/keys/axolotl.ts";
import { LLAMAFACTORY_DATASET_KEYS, LLAMAFACTORY_KEYS } from "../../../workbench/foreign/keys/llamafactory.ts";
import { MLORA_ADAPTER_KEYS, MLORA_KEYS, MLORA_TASK_KEYS } from "../../../workbench/foreign/keys/mlora.ts";
import { PEFT_KEYS } from "../../../workbench/foreign/keys/peft.ts";
import { TRL_KEYS } from "../../../workbench/foreign/keys/trl.ts";
import { Findings, type Outcome, Reading } from "../../../workbench/foreign/reading.ts";
import { recognize } from "../../../workbench/foreign/recognize.ts";
import { TOOL_DEFAULTS } from "../../../workbench/foreign/tool-defaults.ts";

const TABLES: readonly KeyTable[] = [
  ...[AXOLOTL_KEYS, AXOLOTL_DATASET_KEYS, LLAMAFACTORY_KEYS, LLAMAFACTORY_DATASET_KEYS],
  ...[TRL_KEYS, PEFT_KEYS, MLORA_KEYS, MLORA_ADAPTER_KEYS, MLORA_TASK_KEYS],
];

function outcomes(table: KeyTable, mapping: Readonly<Record<string, unknown>>): Readonly<Record<string, Outcome>> {
  const findings = new Findings();
  new Reading([{ mapping, table, at: [] }], findings, readText("{}", "f.yaml"));
  return Object.fromEntries(findings.all.map(({ key, outcome }) => [key, outcome]));
}

describe("tables of foreign keys", () => {
  it("take each key over as one of ours, or give a reason", () => {
    for (const rule of TABLES.flatMap((table) => Object.values(table)))
      if ("as" in rule) expect(Object.hasOwn(SETTINGS, rule.as)).toBe(true);
      else expect(("idle" in rule ? rule.idle : rule.lacks).length).toBeGreaterThan(3);
  });

  it.each([
    ["a switch that is off", AXOLOTL_KEYS, { neftune_noise_alpha: 0, rl: null, tokens: [] }, {}],
    ["one that is on", AXOLOTL_KEYS, { fp8: true }, { fp8: "lacks" }],
    ["a value that is usual", LLAMAFACTORY_KEYS, { mix_strategy: "concat", bias: null }, { mix_strategy: "taken" }],
    ["one that is not", LLAMAFACTORY_KEYS, { mix_strategy: "interleave_under" }, { mix_strategy: "lacks" }],
    ["a no that asks for something", TRL_KEYS, { completion_only_loss: false }, { completion_only_loss: "lacks" }],
    ["a yes that is done anyway", TRL_KEYS, { completion_only_loss: true }, { completion_only_loss: "taken" }],
    [
      "a list of usual values, and an empty one that is not",
      AXOLOTL_DATASET_KEYS,
      { roles_to_train: ["gpt", "assistant"], train_on_eos: "all" },
      { roles_to_train: "taken", train_on_eos: "lacks" },
    ],
    ["that one alone", AXOLOTL_DATASET_KEYS, { roles_to_train: [] }, { roles_to_train: "lacks" }],
    ["keys of one beginning", AXOLOTL_KEYS, { wandb_anything: "x" }, { wandb_anything: "idle" }],
    [
      "a rule of its own over that",
      AXOLOTL_KEYS,
      { lora_r: 8, dataset_exact_deduplication: true },
      { lora_r: "taken", dataset_exact_deduplication: "lacks" },
    ],
    ["a key that nobody knows", PEFT_KEYS, { brand_new: 1, unset: false }, { brand_new: "lacks" }],
  ] as const)("find %s", (_, table, mapping, expected) => {
    expect(outcomes(table, mapping)).toEqual(expected);
  });

  it.each([
    ["axolotl", { base_model: "m" }],
    ["llamafactory", { model_name_or_path: "m", stage: "sft" }],
    ["trl", { model_name_or_path: "m", use_peft: true }],
    ["trl", { per_device_train_batch_size: 1, output_dir: "o" }],
    ["peft", { peft_type: "LORA", r: 8, base_model_name_or_path: "m" }],
    ["mlora", { dispatcher: {}, tasks: [], adapters: [] }],
  ] as const)("recognize %s", (tool, mapping) => {
    expect(FOREIGN_TOOLS).toContain(tool);
    expect(TOOL_DEFAULTS[tool].rank).toBeGreaterThan(0);
    expect(recognize(mapping, "f.yaml")).toBe(tool);
  });
});
