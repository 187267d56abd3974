// Mixtures of experts: a router chooses experts for each row, and rows pass these in the order of experts.
import type { Operator, Places, Tensor } from "../native/index.ts";
import type { MlpTensors, StageLayout } from "../plan/index.ts";
import { loraBackward, loraForward, targetsAny } from "./lora-operators.ts";
import { type ProgramInput, type StreamGradient, TYPES } from "./program-input.ts";
import type { MixtureWeights, MlpWeights } from "./stage-weights.ts";
import { branchGradient, halfInput, joinStream, type StreamHalf, streamGradient } from "./stream-program.ts";

/** A mixture of a stage's layer. */
export interface Mixture {
  readonly tensors: MlpTensors & { readonly mixture: NonNullable<MlpTensors["mixture"]> };
  readonly weights: MlpWeights & { readonly mixture: MixtureWeights };
  readonly half: StreamHalf;
}

/** What a forward works with, or a backward that makes a mixture again. */
export type MlpArea = Pick<StageLayout["forward"], "inner" | "mixture">;

/** What the operators of a mixture have in common. */
function fieldsOf({ architecture, dtype }: ProgramInput, { tensors }: Mixture) {
  const { hiddenSize: hidden } = architecture;
  const { count, perToken: perRow, intermediateSize: inner, normalized, gate } = architecture.experts!;
  const { logits, chosen, weights, order, places, starts } = tensors.mixture;
  const at: Places = { experts: count, perRow, order, places, starts };
  return {
    ...{ hidden, inner, count, perRow, at },
    compute: TYPES[dtype].compute,
    lora: { experts: count, perRow, order, starts },
    routing: { experts: count, perRow, logits, chosen, weights, normalized },
    gated: {
      ...TYPES[dtype].compute,
      ...{ gateUp: tensors.gateUp, ld: 2 * inner, intermediate: inner, perRow },
      ...(gate === undefined ? {} : { activation: "clamped" as const, ...gate }),
    },
  };
}

const bias = (handle: number | undefined) => (handle === undefined ? {} : { bias: handle });

/** From the residual stream to what the experts give. */
export function mixtureBody(
  input: ProgramInput,
  index: number,
  own: Mixture,
  normed: Tensor,
  area: MlpArea,
): readonly Operator[] {
  const { tensors, weights, half } = own;
  const { hidden, inner, count, perRow, at, compute, lora, routing, gated } = fieldsOf(input, own);
  const { wideOutput } = TYPES[input.dtype];
  const { inputs, scratch } = area.mixture!;
  const { gateUp } = tensors;
  const { logits, order, starts, outputs } = tensors.mixture;
  const { router, routerBias, gateUpBias, downBias } = weights.mixture;
  return [
    halfInput(input, half, normed),
    { op: "matmul", ...wideOutput, x: normed, ldx: hidden, weight: router, y: logits, ldy: count, ...bias(routerBias) },
    ...loraForward(input, index, ["router"], normed, logits, count, wideOutput),
    { op: "route", ...at, ...routing },
    { op: "gatherRows", ...compute, x: normed, y: inputs, columns: hidden, perRow, order },
    {
      ...{ op: "expertMatmul", ...compute, x: inputs, ldx: hidden, weight: weights.gateUp, y: gateUp, ldy: 2 * inner },
      ...{ perRow, starts, scratch, ...bias(gateUpBias) },
    },
    ...loraForward(input, index, ["experts_gate_up_proj"], inputs, gateUp, 2 * inner, compute, lora),
    { op: "swiglu", ...gated, out: area.inner, ldo: inner },
    {
      ...{ op: "expertMatmul", ...compute, x: area.inner, ldx: inner, weight: weights.down, y: outputs, ldy: hidden },
      ...{ perRow, starts, scratch, ...bias(downBias) },
    },
    ...loraForward(input, index, ["experts_down_proj"], area.inner, outputs, hidden, compute, lora),
  ];
}

