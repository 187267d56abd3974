// @module-tag slow
import { describe, expect, test } from "vitest";
import { type Judgement, runOpTable } from "./op-table.ts";

const CLAIMS: Readonly<Record<string, string>> = {
  forward: "agrees with the double reference, in every build and with 1 and 2 threads",
  backward: "has gradients that agree with the double reference, in every build and with 1 and 2 threads",
  gradient: "has a reference gradient that central differences confirm",
  repeat: "gives the same bytes twice",
  threads: "gives the same result with 1 and 2 threads",
  alone: "gives a segment the same result alone as within a batch",
  exponential: "takes exponentials to 2e-6 relative error",
  tanh: "takes tanh to 1e-6 relative error, of any size",
  "long window": "gives the bytes of attention without a window where one is as long as the sequence",
  "unseen keys": "does not touch keys that no query sees",
  refuses: "refuses arguments out of range by name",
  "shared adapter": "adds the gradients of two segments of one adapter in order",
  bound: "keeps every weight within the format's bound",
  "double quantization": "keeps every absmax within half a step",
  table: "has the quantiles of the normal distribution that QLoRA's appendix E prints",
  size: "takes the bits a weight that the papers state",
  panels: "dequantizes panels to the reference's bits in every build and direction, and pads them with 0",
  "not finite": "finds the row of a weight that is not finite",
  bits: "quantizes bfloat16 weights as it does the same floats",
  places: "puts the pairs of rows and experts where the reference does",
  ties: "takes the lower expert of equal logits",
  "lone rows": "gives a row that is its expert's only one the bits it has among others",
  parts: "gives a sequence the same bits in parts",
  "row by row": "gives a row the same bits alone and among others",
  rows: "gives a row the same bits whatever number of rows it is one of",
  dropout: "drops the same elements forward and backward, those of the documented hash",
  "dropout rate": "drops at the asked rate",
};

/** Operators without a backward of their own; all others must be judged in the mode backward too. */
const FORWARD_ONLY = [
  "adamw",
  "copy bf16",
  "copy scaled from bfloat16 to float32 with residual",
  "copy scaled from float32 to bfloat16",
  "copy scaled from float32 to float32",
  "copy scaled from float32 to float32 with residual",
  "embed",
  "embed bf16",
  "embed scaled",
  "embed scaled bf16",
  "sum_squares",
];
/** Of logits. */
const HEAD_LOSSES = [
  "head_loss",
  "head_loss capped at 1",
  "head_loss capped at 30",
  "head_loss of large logits capped at 1",
  "head_loss of large logits capped at 30",
  "head_loss of scale 1/8",
  "head_loss of scale 16",
  "head_loss of scale 16 capped at 30",
];
/** Those whose float32 form shows that the reference's gradient is right. */
const NARROW = [
  "attention bf16",
  "attention with large scores bf16",
  "experts bf16",
  "experts int8",
  "experts nf4",
  ...HEAD_LOSSES.map((name) => `${name} bf16`),
  "head_norm bf16",
  "head_norm whole bf16",
  "lora bf16",
  "lora in units bf16",
  "lora of experts bf16",
  "lora of three bf16",
  "lora to float32 bf16",
  "matmul bf16",
  "matmul int8",
  "matmul nf4",
  "matmul with bias bf16",
  "matmul with bias int8",
  "matmul with bias nf4",
  "matmul with residual bf16",
  "matmul with residual in place int8",
  "matmul with residual in place nf4",
  "matmul with residual int8",
  "matmul with residual nf4",
  "rmsnorm bf16",
  "rmsnorm of bf16",
  "rmsnorm of bf16 with residual",
  "rope bf16",
  "rope in pairs bf16",
  "rope in part bf16",
  "swiglu bf16",
  "swiglu clamped bf16",
  "swiglu of gelu bf16",
  "temperature bf16",
];
/**
 * What is judged in modes of its own alone: what generates tokens, adapters on the head, losses that are compared, the rows of products, routes,
 * and the formats of quantized weights.
 */
