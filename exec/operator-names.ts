import type { Operator } from "../native/index.ts";
import { ADAPTED, loraGroup, type OperatorCall, passOf, type RunLetter } from "../plan/index.ts";

/**
 * The name under which the cost model holds an operator of a forward or backward program; LoRA operators with their
 * group of projections. What a backward makes again from a tensor that was kept has a name of its own; where the whole
 * layer is computed again, which then lies in the workspace, it has the forward's.
 */
export function operatorName(operator: Operator, letter: RunLetter): string {
  switch (operator.op) {
    case "matmul":
      return `matmul:${operator.ldx}x${operator.ldy}:F`;
    case "matmulBackward":
      return `matmul:${operator.lddx}x${operator.lddy}:B`;
    case "headLoss":
      return `${operator.dx === undefined ? "headLoss" : "head"}:${operator.hidden}x${operator.vocabulary}`;
    case "headLogits":
      return `headLogits:${operator.hidden}x${operator.vocabulary}`;
    case "rmsnorm":
      if (operator.residual !== undefined) return "rmsnorm-add:F";
      return letter === "B" && operator.rstd.space === "stash" ? "rmsnorm-again:B" : "rmsnorm:F";
    case "swiglu":
      return letter === "B" && operator.gateUp.space === "stash" ? "swiglu-again:B" : "swiglu:F";
    case "rmsnormBackward":
      return "rmsnorm:B";
    case "swigluBackward":
      return "swiglu:B";
    case "attention":
      return "attention:F";
    case "attentionBackward":
      return "attention:B";
    case "cachedAttention":
      return "cachedAttention:F";
    case "headNorm":
      return letter === "B" && operator.x.space === "stash" ? "headnorm-again:B" : "headnorm:F";
    case "headNormBackward":
      return "headnorm:B";
    case "temperature":
      return `temperature:${passOf(letter)}`;
    case "rope":
      return operator.inverse ? "rope:B" : "rope:F";
    case "lora":
    case "loraBackward": {
      const first = ADAPTED[operator.projections[0]!.target % ADAPTED.length]!;
      return `${operator.op === "lora" ? "lora:F" : "lora:B"} ${loraGroup(first).join("+")}`;
    }
    // As much is read and written as by a sum.
    case "magnitude":
    case "magnitudeBackward":
      return "add:F";
    case "copy":
      if (operator.residual !== undefined) return "add:F";
      return `copy:${passOf(letter)}`;
    // The gradient is read, as by a copy.
    case "embedBackward":
      return "copy:B";
    case "gatherRows":
      return letter === "B" && operator.order.space === "stash" ? "gatherRows:B" : "gatherRows:F";
    case "embed":
    case "combine":
      return `${operator.op}:${passOf(letter)}`;
    case "route":
      return "route:F";
    case "routeBackward":
      return "route:B";
    case "expertMatmul":
      return `expertMatmul:${operator.ldx}x${operator.ldy}:F`;
    case "expertMatmulBackward":
      return `expertMatmul:${operator.lddx}x${operator.lddy}:B`;
    case "combineBackward":
      return "combineBackward:B";
  }
}

/** The name under which the cost model holds an operator that is planned. */
export function callName({ name, projections }: OperatorCall): string {
  return projections === undefined ? name : `${name} ${projections.join("+")}`;
}
