import type { Operator, Tensor } from "../native/index.ts";
import { loraGroup } from "../plan/index.ts";
import { loraBackward, loraForward, magnitudesBackward, magnitudesForward, targetsAny } from "./lora-operators.ts";
import { type Mixture, type MlpArea, mixtureBackward, mixtureBody, mixtureOutput } from "./mixture-program.ts";
import { type ProgramInput, type StreamGradient, TYPES, widthsOf } from "./program-input.ts";
import { branchGradient, halfInput, joinStream, type StreamHalf, streamGradient } from "./stream-program.ts";

const INPUTS = loraGroup("gate_proj");

/** The MLP of a stage's layer; undefined where the stage does not have it. */
function mlpOf({ layout, weights }: ProgramInput, index: number) {
  const { mlp } = layout.layers[index]!;
  const own = weights.layers[index]!.mlp;
  if (mlp === undefined || own === undefined) return undefined;
  const half: StreamHalf = { ...mlp, weights: own };
  return { tensors: mlp, weights: own, half };
}

/** The same as a mixture of experts; undefined where it is one MLP for all rows. */
function mixtureOf({ tensors, weights, half }: NonNullable<ReturnType<typeof mlpOf>>): Mixture | undefined {
  const [mixture, own] = [tensors.mixture, weights.mixture];
  if (mixture === undefined || own === undefined) return undefined;
  return { tensors: { ...tensors, mixture }, weights: { ...weights, mixture: own }, half };
}

/** What the gate's operators have in common. */
function gateFields({ architecture, dtype }: ProgramInput, gateUp: Tensor) {
  const { inner } = widthsOf(architecture);
  const { activation } = architecture;
  const fields = { ...TYPES[dtype].compute, gateUp, ld: 2 * inner, intermediate: inner };
  return activation === undefined ? fields : { ...fields, activation };
}

/** The MLP from the residual stream to gate and up, or a mixture to what its experts give. */
export function mlpBody(input: ProgramInput, index: number, normed: Tensor, area: MlpArea): readonly Operator[] {
  const own = mlpOf(input, index);
  if (own === undefined) return [];
  const mixture = mixtureOf(own);
  if (mixture !== undefined) return mixtureBody(input, index, mixture, normed, area);
  const { tensors, weights, half } = own;
  const { hidden, inner } = widthsOf(input.architecture);
  const { compute } = TYPES[input.dtype];
  const { gateUp } = tensors;
  return [
    halfInput(input, half, normed),
    { op: "matmul", ...compute, x: normed, ldx: hidden, weight: weights.gateUp, y: gateUp, ldy: 2 * inner },
    ...loraForward(input, index, INPUTS, normed, gateUp, 2 * inner, compute),
    ...magnitudesForward(input, index, INPUTS, gateUp, 2 * inner, compute),
  ];
}

/** Gate times up, the product of that, and the residual stream behind it in `next`. */
export function mlpOutput(input: ProgramInput, index: number, next: Tensor): readonly Operator[] {
  const own = mlpOf(input, index);
  if (own === undefined) return [];
  const mixture = mixtureOf(own);
  if (mixture !== undefined) return mixtureOutput(input, mixture, next);
  const { tensors, weights, half } = own;
  const { inner: activated, branch } = input.layout.forward;
  const { hidden, inner } = widthsOf(input.architecture);
  return [
    { op: "swiglu", ...gateFields(input, tensors.gateUp), out: activated, ldo: inner },
    ...joinStream(input, half, next, branch, ({ y, types, residual }) => [
      { op: "matmul", ...types, x: activated, ldx: inner, weight: weights.down, y, ldy: hidden, ...residual },
      ...loraForward(input, index, ["down_proj"], activated, y, hidden, types),
      ...magnitudesForward(input, index, ["down_proj"], y, hidden, types, residual),
    ]),
  ];
}

/** From the gradient of the layer's output to that of the residual stream before the MLP. */
export function mlpBackward(
  input: ProgramInput,
  index: number,
  gradient: StreamGradient,
  result: StreamGradient,
  isRecomputed: boolean,
): readonly Operator[] {
  const own = mlpOf(input, index);
  if (own === undefined) return [];
  const mixture = mixtureOf(own);
  if (mixture !== undefined) return mixtureBackward(input, index, mixture, gradient, result, isRecomputed);
  const { tensors, weights, half } = own;
  const { hidden, inner } = widthsOf(input.architecture);
  const {
    inner: activated,
    innerGradient: dActivated,
    gateUpGradient: dGateUp,
    normedGradient: dNormed,
  } = input.layout.backward;
  const normed = input.layout.backward.normed.mlp;
  const { compute, wideGradient } = TYPES[input.dtype];
  const fields = gateFields(input, tensors.gateUp);
  const dBranch = branchGradient(input, half, gradient);
  const operators: Operator[] = [
    ...dBranch.operators,
    ...magnitudesBackward(input, index, ["down_proj"], dBranch.compute, hidden),
    {
      ...{ op: "matmulBackward", ...compute, dy: dBranch.compute, lddy: hidden, weight: weights.down },
      ...{ dx: dActivated, lddx: inner },
    },
  ];
  if (targetsAny(input, ["down_proj"]))
    operators.push(
      { op: "swiglu", ...fields, out: activated, ldo: inner },
      ...loraBackward(input, index, ["down_proj"], activated, dBranch.compute, hidden, dActivated, compute),
    );
  operators.push(
    { op: "swigluBackward", ...fields, dout: dActivated, lddo: inner, dgateUp: dGateUp, ldd: 2 * inner },
    ...magnitudesBackward(input, index, INPUTS, dGateUp, 2 * inner, tensors.gateUp),
    {
      ...{ op: "matmulBackward", ...wideGradient, dy: dGateUp, lddy: 2 * inner, weight: weights.gateUp },
      ...{ dx: dNormed, lddx: hidden },
    },
  );
  if (targetsAny(input, INPUTS)) {
    if (!isRecomputed) operators.push(halfInput(input, half, normed));
    operators.push(...loraBackward(input, index, INPUTS, normed, dGateUp, 2 * inner, dNormed, wideGradient));
  }
  operators.push(...streamGradient(input, half, gradient, result));
  return operators;
}
