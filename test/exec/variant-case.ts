import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { readSafetensors } from "../../datasets/index.ts";
import { type AdapterPair, type JobState, openModelFolder, readPeftFolder } from "../../exec/index.ts";
import { pairTensors, readPairs } from "../../exec/peft.ts";
import type { AdapterSpec, OptimizerSpec, Projection } from "../../plan/index.ts";
import { SHARED } from "../shared-folder.ts";
import { type FamilyRun, rowOf, runFamily } from "./family-case.ts";

/** What PEFT, transformers and PyTorch compute with variants of LoRA. */
export const VARIANTS_FOLDER = path.join(SHARED, "oracle/variants");
export const HAS_VARIANTS = existsSync(path.join(VARIANTS_FOLDER, "lora/case.json"));

/** case.json, as far as it is compared. */
interface Known {
  readonly losses: readonly number[];
  readonly grad_norms: readonly number[];
  readonly max_grad_norm: number | null;
  readonly optimizer: {
    readonly lr: number;
    readonly betas: readonly [number, number];
    readonly eps: number;
    readonly weight_decay: number;
    readonly ratio?: number;
  };
}

export interface VariantCase {
  readonly folder: string;
  readonly model: ReturnType<typeof openModelFolder>;
  readonly known: Known;
  readonly adapter: AdapterSpec;
  readonly optimizer: OptimizerSpec;
}

export function readVariant(name: string): VariantCase {
  const folder = path.join(VARIANTS_FOLDER, name);
  const read = (file: string): unknown => JSON.parse(readFileSync(path.join(folder, file), "utf8"));
  const known = read("case.json") as Known;
  const config = read("init/adapter_config.json") as {
    readonly r: number;
    readonly lora_alpha: number;
    readonly use_rslora: boolean;
    readonly use_dora: boolean;
    readonly target_modules: readonly Projection[];
    readonly rank_pattern: Readonly<Record<string, number>>;
    readonly alpha_pattern: Readonly<Record<string, number>>;
  };
  const { lr, betas, eps, weight_decay: weightDecay, ratio } = known.optimizer;
  return {
    folder,
    model: openModelFolder(path.join(VARIANTS_FOLDER, "model")),
    known,
    adapter: {
      ...{ rank: config.r, alpha: config.lora_alpha, dropout: 0, targets: [...config.target_modules] },
      ...(config.use_rslora ? { rslora: true } : {}),
      ...(config.use_dora ? { dora: true } : {}),
      ...{ rankPattern: config.rank_pattern, alphaPattern: config.alpha_pattern },
    },
    optimizer: {
      ...{ name: "adamw", learningRate: lr, betas: [...betas], eps, weightDecay },
      ...(known.max_grad_norm === null ? {} : { maxGradNorm: known.max_grad_norm }),
      ...(ratio === undefined ? {} : { loraPlusRatio: ratio }),
    },
  };
}

export function variantPairs({ folder, adapter, model }: VariantCase, part: "init" | "after"): readonly AdapterPair[] {
  return readPeftFolder(path.join(folder, part), adapter, model.architecture);
}

/** Tensors of a file under PEFT's names. */
export function variantTensors({ folder, adapter, model }: VariantCase, name: string): readonly AdapterPair[] {
  const file = path.join(folder, name);
  return readPairs(readSafetensors(file), file, adapter, model.architecture);
}

export interface VariantRun {
  readonly losses: readonly number[];
  readonly gradNorms: readonly number[];
  /** After each step. */
  readonly states: readonly JobState["state"][];
}

/** Trains the five steps of the case from its start. */
export async function runVariant(
  variant: VariantCase,
  run: FamilyRun = {},
  start = variantPairs(variant, "init"),
): Promise<VariantRun> {
  const { model, adapter, optimizer } = variant;
  const data = JSON.parse(readFileSync(path.join(VARIANTS_FOLDER, "data.json"), "utf8")) as readonly (readonly {
    readonly input_ids: readonly number[];
    readonly labels: readonly number[];
  }[])[];
  const steps = data.map((rows) => rows.map(({ input_ids, labels }) => rowOf(input_ids, labels)));
  const states: JobState["state"][] = [];
  const job = { adapter, start, steps, optimizer };
  const { metrics } = await runFamily({ digest: model.digest }, model, [job], {
    ...run,
    statesEverySteps: 1,
    onEvent(event) {
      if (event.kind === "states") states.push(event.states.get(0)!.state);
    },
  });
  return {
    losses: metrics.map(({ loss }) => loss),
    gradNorms: metrics.map(({ gradNorm }) => gradNorm),
    states,
  };
}

/** The largest difference of the numbers of a tensor as a share of its largest number, over all tensors. */
export function worstShare(
  { model }: VariantCase,
  own: readonly AdapterPair[],
  other: readonly AdapterPair[],
  factor = 1,
): number {
  const [left, right] = [own, other].map((pairs) => pairTensors(model.architecture, pairs));
  return left!.reduce((worst, { values }, index) => {
    const expected = right![index]!.values;
    const most = expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
    const off = expected.reduce((largest, value, i) => Math.max(largest, Math.abs(factor * values[i]! - value)), 0);
    // Behind a B of zeros A has no gradient.
    return Math.max(worst, most === 0 ? off : off / most);
  }, 0);
}
