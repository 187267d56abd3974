import type { AttentionKind, Operator, Tensor } from "../native/index.ts";
import { layerAttention, loraGroup } from "../plan/index.ts";
import { loraBackward, loraForward, magnitudesBackward, magnitudesForward, targetsAny } from "./lora-operators.ts";
import { type ProgramInput, type StreamGradient, TYPES, widthsOf } from "./program-input.ts";
import { branchGradient, halfInput, joinStream, type StreamHalf, streamGradient } from "./stream-program.ts";

const INPUTS = loraGroup("q_proj");

/** Where a forward, or a backward that makes a layer again, works. */
export interface AttentionArea {
  readonly normed: Tensor;
  readonly turned: Tensor | undefined;
  readonly scratch: Tensor;
}

/** The attention of a stage's layer; undefined where the stage does not have it. */
function attentionOf({ layout, weights }: ProgramInput, index: number) {
  const { attention } = layout.layers[index]!;
  const own = weights.layers[index]!.attention;
  if (attention === undefined || own === undefined) return undefined;
  const half: StreamHalf = { ...attention, weights: own };
  return { tensors: attention, weights: own, half };
}

/** What attention of a layer computes otherwise than Llama's. */
function kindOf({ architecture, stage }: ProgramInput, index: number): AttentionKind {
  const { attentionScale: scale, scoreCap: softcap } = architecture;
  const { window, chunk } = layerAttention(architecture, stage.firstLayer + index);
  return {
    ...(scale === undefined ? {} : { scale }),
    ...(softcap === undefined ? {} : { softcap }),
    ...(window === undefined ? {} : { window }),
    ...(chunk === undefined ? {} : { chunk }),
  };
}

/**
 * What is done to queries and keys in place of `x`, or back to their gradients: turned by their position, or scaled where
 * a layer does not turn them.
 */
function turn({ architecture, dtype, stage, weights }: ProgramInput, index: number, x: Tensor, inverse: boolean) {
  const { qkv: ld, query, heads } = widthsOf(architecture);
  const { compute } = TYPES[dtype];
  const { rope } = layerAttention(architecture, stage.firstLayer + index);
  if (rope === "none") {
    const { temperature } = architecture;
    return temperature === undefined
      ? []
      : [{ op: "temperature", ...compute, x, ld, column: heads.qColumn, columns: query, ...temperature } as const];
  }
  const { frequencies, long, factor } = weights.ropes[rope]!;
  const operator: Operator = {
    ...{ op: "rope", ...compute, x, ld, column: 0, heads: heads.heads + heads.kvHeads, headDim: heads.headDim },
    frequencies,
    ...(long === undefined ? {} : { longFrequencies: long.frequencies, longFrom: long.longFrom }),
    ...(architecture.rotaryPairs === true ? { pairs: true } : {}),
    ...(factor === 1 ? {} : { factor }),
    inverse,
  };
  return [operator];
}

/** The norms of queries and keys of a layer, as operators have them; undefined where it has none. */
function headNormOf({ architecture, stage, weights }: ProgramInput, index: number) {
  const { headNorm, rmsNormEps: eps } = architecture;
  const { rope } = layerAttention(architecture, stage.firstLayer + index);
  if (headNorm === undefined || (headNorm.afterRope === true && rope === "none")) return undefined;
  const { qkv: ld, heads } = widthsOf(architecture);
  const own = weights.layers[index]!.attention!.heads;
  const fields = { ld, ...heads, ...own, whole: headNorm.over === "row", eps };
  return { fields, isAfterRope: headNorm.afterRope === true };
}

/** Queries and keys as attention takes them, and where these are: `turned`, or what the product gave, in place. */
function prepareHeads(input: ProgramInput, index: number, qkv: Tensor, turned: Tensor | undefined) {
  const norm = headNormOf(input, index);
  if (norm === undefined) return { operators: turn(input, index, qkv, false), at: qkv, again: [] };
  const { compute } = TYPES[input.dtype];
  const at = turned!;
  const normed = { op: "headNorm", ...compute, x: qkv, y: at, ...norm.fields } as const;
  // What the product gave stays as it is, turned or not, for the backward.
  return norm.isAfterRope
    ? { operators: [...turn(input, index, qkv, false), normed], at, again: [normed] }
    : {
        operators: [normed, ...turn(input, index, at, false)],
        at,
        again: [normed, ...turn(input, index, at, false)],
      };
}