/** The experts' outputs by their weights, and the residual stream behind them in `next`. */
export function mixtureOutput(input: ProgramInput, own: Mixture, next: Tensor): readonly Operator[] {
  const { hidden, perRow } = fieldsOf(input, own);
  const { outputs, weights, places } = own.tensors.mixture;
  return joinStream(input, own.half, next, input.layout.forward.branch, ({ y, types, residual }) => [
    {
      ...{ op: "combine", ...types, x: outputs, weights, y, columns: hidden, perRow, places },
      ...(residual.residual === undefined ? {} : { residual: residual.residual }),
    },
  ]);
}

/** From the gradient of the layer's output to that of the residual stream before the mixture. */
export function mixtureBackward(
  input: ProgramInput,
  index: number,
  own: Mixture,
  gradient: StreamGradient,
  result: StreamGradient,
  isRecomputed: boolean,
): readonly Operator[] {
  const { tensors, weights, half } = own;
  const { hidden, inner, count, perRow, compute, lora, routing, gated } = fieldsOf(input, own);
  const { inner: activated, innerGradient: dActivated, gateUpGradient: dGateUp } = input.layout.backward;
  const { normedGradient: dNormed, mixture } = input.layout.backward;
  const { inputs, inputsGradient: dInputs, weightsGradient, logitsGradient, logitsCompute, scratch } = mixture!;
  const { places, order, starts, outputs } = tensors.mixture;
  const normed = input.layout.backward.normed.mlp;
  const { wideGradient } = TYPES[input.dtype];
  const dBranch = branchGradient(input, half, gradient);
  // What the experts gave is needed no more: its gradient takes its place.
  const dOutputs = outputs;
  const dLogits = logitsCompute ?? logitsGradient;
  const isGateUpTargeted = targetsAny(input, ["experts_gate_up_proj"]);
  const operators: Operator[] = [
    ...dBranch.operators,
    {
      ...{ op: "combineBackward", ...compute, dy: dBranch.compute, x: outputs, weights: tensors.mixture.weights },
      ...{ dx: dOutputs, dweights: weightsGradient, columns: hidden, perRow, places },
    },
    {
      ...{ op: "expertMatmulBackward", ...compute, dy: dOutputs, lddy: hidden, weight: weights.down },
      ...{ dx: dActivated, lddx: inner, perRow, starts, scratch },
    },
  ];
  if (targetsAny(input, ["experts_down_proj"])) {
    if (!isRecomputed) operators.push({ op: "swiglu", ...gated, out: activated, ldo: inner });
    operators.push(
      ...loraBackward(input, index, ["experts_down_proj"], activated, dOutputs, hidden, dActivated, compute, lora),
    );
  }
  operators.push(
    { op: "swigluBackward", ...gated, dout: dActivated, lddo: inner, dgateUp: dGateUp, ldd: 2 * inner },
    {
      ...{ op: "expertMatmulBackward", ...compute, dy: dGateUp, lddy: 2 * inner, weight: weights.gateUp },
      ...{ dx: dInputs, lddx: hidden, perRow, starts, scratch },
    },
  );
  if (!isRecomputed && (isGateUpTargeted || targetsAny(input, ["router"])))
    operators.push(halfInput(input, half, normed));
  if (isGateUpTargeted) {
    if (!isRecomputed)
      operators.push({ op: "gatherRows", ...compute, x: normed, y: inputs, columns: hidden, perRow, order });
    operators.push(
      ...loraBackward(input, index, ["experts_gate_up_proj"], inputs, dGateUp, 2 * inner, dInputs, compute, lora),
    );
  }
  operators.push({ op: "routeBackward", ...routing, dweights: weightsGradient, dlogits: logitsGradient });
  if (logitsCompute !== undefined)
    operators.push({ op: "copy", x: logitsGradient, y: logitsCompute, to: "bfloat16", columns: count });
  operators.push(
    {
      ...{ op: "matmulBackward", ...wideGradient, dy: dLogits, lddy: count, weight: weights.mixture.router },
      ...{ dx: dNormed, lddx: hidden },
    },
    ...loraBackward(input, index, ["router"], normed, dLogits, count, dNormed, wideGradient),
    {
      ...{ op: "combine", ...TYPES[input.dtype].wideOutput, x: dInputs, y: dNormed, residual: dNormed },
      ...{ columns: hidden, perRow, places },
    },
    ...streamGradient(input, half, gradient, result),
  );
  return operators;
}
