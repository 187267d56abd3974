import { parse } from "csv-parse/sync";
import { z } from "zod";
import { InputError } from "../../core/index.ts";
import {
  type Architecture,
  architectureFromConfig,
  CATALOG,
  huggingFaceConfigSchema,
  PRESETS,
} from "../../plan/index.ts";
import { acceleratorOf, type PeakMemory, type ProductPrecision, type TrainingStep } from "../../studies/index.ts";
import { deviceOf } from "./device-of.ts";

const count = z.coerce.number().int().positive();

/** The columns of a table of training steps of whole systems that are read; others are left alone. */
const rowSchema = z.object({
  row_id: z.string().min(1),
  quality: z.enum(["A", "B", "C"]),
  group_id: z.string().min(1),
  phase: z.string(),
  accelerator: z.string().min(1),
  accelerators: count,
  micro_batch: count,
  grad_accum: count,
  tp: count,
  cp: count,
  pp: count,
  tp_comm_overlap: z.string(),
  cp_comm: z.string(),
  seq_len: count,
  lora_rank: count,
  lora_targets: z.string(),
  linear_precision: z.enum(["bf16", "fp8", "fp4"]),
  recompute_layers: z.coerce.number().int().nonnegative(),
  optimizer_sharding: z.string(),
  cuda_graph: z.string(),
  software_release: z.string().min(1),
  scale_up_domain: count,
  step_seconds: z.coerce.number().positive(),
  base_weight_storage: z.string(),
  mlp_activation_store: z.string(),
  /** Of torch, what was allocated at most; empty where nobody looked. */
  peak_mem_gib: z.union([z.literal(""), z.coerce.number().positive()]),
});

type Row = z.infer<typeof rowSchema>;

/** Whether a CSV file's first line has the columns of a table of training steps. */
export function hasTrainingSteps(text: string): boolean {
  const heading = text.slice(0, text.indexOf("\n")).split(",");
  return Object.keys(rowSchema.shape).every((column) => heading.includes(column));
}

const PRECISIONS: Readonly<Record<Row["linear_precision"], ProductPrecision>> = {
  bf16: "bfloat16",
  fp8: "float8",
  fp4: "float4",
};

/** The model that a table is of: the preset whose name stands in its file's, such as llama2-70b-lora.csv. */
function modelOf(file: string): Architecture {
  const plain = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]/g, "");
  const name = Object.keys(PRESETS).find((each) => plain(file).includes(plain(each)));
  if (name === undefined)
    throw new InputError({
      expected: "a file that is named after its model",
      file,
      hint: `Put one of these into its name: ${Object.keys(PRESETS).join(", ")}.`,
    });
  return architectureFromConfig(huggingFaceConfigSchema.parse(PRESETS[name]));
}

/** Of the fused product of queries, keys and values with one adapter, and of attention's output, in all layers. */
function trainedParameters({ lora_rank, lora_targets }: Row, arch: Architecture): number {
  if (lora_targets !== "qkv (fused) + attention output")
    throw new InputError({ expected: "adapters on fused q, k, v and on attention's output", got: lora_targets });
  const { hiddenSize, numHeads, numKvHeads, headDim, numLayers } = arch;
  const attention = numHeads * headDim;
  const fused = attention + 2 * numKvHeads * headDim;
  return numLayers * lora_rank * (hiddenSize + fused + attention + hiddenSize);
}

/**
 * The release that a row's speed counts with: one family's releases are those of its round, whoever packed them, and
 * DeepSpeed's stand for themselves.
 */
function releaseOf({ software_release }: Row): string {
  return software_release.replace(/^llmboost-/, "nemo1-rocm-").replace(/^deepspeed-.*/, "deepspeed");
}

/** A phase of few steps after products of 4 bits whose time nothing explains (the table's own README says so). */
const DROPPED = (row: Row): boolean => row.quality === "C" && row.accelerator === "GB200";

/** What a table of training steps has. */
export interface TrainingSteps {
  readonly steps: readonly TrainingStep[];
  readonly peaks: readonly PeakMemory[];
}

const STORED_BYTES: Readonly<Record<string, number>> = { bf16: 2, fp8: 1 };

function peakOf(row: Row, { name, system }: TrainingStep): readonly PeakMemory[] {
  const weightBytes = STORED_BYTES[row.base_weight_storage];
  const storedBytes = STORED_BYTES[row.mlp_activation_store];
  if (row.peak_mem_gib === "" || weightBytes === undefined || storedBytes === undefined) return [];
  return [
    {
      ...{ name, system },
      configuration: [row.accelerator, row.tp, row.cp, row.mlp_activation_store, row.recompute_layers].join(" "),
      ...{ weightBytes, storedBytes },
      isStateSharded: row.optimizer_sharding.includes("ZeRO-1"),
      bytes: row.peak_mem_gib * 2 ** 30,
    },
  ];
}

/** @throws InputError for a row that is none */
export function readTrainingSteps(text: string, file: string): TrainingSteps {
  const records = parse(text, { columns: true, bom: true }) as readonly Readonly<Record<string, string>>[];
  const architecture = modelOf(file);
  const rows = records.flatMap((record, index) => {
    const parsed = rowSchema.safeParse(record);
    if (!parsed.success)
      throw new InputError({
        expected: "a training step of a system",
        at: `row ${index + 1}, ${parsed.error.issues[0]!.path.join(".")}`,
        got: record[String(parsed.error.issues[0]!.path[0])],
        file,
      });
    const row = parsed.data;
    return DROPPED(row) ? [] : [row];
  });
  const steps = rows.map((row): TrainingStep => {
    const release = releaseOf(row);
    return {
      name: `${row.row_id} ${row.phase}`,
      group: row.group_id,
      release,
      seconds: row.step_seconds,
      isDoubtful: row.quality === "C" || release === "deepspeed",
      isOwnSoftware: release === "deepspeed",
      system: {
        ...{ accelerator: acceleratorOf(deviceOf(row.accelerator).name, CATALOG), architecture },
        trainedParameters: trainedParameters(row, architecture),
        targets: ["q_proj", "k_proj", "v_proj", "o_proj"],
        accelerators: row.accelerators,
        tensorParallel: row.tp,
        contextParallel: row.cp,
        contextExchange: row.cp_comm === "a2a" ? "all-to-all" : "ring",
        pipelineParallel: row.pp,
        tokens: row.seq_len * row.micro_batch,
        accumulation: row.grad_accum,
        precision: PRECISIONS[row.linear_precision],
        recomputedLayers: row.recompute_layers,
        isSharded: row.optimizer_sharding.startsWith("ZeRO-3"),
        hasGraphs: row.cuda_graph !== "none",
        overlaps: row.tp_comm_overlap === "yes",
        scaleUp: row.scale_up_domain,
      },
    };
  });
  return { steps, peaks: rows.flatMap((row, index) => peakOf(row, steps[index]!)) };
}
