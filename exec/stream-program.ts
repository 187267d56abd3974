// How attention and MLP take their input from the residual stream and join it again, and the same backwards.
import type { Dtype, Operator, Tensor } from "../native/index.ts";
import type { BranchTensors } from "../plan/index.ts";
import { gradientOutputs, type ProgramInput, type StreamGradient, TYPES, type Types } from "./program-input.ts";
import type { NormWeights } from "./stage-weights.ts";

/** A half of a layer as the stream sees it. */
export interface StreamHalf {
  /** The stream before it. */
  readonly x: Tensor;
  readonly rstd: Tensor;
  readonly branch: BranchTensors | undefined;
  readonly weights: NormWeights;
}

/** A type that an operator names only where it is not float32. */
function named<Key extends string>(key: Key, dtype: Dtype): { readonly [K in Key]?: Dtype } {
  return (dtype === "float32" ? {} : { [key]: dtype }) as { readonly [K in Key]?: Dtype };
}

/** The input of a half's products: normed, or the stream as it is in the compute dtype. */
export function halfInput({ architecture, dtype }: ProgramInput, half: StreamHalf, y: Tensor): Operator {
  const { hiddenSize: hidden, rmsNormEps: eps } = architecture;
  const { x, rstd, weights } = half;
  if (weights.before === undefined) return { op: "copy", x, y, ...named("to", dtype), columns: hidden };
  return { op: "rmsnorm", ...TYPES[dtype].compute, x, weight: weights.before, y, rstd, hidden, eps };
}

/** What the last product of a half writes: `y`, in the types of an output, and what is added to it. */
export interface HalfOutput {
  readonly y: Tensor;
  readonly types: Types["compute"] | Types["wideOutput"];
  readonly residual: { readonly residual?: Tensor; readonly ldr?: number };
}

/**
 * The stream behind a half, in `next`: the last product adds to it, or what it gives is normed or scaled before.
 * `branch`: where that is put which is scaled.
 */
export function joinStream(
  { architecture, dtype }: ProgramInput,
  { x, branch: kept, weights }: StreamHalf,
  next: Tensor,
  branch: Tensor | undefined,
  product: (output: HalfOutput) => readonly Operator[],
): readonly Operator[] {
  const { hiddenSize: hidden, rmsNormEps: eps, residualScale: scale } = architecture;
  const { compute, wideOutput } = TYPES[dtype];
  const y = kept?.y ?? (scale === undefined ? undefined : branch);
  if (y === undefined) return product({ y: next, types: wideOutput, residual: { residual: x, ldr: hidden } });
  const made = product({ y, types: compute, residual: {} });
  const join: Operator =
    kept === undefined
      ? { op: "copy", x: y, ...named("from", dtype), y: next, columns: hidden, scale: scale!, residual: x }
      : {
          ...{ op: "rmsnorm", ...compute, x: y, ...named("xType", dtype), weight: weights.after!, y: next },
          ...{ rstd: kept.rstd, residual: x, hidden, eps },
        };
  return [...made, join];
}

/** The gradient of what a half's last product gives, as products take it, and the operators that make it. */
export function branchGradient(
  { architecture, dtype, layout }: ProgramInput,
  { branch, weights }: StreamHalf,
  gradient: StreamGradient,
): { readonly operators: readonly Operator[]; readonly compute: Tensor } {
  const { hiddenSize: hidden, residualScale: scale } = architecture;
  const { branchGradient: compute, normedGradient } = layout.backward;
  const scaled = scale === undefined ? {} : { scale };
  if (compute === undefined) return { operators: [], compute: gradient.compute };
  if (branch === undefined)
    return {
      operators: [{ op: "copy", x: gradient.stream, y: compute, ...named("to", dtype), columns: hidden, ...scaled }],
      compute,
    };
  const outputs = gradientOutputs({ stream: dtype === "float32" ? compute : normedGradient, compute });
  return {
    operators: [
      {
        ...{ op: "rmsnormBackward", dy: gradient.stream, x: branch.y, ...named("xType", dtype) },
        ...{ rstd: branch.rstd, weight: weights.after!, ...outputs, hidden },
      },
    ],
    compute,
  };
}

/** On from the gradient of a half's input to that of the stream before it. */
export function streamGradient(
  { architecture, dtype, layout }: ProgramInput,
  { x, rstd, weights }: StreamHalf,
  gradient: StreamGradient,
  result: StreamGradient,
): readonly Operator[] {
  const { hiddenSize: hidden } = architecture;
  const dy = layout.backward.normedGradient;
  const residual = gradient.stream;
  if (weights.before !== undefined)
    return [
      { op: "rmsnormBackward", dy, x, rstd, weight: weights.before, ...gradientOutputs(result), residual, hidden },
    ];
  return [
    { op: "copy", x: dy, y: result.stream, columns: hidden, residual },
    ...(result.compute === result.stream
      ? []
      : [{ op: "copy", x: result.stream, y: result.compute, ...named("to", dtype), columns: hidden } as const]),
  ];
}
