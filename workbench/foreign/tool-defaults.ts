import type { Projection } from "../../plan/index.ts";
import type { CountedRows } from "./count-rows.ts";
import { type ForeignTool, TOOL_NAMES } from "./key-rules.ts";
import type { LossPlan } from "./loss-lines.ts";

/** What the lines of a job depend on beside its file. */
export interface JobContext {
  readonly tool: ForeignTool;
  /** Processes that trained side by side, each with its own micro-batches. */
  readonly gpus: number;
  /** What becomes of its rows, where they are here. */
  readonly rows: CountedRows | undefined;
  /** What answers are compared by, where they are. */
  readonly loss: LossPlan | undefined;
  /** A path of the file as the workload has it. */
  readonly pathOf: (named: string) => string;
}

/** What a tool does where its file says nothing. */
export interface ToolDefaults {
  readonly rank: number;
  readonly alpha: (rank: number) => number;
  readonly dropout: number;
  /** Every projection, or PEFT's for models of the Llama family. */
  readonly targets: "all" | readonly Projection[];
  readonly microBatch: number;
  readonly epochs: number;
  readonly cutoff: number | undefined;
  readonly rate: number;
  readonly weightDecay: number;
  readonly maxGradNorm: number | undefined;
  readonly scheduler: string;
  /** Of the steps, and the most of them. */
  readonly warmup: { readonly ratio: number; readonly most: number } | undefined;
}

/** Source: TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING of peft, for llama, mistral, qwen2 and 3, gemma2 and 3. */
const PEFT_TARGETS = ["q_proj", "v_proj"] as const;

/** Source: TrainingArguments of transformers 5.24. */
const TRAINER = {
  microBatch: 8,
  epochs: 3,
  rate: 5e-5,
  weightDecay: 0,
  maxGradNorm: 1,
  scheduler: "linear",
  warmup: undefined,
} as const;

/** Source: LoraConfig of peft 0.21. */
const PEFT = { rank: 8, alpha: () => 8, dropout: 0, targets: PEFT_TARGETS } as const;

export const TOOL_DEFAULTS: Readonly<Record<ForeignTool, ToolDefaults>> = {
  // Source: axolotl 0.21, utils/schemas and core/builders/base.py; what it does not say is transformers'.
  axolotl: {
    ...{ ...TRAINER, ...PEFT },
    ...{ microBatch: 1, epochs: 1, cutoff: 512, scheduler: "cosine", warmup: { ratio: 0.03, most: 100 } },
  },
  // Source: llamafactory 0.9.5, hparams.
  llamafactory: { ...TRAINER, rank: 8, alpha: (rank) => 2 * rank, dropout: 0, targets: "all", cutoff: 2048 },
  // Source: trl 1.16, trainer/model_config.py and sft_config.py.
  trl: { ...TRAINER, rank: 16, alpha: () => 32, dropout: 0.05, targets: PEFT_TARGETS, cutoff: 1024, rate: 2e-5 },
  peft: { ...TRAINER, ...PEFT, cutoff: undefined },
  // Source: mlora/config, where nearly all keys must be there; AdamW is PyTorch's, whose weight decay is 0.01.
  mlora: {
    ...{ ...PEFT, microBatch: 1, epochs: 1, cutoff: undefined, rate: 3e-4, weightDecay: 0.01 },
    ...{ maxGradNorm: undefined, scheduler: "constant", warmup: undefined },
  },
};

/** The same of a job. Trainers of TRL that compare answers have a lower rate; LLaMA-Factory's have no default of theirs. */
export function defaultsOf({ tool, loss }: Pick<JobContext, "tool" | "loss">): ToolDefaults {
  const own = TOOL_DEFAULTS[tool];
  return loss !== undefined && (tool === "trl" || tool === "axolotl") ? { ...own, rate: 1e-6 } : own;
}

/** Of which program the default of a key is. PEFT has no training of its own. */
export function defaultOf(tool: ForeignTool, key: string): string {
  return `the default of ${tool === "peft" && !ADAPTER_KEYS.includes(key) ? "transformers" : TOOL_NAMES[tool]}`;
}

const ADAPTER_KEYS = ["rank", "alpha", "dropout", "targets"];
