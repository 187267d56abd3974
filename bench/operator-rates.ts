import { InvariantError } from "../core/index.ts";
import type { ExecuteResult } from "../exec/index.ts";
import type { Operator } from "../native/index.ts";
import {
  type Architecture,
  type Dtype,
  type OperatorCall,
  type Plan,
  stageOperators,
  stageShapes,
} from "../plan/index.ts";

/** What one action of a run did in one kind of work. */
export interface OperatorWork {
  readonly letter: "F" | "B";
  /** `qkv`, `o`, `gate and up`, `down`, `head`, `lora`, `attention`, `rmsnorm`, `swiglu`, `rope`, `embed`, `copy`. */
  readonly kind: string;
  readonly seconds: number;
  readonly flops: number;
  /** Read and written, for work that is bound by memory; 0 for the others. */
  readonly bytes: number;
}

/** The name of a frozen product that maps `inFeatures` to `outFeatures`. */
function productName(arch: Architecture, inFeatures: number, outFeatures: number): string {
  const { hiddenSize: hidden, intermediateSize: inner, numHeads, numKvHeads, headDim } = arch;
  const names = new Map([
    [`${hidden}x${(numHeads + 2 * numKvHeads) * headDim}`, "qkv"],
    [`${numHeads * headDim}x${hidden}`, "o"],
    [`${hidden}x${2 * inner}`, "gate and up"],
    [`${inner}x${hidden}`, "down"],
  ]);
  const name = names.get(`${inFeatures}x${outFeatures}`);
  if (name === undefined) throw new InvariantError({ expected: "a product of a decoder layer", got: outFeatures });
  return name;
}

/** Forward operators that a backward runs again count as `again`, so that no rate is of two kinds of work. */
function kindOfOperator(arch: Architecture, operator: Operator, letter: "F" | "B"): string {
  switch (operator.op) {
    case "matmul":
      return letter === "F" ? productName(arch, operator.ldx, operator.ldy) : "again";
    case "matmulBackward":
      return productName(arch, operator.lddx, operator.lddy);
    case "headLoss":
    case "headLogits":
      return "head";
    case "cachedAttention":
      return "attention";
    case "lora":
    case "rmsnorm":
    case "swiglu":
    case "attention":
      return letter === "F" ? operator.op : "again";
    case "loraBackward":
    case "magnitude":
    case "magnitudeBackward":
      return "lora";
    case "rmsnormBackward":
      return "rmsnorm";
    case "swigluBackward":
      return "swiglu";
    case "attentionBackward":
      return "attention";
    case "headNorm":
    case "headNormBackward":
    case "temperature":
    case "rope":
    case "embed":
    case "embedBackward":
    case "copy":
    case "route":
    case "routeBackward":
    case "gatherRows":
    case "expertMatmul":
    case "expertMatmulBackward":
    case "combine":
    case "combineBackward":
      return operator.op;
  }
}

function kindOfCall(arch: Architecture, { name, kind }: OperatorCall): string {
  const product = /^matmul:(\d+)x(\d+):/.exec(name);
  if (product !== null) return productName(arch, Number(product[1]), Number(product[2]));
  return kind.split(":")[0]!;
}

/**
 * Bytes moved for each element of a call: fp32 for the residual stream and its gradient, the compute dtype elsewhere.
 */
function bytesPerElement(kind: string, letter: "F" | "B", dtype: Dtype): number {
  const compute = dtype === "float32" ? 4 : 2;
  switch (kind) {
    case "rmsnorm":
      return letter === "F" ? 4 + compute : 16;
    case "swiglu":
      return letter === "F" ? 3 * compute : 5 * compute;
    case "rope":
      return 2 * compute;
    case "embed":
      return compute + 4;
    default:
      return 0;
  }
}

/** The work of every forward and backward after the first `warmSteps` steps of a run with `profile`, kind by kind. */
export function operatorWork(
  plan: Plan,
  result: ExecuteResult,
  warmSteps: number,
): readonly (readonly OperatorWork[])[] {
  const arch = plan.model.architecture;
  const shapes = stageShapes(plan);
  return result.profiles.flatMap((profile) => {
    const { stage, letter, microBatch } = profile.action;
    if (letter === "U" || letter === "E" || plan.microBatches[microBatch]!.step < warmSteps) return [];
    const seconds = new Map<string, number>();
    result.operators[stage]![letter].forEach((operator, index) => {
      const kind = kindOfOperator(arch, operator, letter);
      seconds.set(kind, (seconds.get(kind) ?? 0) + profile.operatorSeconds[index]!);
    });
    const shape = shapes[stage]!;
    const work = new Map<string, { flops: number; elements: number }>();
    for (const call of stageOperators(shape, letter, plan.microBatches[microBatch]!)) {
      const kind = kindOfCall(arch, call);
      const sum = work.get(kind) ?? { flops: 0, elements: 0 };
      sum.flops += call.calls * call.flops;
      sum.elements += call.calls * (call.features["elements"] ?? 0);
      work.set(kind, sum);
    }
    return [
      [...work].flatMap(([kind, { flops, elements }]): OperatorWork[] => {
        const time = seconds.get(kind);
        if (time === undefined) return [];
        return [
          { letter, kind, seconds: time, flops, bytes: elements * bytesPerElement(kind, letter, plan.model.dtype) },
        ];
      }),
    ];
  });
}
