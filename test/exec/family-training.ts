// What a case's adapters train to: as transformers and PEFT have stored it, or as a device does.

import { decodeFloats, encodeFloats, type Row } from "../../datasets/index.ts";
import type { BaseModel } from "../../exec/index.ts";
import { pairTensors } from "../../exec/peft.ts";
import {
  type FamilyCase,
  type FamilyResult,
  type FamilyRun,
  lossesOf,
  readFamilyAdapter,
  readGradients,
  rowOf,
  runFamily,
} from "./family-case.ts";

export interface Training {
  /** Of the case's sequences, each by itself. */
  readonly losses: readonly number[];
  /** Of the mini-batch, before each of six steps. */
  readonly steps: readonly number[];
  readonly gradNorm: number;
  /** Of the first step, under the adapter's tensor names. */
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

export const relative = (value: number, expected: number): number => Math.abs(value / expected - 1);

export function rowsOf({ expected }: FamilyCase): readonly Row[] {
  return expected.sequences.map(({ input_ids, labels }) => rowOf(input_ids, labels));
}

export function storedTraining(family: FamilyCase, set: string): Training {
  const { sequences, adamw, grad_sumsq } = family.expected.adapters[set]!;
  return {
    losses: sequences.map(({ loss_mean }) => loss_mean),
    steps: [...adamw.step_losses, adamw.loss_after],
    gradNorm: Math.sqrt(grad_sumsq),
    gradients: readGradients(family, set),
  };
}

/** Trains an adapter of a case from where it starts; `result` is that of the six steps. */
export async function trainFamily(
  family: FamilyCase,
  set: string,
  run: FamilyRun = {},
  model: BaseModel = family.model,
): Promise<Training & { readonly result: FamilyResult }> {
  const adapter = readFamilyAdapter(family, set);
  const rows = rowsOf(family);
  const { microBatchSize: _, ...alone } = run;
  const losses = await lossesOf(family, model, adapter, rows, alone);
  const batch = family.expected.minibatch.map((i) => rows[i]!);
  const steps = Array.from({ length: 6 }, () => batch);
  let gradients: ReadonlyMap<string, Float32Array> = new Map();
  const result = await runFamily(family, model, [{ adapter: adapter.spec, start: adapter.pairs, steps }], {
    ...run,
    statesEverySteps: 1,
    onEvent(event) {
      if (event.kind !== "states" || gradients.size > 0) return;
      const moments = event.states.get(0)!.state.firstMoment!;
      // The first moment after one step is a tenth of the gradient.
      gradients = new Map(
        pairTensors(model.architecture, moments).map(({ name, values }) => [name, values.map((value) => 10 * value)]),
      );
    },
  });
  const { metrics } = result;
  return { losses, steps: metrics.map(({ loss }) => loss), gradNorm: metrics[0]!.gradNorm, gradients, result };
}

export interface Distances {
  readonly losses: number;
  /** Of the mini-batch before the first step, and of all others. */
  readonly first: number;
  readonly trained: number;
  readonly gradNorm: number;
  /** The largest of an entry, as a share of its tensor's largest; and |g - wanted| / |wanted| of all together. */
  readonly entry: number;
  readonly gradients: number;
}

/** All relative. @throws where tensors or steps are others */
export function distances(found: Training, wanted: Training): Distances {
  const names = [...wanted.gradients.keys()].sort();
  if (found.steps.length !== wanted.steps.length || [...found.gradients.keys()].sort().join() !== names.join())
    throw new Error(`Expected ${wanted.steps.length} steps of ${names.length} tensors, got others`);
  const most = (values: readonly number[]): number => values.reduce((largest, value) => Math.max(largest, value), 0);
  const stepsOff = found.steps.map((loss, step) => relative(loss, wanted.steps[step]!));
  let [entry, off, size] = [0, 0, 0];
  for (const [name, values] of wanted.gradients) {
    const own = found.gradients.get(name)!;
    let [worst, largest] = [0, 0];
    values.forEach((value, i) => {
      const difference = own[i]! - value;
      off += difference ** 2;
      size += value ** 2;
      worst = Math.max(worst, Math.abs(difference));
      largest = Math.max(largest, Math.abs(value));
    });
    entry = Math.max(entry, worst / largest);
  }
  return {
    losses: most(found.losses.map((loss, i) => relative(loss, wanted.losses[i]!))),
    first: stepsOff[0]!,
    trained: most(stepsOff.slice(1)),
    gradNorm: relative(found.gradNorm, wanted.gradNorm),
    entry,
    gradients: Math.sqrt(off / size),
  };
}

/** The model on weights that bfloat16 has, whatever a device then multiplies. */
export function roundedModel({ architecture, weights }: BaseModel): BaseModel {
  return {
    architecture,
    weights: {
      read: (name, shape) => decodeFloats(encodeFloats(weights.read(name, shape), "BF16"), "BF16"),
      readBfloat16: () => undefined,
    },
  };
}
