// Cases of TRL's trainers, and what a job of ours makes of them.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { compareRows, type Row, readSafetensors } from "../../datasets/index.ts";
import { type AdapterPair, openModelFolder, readPeftFolder, type StepMetrics } from "../../exec/index.ts";
import { pairTensors, readPairs } from "../../exec/peft.ts";
import { lossSchema } from "../../plan/documents/loss.ts";
import type { AdapterSpec, LossSpec, OptimizerSpec } from "../../plan/index.ts";
import { comparingOf } from "../../workbench/index.ts";
import { SHARED } from "../shared-folder.ts";
import { type FamilyJob, type FamilyResult, type FamilyRun, rowOf, runFamily } from "./family-case.ts";

/** What TRL, PEFT and transformers compute with losses that compare answers. */
const LOSSES_FOLDER = path.join(SHARED, "oracle/losses");
export const HAS_LOSSES = existsSync(path.join(LOSSES_FOLDER, "cases/dpo_train5.json"));

/** A case file, as far as it is compared. */
export interface PreferenceCase {
  readonly case: string;
  readonly trainer: string;
  readonly like?: string;
  readonly config: {
    readonly beta: number;
    readonly loss_type?: string | readonly string[];
    readonly loss_weights?: readonly number[];
    readonly label_smoothing?: number;
    readonly cpo_alpha?: number;
    readonly simpo_gamma?: number;
    readonly desirable_weight?: number;
    readonly undesirable_weight?: number;
    readonly truncation_mode?: "keep_start" | "keep_end";
    readonly max_length: number | null;
  };
  readonly batch: string;
  readonly rows_per_step?: number;
  readonly loss: number;
  readonly nll?: number;
  readonly kl?: number;
  readonly rewards_chosen?: readonly number[];
  readonly rewards_rejected?: readonly number[];
  readonly rewards?: readonly number[];
  readonly label?: readonly boolean[];
  readonly margins?: readonly number[];
  readonly chosen?: { readonly policy: readonly number[]; readonly tokens: readonly number[] };
  readonly rejected?: { readonly policy: readonly number[]; readonly tokens: readonly number[] };
  readonly policy?: readonly number[];
  readonly grad_norm: number;
  readonly optimizer?: Readonly<Record<string, number>>;
  readonly history?: readonly { readonly loss: number; readonly grad_norm: number }[];
}

export function readCase(name: string): PreferenceCase {
  return JSON.parse(readFileSync(path.join(LOSSES_FOLDER, "cases", `${name}.json`), "utf8")) as PreferenceCase;
}

/** The loss of a case as a job has it. */
export function lossOf({ case: name, trainer, config }: PreferenceCase): LossSpec {
  const { beta, label_smoothing: labelSmoothing = 0 } = config;
  if (name.startsWith("simpo"))
    return lossSchema.parse({ kind: "simpo", beta, gamma: config.simpo_gamma, nllWeight: config.cpo_alpha });
  if (name.startsWith("cpo"))
    return lossSchema.parse({ kind: "cpo", beta, labelSmoothing, nllWeight: config.cpo_alpha });
  if (name.startsWith("orpo")) return lossSchema.parse({ kind: "orpo", beta });
  if (name.startsWith("kto"))
    return lossSchema.parse({
      ...{ kind: "kto", beta, type: config.loss_type },
      ...{ desirableWeight: config.desirable_weight, undesirableWeight: config.undesirable_weight },
    });
  if (name.startsWith("cdpo")) return lossSchema.parse({ kind: "dpo", beta, labelSmoothing });
  if (!trainer.includes("DPO")) throw new Error(`Expected a known trainer, got ${trainer}`);
  const [type, other] = [config.loss_type ?? "sigmoid"].flat() as readonly string[];
  return lossSchema.parse({
    ...{ kind: "dpo", beta, type },
    // TRL ignores it of the others.
    ...(type === "robust" ? { labelSmoothing } : {}),
    ...(other === "sft" ? { sftWeight: config.loss_weights![1] } : {}),
    ...(config.truncation_mode === "keep_end" ? { cut: "start" } : {}),
  });
}

interface PairRecord {
  readonly prompt: readonly number[];
  readonly chosen?: readonly number[];
  readonly rejected?: readonly number[];
  readonly completion?: readonly number[];
  readonly label?: boolean;
}

function sequence(prompt: readonly number[], answer: readonly number[]): Row {
  return rowOf([...prompt, ...answer], [...prompt.map(() => -100), ...answer]);
}