const FORMATS: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(
    ["", " bf16"].flatMap((type) => [
      [`cachedAttention${type}`, ["forward", "parts", "row by row", "threads"]],
      [`headLogits${type}`, ["alone", "forward", "threads"]],
    ]),
  ),
  expert_matmul: ["lone rows"],
  ...Object.fromEntries(
    ["magnitude", "magnitude bf16", "magnitude bf16 f32"].map((name) => [
      name,
      ["alone", "dMagnitude", "dy", "threads", "u", "y"],
    ]),
  ),
  ...Object.fromEntries(
    ["", " bf16"].map((type) => [`token_rows${type}`, ["dx", "embed", "gradient", "logits", "taken", "threads"]]),
  ),
  ...Object.fromEntries(
    ["float32", "bf16", "int8", "nf4"].map((name) => [`adapter_norms ${name}`, ["norm", "threads"]]),
  ),
  "head_loss with adapters": ["alone", "da", "db", "dx", "losses", "threads"],
  "head_loss with adapters bf16": ["alone", "da", "db", "dx", "losses", "threads"],
  preference: ["gradient", "threads"],
  "product rows": ["rows"],
  "quantize int8": ["bits", "bound", "not finite", "panels", "size"],
  "quantize nf4": ["bits", "bound", "double quantization", "not finite", "panels", "size", "table"],
  route: ["places", "ties"],
};
/** Judged in the mode gradient too. */
const DIFFERENTIABLE = [
  "attention",
  "attention with large scores",
  "experts",
  "experts of all weights",
  "experts, all of them",
  "experts, all rows at one",
  "experts, one of many",
  ...HEAD_LOSSES,
  "head_norm",
  "head_norm whole",
  "head_norm without weights",
  "lora",
  "lora of experts",
  "lora of many experts",
  "lora of three",
  "matmul",
  "matmul with bias",
  "matmul with residual",
  "matmul with residual in place",
  "rmsnorm",
  "rmsnorm with residual",
  "rope",
  "rope in pairs",
  "rope in pairs, in part",
  "rope in part",
  "swiglu",
  "swiglu clamped",
  "swiglu of gelu",
  "swiglu of gelu near 0",
  "temperature",
];

const run = runOpTable("op_table");
const { judgements } = run;
/** Behind the modes of attention by scales, softcaps, windows, chunks and sinks (native/test/attention_kinds.cc). */
const OF_KINDS = " of kinds";

function claimOf(mode: string): string {
  const isOfKinds = mode.endsWith(OF_KINDS);
  const claim = CLAIMS[isOfKinds ? mode.slice(0, -OF_KINDS.length) : mode] ?? mode;
  return isOfKinds ? `of each kind ${claim}` : claim;
}

function groups(): Map<string, Map<string, Judgement[]>> {
  const byOperator = new Map<string, Map<string, Judgement[]>>();
  for (const judgement of judgements) {
    const byMode = byOperator.get(judgement.op) ?? new Map<string, Judgement[]>();
    byOperator.set(judgement.op, byMode);
    byMode.set(judgement.mode, [...(byMode.get(judgement.mode) ?? []), judgement]);
  }
  return byOperator;
}

describe("the operator table", () => {
  test("ends without a fault", () => {
    expect({ status: run.status, signal: run.signal, stderr: run.stderr }).toEqual({
      status: 0,
      signal: null,
      stderr: "",
    });
  });

  test("judges every operator in every mode on every case", () => {
    const always = ["alone", "forward", "repeat", "threads"];
    const cases = new Set(
      judgements.filter((j) => j.mode === "forward" && FORMATS[j.op] === undefined).map((j) => j.case),
    );
    expect(cases.size).toBeGreaterThanOrEqual(15);
    const names = [...FORWARD_ONLY, ...NARROW, ...DIFFERENTIABLE, ...Object.keys(FORMATS)];
    expect([...groups().keys()].sort()).toEqual(names.sort());
    for (const [op, modes] of groups()) {
      if (FORMATS[op] !== undefined) {
        expect([...modes.keys()].sort()).toEqual(FORMATS[op]);
        continue;
      }
      const backward = FORWARD_ONLY.includes(op) ? [] : ["backward"];
      const gradient = DIFFERENTIABLE.includes(op) ? ["gradient"] : [];
      expect([...modes.keys()]).toEqual(expect.arrayContaining([...always, ...backward, ...gradient]));
      for (const mode of always) expect(modes.get(mode)).toHaveLength(cases.size);
    }
    const modesOf = (op: string): readonly string[] => [...(groups().get(op)?.keys() ?? [])];
    expect(modesOf("lora")).toEqual(expect.arrayContaining(["dropout", "dropout rate", "shared adapter"]));
    expect(modesOf("head_loss")).toEqual(expect.arrayContaining(["exponential", "tanh"]));
    expect(modesOf("attention")).toEqual(expect.arrayContaining(["long window", "tanh", "unseen keys"]));
    for (const [op, more] of [
      ["attention", ["backward", "gradient"]],
      ["attention bf16", ["backward"]],
    ] as const) {
      const ofKinds = modesOf(op).filter((mode) => mode.endsWith(OF_KINDS));
      expect(ofKinds.sort()).toEqual([...always, ...more].map((mode) => `${mode}${OF_KINDS}`).sort());
    }
  });
});

for (const [op, modes] of groups()) {
  describe(op, () => {
    for (const [mode, group] of modes) {
      test(`${claimOf(mode)} (${group.length} cases)`, () => {
        expect(group.filter((judgement) => !judgement.ok)).toEqual([]);
      });
    }
  });
}
