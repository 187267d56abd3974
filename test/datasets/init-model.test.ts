import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { initModel, loadTokenizer, readSafetensors } from "../../datasets/index.ts";
import { temporaryFolder } from "./shared.ts";

const SIZES = { hiddenSize: 32, layers: 2, heads: 4, kvHeads: 2, intermediateSize: 48 };

function hashOf(folder: string): string {
  const hash = createHash("sha256");
  for (const name of fs.readdirSync(folder).toSorted())
    hash.update(name).update(fs.readFileSync(path.join(folder, name)));
  return hash.digest("hex");
}

test("the same seed gives the same bytes, another seed other weights", () => {
  const [a, b, c] = [temporaryFolder(), temporaryFolder(), temporaryFolder()];
  initModel({ folder: a, ...SIZES, seed: 5 });
  initModel({ folder: b, ...SIZES, seed: 5 });
  initModel({ folder: c, ...SIZES, seed: 6 });
  expect(hashOf(b)).toBe(hashOf(a));
  expect(hashOf(c)).not.toBe(hashOf(a));
});

test("the weights have Llama's names and shapes, and variances that keep values at size 1", () => {
  const folder = temporaryFolder();
  const { numParameters } = initModel({ folder, ...SIZES, headDim: 16, seed: 1 });
  const model = readSafetensors(folder);
  const shapes = Object.fromEntries(model.tensors.map(({ name, shape }) => [name, shape.join("x")]));
  expect(shapes).toMatchObject({
    "lm_head.weight": "259x32",
    "model.embed_tokens.weight": "259x32",
    "model.layers.0.self_attn.q_proj.weight": "64x32",
    "model.layers.0.self_attn.k_proj.weight": "32x32",
    "model.layers.1.self_attn.o_proj.weight": "32x64",
    "model.layers.1.mlp.down_proj.weight": "32x48",
    "model.norm.weight": "32",
  });
  expect(model.tensors).toHaveLength(2 * 9 + 3);
  const deviation = (name: string): number => {
    const values = model.readTensor(name);
    return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
  };
  expect(deviation("model.embed_tokens.weight")).toBeCloseTo(1, 1);
  expect(deviation("lm_head.weight") * Math.sqrt(32)).toBeCloseTo(1, 1);
  expect(deviation("model.layers.1.self_attn.o_proj.weight") * Math.sqrt(64)).toBeCloseTo(1, 1);
  expect(numParameters).toBe(model.tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0));
});

test("a tied model has no head of its own, and bfloat16 weights are half the size", () => {
  const [tied, half] = [temporaryFolder(), temporaryFolder()];
  initModel({ folder: tied, ...SIZES, tieEmbeddings: true, seed: 1 });
  expect(readSafetensors(tied).has("lm_head.weight")).toBe(false);
  initModel({ folder: half, ...SIZES, dtype: "bfloat16", seed: 1 });
  expect(readSafetensors(half).entry("lm_head.weight").type).toBe("BF16");
  expect(JSON.parse(fs.readFileSync(path.join(half, "config.json"), "utf8"))).toMatchObject({
    torch_dtype: "bfloat16",
  });
});

test("the tokenizer has one token a byte, whatever the text, and reads its marks", () => {
  const folder = temporaryFolder();
  initModel({ folder, ...SIZES, seed: 1 });
  const tokenizer = loadTokenizer(folder);
  expect(tokenizer).toMatchObject({ vocabularySize: 259, bosId: 256, eosId: 257, hasChatTemplate: true });
  for (const text of ["a b", " two  spaces\n\ttab", "Grüße, 世界 🙂", "\u0000\u001f\u007f\u00ad", "it's 10,000 x 3!"]) {
    const ids = tokenizer.encode(text);
    expect(ids).toEqual([...new TextEncoder().encode(text)]);
    expect(tokenizer.decode(ids)).toBe(text);
  }
  expect(tokenizer.encode("a</s>")).toEqual([97, 257]);
  expect(tokenizer.around).toEqual({ before: [256], after: [] });
});

test.each<[object, RegExp]>([
  [{ hiddenSize: 0 }, /a positive whole number at hiddenSize/],
  [{ heads: 5 }, /a positive whole number at headDim, got 6.4/],
  [{ kvHeads: 3 }, /a divisor of 4 heads at kvHeads, got 3/],
  [{ headDim: 7 }, /an even number for the rotary halves at headDim, got 7/],
  [{ layers: 1.5 }, /a positive whole number at layers/],
])("sizes %j make no model", (sizes, message) => {
  expect(() => initModel({ folder: temporaryFolder(), ...SIZES, seed: 1, ...sizes })).toThrow(message);
});