/** The rows of a case's data, as a job compares them. */
export function rowsOfCase(batch: string, loss: LossSpec, batchSize: number, cutoffLength?: number): readonly Row[] {
  const file = path.join(LOSSES_FOLDER, "data", `${batch}.json`);
  const records = JSON.parse(readFileSync(file, "utf8")) as readonly PairRecord[];
  const rows = records.flatMap(({ prompt, chosen, rejected, completion, label }) =>
    completion === undefined
      ? [sequence(prompt, chosen!), sequence(prompt, rejected!)]
      : [{ ...sequence(prompt, completion), isDesirable: label! }],
  );
  const whole = {
    rows,
    numJoined: 0,
    ignored: [],
    remarks: {},
    format: "tokens",
    shuffle: false,
    file,
    tooLong: "cut",
  } as const;
  return compareRows(whole, comparingOf({ loss, batchSize })!, cutoffLength).rows;
}

const model = HAS_LOSSES ? openModelFolder(path.join(LOSSES_FOLDER, "model")) : undefined!;
const ADAPTER: AdapterSpec = {
  ...{ rank: 4, alpha: 8, dropout: 0 },
  targets: ["q_proj", "k_proj", "v_proj", "o_proj"],
};

const start = (): readonly AdapterPair[] =>
  readPeftFolder(path.join(LOSSES_FOLDER, "adapter"), ADAPTER, model.architecture);

const NO_DECAY: OptimizerSpec = {
  ...{ name: "adamw", learningRate: 0.01, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 },
};

/** A case as a job: one step, or the five of a training. */
export function jobOfCase(name: string): FamilyJob & { readonly known: PreferenceCase } {
  const known = readCase(name);
  const like = known.like === undefined ? known : readCase(known.like);
  const loss = lossOf(like);
  const size = known.rows_per_step;
  const all = rowsOfCase(known.batch ?? like.batch, loss, size ?? 100, like.config.max_length ?? undefined);
  const steps =
    size === undefined ? [all] : Array.from({ length: 5 }, (_, step) => all.slice(step * size, (step + 1) * size));
  const { optimizer: own } = known;
  const optimizer =
    own === undefined
      ? NO_DECAY
      : {
          ...NO_DECAY,
          ...{
            learningRate: own["learning_rate"]!,
            weightDecay: own["weight_decay"]!,
            maxGradNorm: own["max_grad_norm"]!,
          },
        };
  return { adapter: ADAPTER, start: start(), steps, optimizer, loss, known: { ...like, ...known } };
}

/** A job that is trained as it is, for others beside it. */
export function plainJob(steps: number): FamilyJob {
  const rows = [sequence([1, 5, 9], [33, 7, 2]), sequence([1, 70], [12, 13, 14, 2])];
  return { adapter: ADAPTER, start: start(), steps: Array.from({ length: steps }, () => rows) };
}

export interface CaseResult extends FamilyResult {
  /** Of the first job. */
  readonly own: readonly StepMetrics[];
  /** Gradients of the first job's first step, where it is not clipped, under the tensor names. */
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

export async function runJobs(jobs: readonly FamilyJob[], run: FamilyRun = {}): Promise<CaseResult> {
  let moments: readonly AdapterPair[] | undefined;
  const result = await runFamily({ digest: model.digest }, model, jobs, {
    ...run,
    statesEverySteps: 1,
    onEvent(event) {
      if (event.kind === "states") moments ??= event.states.get(0)?.state.firstMoment;
    },
  });
  const gradients = new Map(
    // The first moment after one step is a tenth of the gradient.
    pairTensors(model.architecture, moments!).map(({ name, values }) => [name, values.map((value) => 10 * value)]),
  );
  return { ...result, own: result.metrics.filter(({ job }) => job === "job0"), gradients };
}

/** Tensors of a file of the cases, under the names of `gradients`. */
export function caseTensors(file: string): ReadonlyMap<string, Float32Array> {
  const name = path.join(LOSSES_FOLDER, "cases", file);
  const pairs = readPairs(readSafetensors(name), name, ADAPTER, model.architecture);
  return new Map(pairTensors(model.architecture, pairs).map(({ name: key, values }) => [key, values]));
}

/** Tensors of a trained adapter. */
export function tensorsOf(pairs: readonly AdapterPair[]): ReadonlyMap<string, Float32Array> {
  return new Map(pairTensors(model.architecture, pairs).map(({ name, values }) => [name, values]));
}

/** |found - wanted| / |wanted| of all numbers together. */
export function distance(found: ReadonlyMap<string, Float32Array>, wanted: ReadonlyMap<string, Float32Array>): number {
  let [off, size] = [0, 0];
  for (const [name, values] of wanted)
    values.forEach((value, i) => {
      off += (found.get(name)![i]! - value) ** 2;
      size += value ** 2;
    });
  return Math.sqrt(off / size);
}
