import type { Mapping } from "../../core/index.ts";
import type { Line } from "../write/workload-text.ts";
import type { ForeignTool } from "./key-rules.ts";
import type { Reading } from "./reading.ts";

const METHODS: Readonly<
  Record<ForeignTool, { readonly lora: RegExp; readonly key: string; readonly isDefault: boolean }>
> = {
  axolotl: { lora: /^q?lora$/, key: "adapter", isDefault: false },
  llamafactory: { lora: /^lora$/, key: "finetuning_type", isDefault: true },
  trl: { lora: /^true$/, key: "use_peft", isDefault: false },
  peft: { lora: /^lora$/i, key: "peft_type", isDefault: true },
  mlora: { lora: /^lora$/, key: "type", isDefault: true },
};

/** Says so where something else than LoRA is trained. */
export function checkMethod(reading: Reading, tool: ForeignTool, mapping: Mapping = {}): void {
  const { lora, key, isDefault } = METHODS[tool];
  const given = reading.given("fullOrAdapter");
  if (tool === "peft")
    reading.unsaid(
      "learning_rate, num_train_epochs",
      "otherwise",
      "the file does not say how it was trained: defaults of transformers; `loratwin init` advises others",
    );
  const text = "an adapter of LoRA is trained in its place";
  if (given === undefined || given.value === false) {
    const isTrainersAlone = tool === "trl" && given === undefined && mapping["model_name_or_path"] === undefined;
    if (isTrainersAlone) reading.unsaid(key, "otherwise", `arguments of a Trainer do not say what is trained: ${text}`);
    else if (!isDefault) reading.unsaid(key, "lacks", `all weights are trained (full fine-tuning); ${text}`);
  } else if (!lora.test(String(given.value))) reading.lacks("fullOrAdapter", `${String(given.value)}: ${text}`);
}

const QUANTIZED = "the layers are quantized as docs/reference/training.md says";

function dtypeOf(reading: Reading): Line | undefined {
  const bits = reading.number("bits");
  const whys = (setting: "bits" | "nf4" | "int8"): string => {
    reading.otherwise(setting, QUANTIZED);
    return reading.given(setting)!.key;
  };
  if (bits?.value === 8) return { key: "dtype", value: "int8", why: whys("bits") };
  if (bits !== undefined) {
    const why = whys("bits");
    if (bits.value !== 4) reading.lacks("bits", `weights of ${bits.value} bits: nf4 has 4, int8 has 8`);
    return { key: "dtype", value: "nf4", why };
  }
  if (reading.isOn("nf4")) return { key: "dtype", value: "nf4", why: whys("nf4") };
  if (reading.isOn("int8")) return { key: "dtype", value: "int8", why: whys("int8") };
  const dtype = reading.text("dtype");
  if (dtype !== undefined && /float32|fp32/.test(dtype.value))
    return { key: "dtype", value: "float32", why: dtype.key };
  if (reading.isOn("bfloat16")) return { key: "dtype", value: "bfloat16", why: reading.given("bfloat16")!.key };
  if (dtype !== undefined && /bf(?:loat)?16/.test(dtype.value))
    return { key: "dtype", value: "bfloat16", why: dtype.key };
  const half = reading.isOn("float16") ? reading.given("float16") : undefined;
  if (half === undefined && !/^(?:float|fp)16$/.test(dtype?.value ?? "")) return undefined;
  reading.otherwise(half === undefined ? "dtype" : "float16", "16 bits are bfloat16 here, which needs no loss scaling");
  return { key: "dtype", value: "bfloat16", why: (half ?? dtype)!.key };
}

/** How the model is kept. */
export function precisionLines(reading: Reading): readonly Line[] {
  const dtype = dtypeOf(reading);
  for (const setting of ["recompute", "noRecompute"] as const)
    reading.otherwise(setting, "recompute: auto computes layers again where memory asks for it");
  return dtype === undefined ? [] : [dtype];
}
