// The operators of mixtures of experts, beside the norms and LoRA operators that all MLPs have.
import type { Architecture } from "../documents/architecture.ts";
import { expertLoad } from "../kernels/expert-loads.ts";
import { type Direction, elementwise, matmul, type OperatorCall, swiglu } from "./operator-calls.ts";

/** The products of all experts that some tokens reach, as one operator. */
function expertProduct(
  direction: Direction,
  { experts }: Architecture,
  tokens: number,
  [inFeatures, outFeatures]: readonly [number, number],
  calls: number,
): OperatorCall {
  const { pairs, touched } = expertLoad(experts!, tokens);
  const flops = 2 * pairs * inFeatures * outFeatures;
  const weights = touched * inFeatures * outFeatures;
  return {
    name: `expertMatmul:${inFeatures}x${outFeatures}:${direction}`,
    kind: `expertMatmul:${direction}`,
    calls,
    flops,
    elements: weights + pairs * (inFeatures + outFeatures),
    features: { one: 1, experts: touched, tokens: pairs, flops, weights },
    layerProduct: [touched * inFeatures, outFeatures],
  };
}

/** What one mixture is made of. */
function partsOf(arch: Architecture, tokens: number, direction: Direction, calls: number) {
  const { hiddenSize: hidden } = arch;
  const { count, perToken, intermediateSize: inner } = arch.experts!;
  const pairs = tokens * perToken;
  // The router's weights are multiplied as they are in a quantized model too.
  const { layerProduct: _whole, ...router } = matmul(direction, tokens, hidden, count, calls);
  return {
    router,
    route: elementwise("route", direction, tokens * count, tokens, calls),
    gateUp: expertProduct(direction, arch, tokens, [hidden, 2 * inner], calls),
    gate: (coldPairs: number) => swiglu(direction, inner, pairs, coldPairs, calls),
    down: expertProduct(direction, arch, tokens, [inner, hidden], calls),
    gather: elementwise("gatherRows", direction, pairs * hidden, tokens, calls),
    combine: elementwise("combine", direction, pairs * hidden, tokens, calls),
  };
}

/** From the norm to what the experts give: a forward has it, and a backward that makes a mixture again. */
export function mixtureBody(arch: Architecture, tokens: number, calls: number): readonly OperatorCall[] {
  if (calls === 0) return [];
  const { router, route, gateUp, gate, down, gather } = partsOf(arch, tokens, "F", calls);
  return [router, route, gather, gateUp, gate(0), down];
}

/** The experts' outputs to the residual stream. */
export function mixtureOutput(arch: Architecture, tokens: number, calls: number): readonly OperatorCall[] {
  return calls === 0 ? [] : [partsOf(arch, tokens, "F", calls).combine];
}

/**
 * A mixture's backward. `kept`: how many are not made again as a whole; of these the inputs of the experts' adapters are.
 * `isRounded`: the gradient of the router's logits, for its product.
 */
export function mixtureBackward(
  arch: Architecture,
  tokens: number,
  calls: number,
  {
    kept,
    gateUp: isGateUpTargeted,
    down: isDownTargeted,
    isRounded,
  }: { readonly kept: number } & Readonly<Record<"gateUp" | "down" | "isRounded", boolean>>,
): readonly OperatorCall[] {
  if (calls === 0) return [];
  const { hiddenSize: hidden } = arch;
  const { count, perToken, intermediateSize: inner } = arch.experts!;
  const pairs = tokens * perToken;
  const back = partsOf(arch, tokens, "B", calls);
  return [
    elementwise("combineBackward", "B", 2 * pairs * hidden, tokens, calls),
    back.down,
    back.gate(isDownTargeted ? 0 : pairs),
    back.gateUp,
    back.route,
    ...(isRounded ? [elementwise("copy", "B", tokens * count, tokens, calls)] : []),
    back.router,
    back.combine,
    ...(isGateUpTargeted ? [{ ...back.gather, calls: kept }] : []),
    ...(isDownTargeted ? [elementwise("swiglu-again", "B", pairs * inner, pairs, kept)] : []),
  ];
}