/** Attention from the residual stream to its heads' outputs. */
export function attentionBody(input: ProgramInput, index: number, area: AttentionArea): readonly Operator[] {
  const own = attentionOf(input, index);
  if (own === undefined) return [];
  const { tensors, weights, half } = own;
  const { hidden, query, qkv, heads } = widthsOf(input.architecture);
  const { compute } = TYPES[input.dtype];
  const { normed } = area;
  const bias = weights.qkvBias === undefined ? {} : { bias: weights.qkvBias };
  const prepared = prepareHeads(input, index, tensors.qkv, area.turned);
  return [
    halfInput(input, half, normed),
    { op: "matmul", ...compute, x: normed, ldx: hidden, weight: weights.qkv, y: tensors.qkv, ldy: qkv, ...bias },
    ...loraForward(input, index, INPUTS, normed, tensors.qkv, qkv, compute),
    ...magnitudesForward(input, index, INPUTS, tensors.qkv, qkv, compute, bias),
    ...prepared.operators,
    {
      ...(tensors.cache === undefined
        ? ({ op: "attention", lse: tensors.lse } as const)
        : ({ op: "cachedAttention", cache: tensors.cache, ldc: 2 * heads.kvHeads * heads.headDim } as const)),
      ...{ ...compute, qkv: prepared.at, ld: qkv, ...heads, ...kindOf(input, index) },
      ...{ out: tensors.out, ldo: query, scratch: area.scratch },
      ...(weights.sinks === undefined ? {} : { sinks: weights.sinks }),
    },
  ];
}

/** Attention's output product, and the residual stream behind it in `next`. `branch`: see `joinStream`. */
export function attentionOutput(
  input: ProgramInput,
  index: number,
  next: Tensor,
  branch: Tensor | undefined,
): readonly Operator[] {
  const own = attentionOf(input, index);
  if (own === undefined) return [];
  const { tensors, weights, half } = own;
  const { hidden, query } = widthsOf(input.architecture);
  const bias = weights.outputBias === undefined ? {} : { bias: weights.outputBias };
  return joinStream(input, half, next, branch, ({ y, types, residual }) => [
    {
      ...{ op: "matmul", ...types, x: tensors.out, ldx: query, weight: weights.output },
      ...{ y, ldy: hidden, ...bias, ...residual },
    },
    ...loraForward(input, index, ["o_proj"], tensors.out, y, hidden, types),
    ...magnitudesForward(input, index, ["o_proj"], y, hidden, types, { ...bias, ...residual }),
  ]);
}

/**
 * On to the gradient of the layer's input, when there is a `result`; without it only the adapters' gradients.
 * `isRecomputed`: what the forward worked with was made again before.
 */
export function attentionBackward(
  input: ProgramInput,
  index: number,
  gradient: StreamGradient,
  result: StreamGradient | undefined,
  isRecomputed: boolean,
): readonly Operator[] {
  const own = attentionOf(input, index);
  if (own === undefined) return [];
  const { tensors, weights, half } = own;
  const { hidden, query, qkv, heads } = widthsOf(input.architecture);
  const { normedGradient: dNormed, qkvGradient: dQkv, attentionGradient: dAttention, turned } = input.layout.backward;
  const normed = input.layout.backward.normed.attention;
  const { compute, wideGradient } = TYPES[input.dtype];
  const dBranch = branchGradient(input, half, gradient);
  const prepared = prepareHeads(input, index, tensors.qkv, turned);
  const norm = headNormOf(input, index);
  const normBackward: readonly Operator[] =
    norm === undefined
      ? []
      : [{ op: "headNormBackward", ...compute, dy: dQkv, x: tensors.qkv, dx: dQkv, ...norm.fields }];
  const turnBack = turn(input, index, dQkv, true);
  const operators: Operator[] = [
    ...dBranch.operators,
    ...magnitudesBackward(input, index, ["o_proj"], dBranch.compute, hidden),
    {
      ...{ op: "matmulBackward", ...compute, dy: dBranch.compute, lddy: hidden, weight: weights.output },
      ...{ dx: dAttention, lddx: query },
    },
    ...loraBackward(input, index, ["o_proj"], tensors.out, dBranch.compute, hidden, dAttention, compute),
    ...(isRecomputed ? [] : prepared.again),
    {
      ...{ op: "attentionBackward", ...compute, qkv: prepared.at, ld: qkv, ...heads, ...kindOf(input, index) },
      ...{ out: tensors.out, ldo: query, dout: dAttention, lddo: query, lse: tensors.lse, dqkv: dQkv, ldd: qkv },
      scratch: input.layout.backward.attentionScratch,
    },
    ...(norm?.isAfterRope === true ? [...normBackward, ...turnBack] : [...turnBack, ...normBackward]),
    ...magnitudesBackward(input, index, INPUTS, dQkv, qkv),
  ];
  if (result !== undefined)
    operators.push({
      ...{ op: "matmulBackward", ...wideGradient, dy: dQkv, lddy: qkv, weight: weights.qkv },
      ...{ dx: dNormed, lddx: hidden },
    });
  if (targetsAny(input, INPUTS)) {
    if (!isRecomputed) operators.push(halfInput(input, half, normed));
    const dx = result === undefined ? undefined : dNormed;
    operators.push(...loraBackward(input, index, INPUTS, normed, dQkv, qkv, dx, wideGradient));
  }
  if (result !== undefined) operators.push(...streamGradient(input, half, gradient, result));
  return operators;
}
