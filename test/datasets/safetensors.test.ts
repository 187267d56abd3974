import fs from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  decodeFloats,
  encodeFloats,
  readSafetensors,
  type TensorToWrite,
  writeSafetensors,
} from "../../datasets/index.ts";
import { SHARED } from "../shared-folder.ts";
import { sharedTest, TINY_STORIES, temporaryFile, temporaryFolder } from "./shared.ts";

/** A safetensors file from a header and a number of data bytes. */
function rawFile(header: unknown, dataBytes: number): string {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return temporaryFile("model.safetensors", bytes);
}

const tensors = fc.uniqueArray(
  fc.record({
    name: fc.string({ minLength: 1 }).filter((name) => name !== "__metadata__" && name !== "__proto__"),
    shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }),
    seed: fc.integer(),
  }),
  { selector: ({ name }) => name, maxLength: 6 },
);

test("what is written is read back: names, shapes, values and metadata", () => {
  const file = path.join(temporaryFolder(), "a.safetensors");
  fc.assert(
    fc.property(tensors, fc.dictionary(fc.string(), fc.string()), (made, metadata) => {
      const written: readonly TensorToWrite[] = made.map(({ name, shape, seed }) => {
        const length = shape.reduce((product, size) => product * size, 1);
        return { name, shape, values: Float32Array.from({ length }, (_, i) => Math.sin(seed + i)) };
      });
      writeSafetensors(file, written, metadata);
      const reader = readSafetensors(file);
      expect(reader.metadata).toEqual({ ...metadata });
      expect(reader.tensors.map(({ name }) => name)).toEqual(written.map(({ name }) => name).toSorted());
      for (const { name, shape, values } of written) {
        expect(reader.entry(name).shape).toEqual(shape);
        expect(reader.readTensor(name)).toEqual(values);
      }
    }),
    { numRuns: 60 },
  );
});

test("the bytes do not depend on the order of the tensors, and the data starts at a multiple of 8", () => {
  const folder = temporaryFolder();
  const one = { name: "one", shape: [3], values: Float32Array.of(1, 2, 3) };
  const two = { name: "two", shape: [1, 1], values: Float32Array.of(-0) };
  writeSafetensors(path.join(folder, "a"), [one, two], { x: "1", format: "pt" });
  writeSafetensors(path.join(folder, "b"), [two, one], { format: "pt", x: "1" });
  const bytes = fs.readFileSync(path.join(folder, "a"));
  expect(fs.readFileSync(path.join(folder, "b")).equals(bytes)).toBe(true);
  expect(bytes.readBigUInt64LE(0) % 8n).toBe(0n);
});

test.each(["F16", "BF16"] as const)("every %s bit pattern survives a round trip, NaN as NaN", (type) => {
  const all = Uint16Array.from({ length: 65536 }, (_, bits) => bits);
  const floats = decodeFloats(new Uint8Array(all.buffer), type);
  const again = new Uint16Array(encodeFloats(floats, type).slice().buffer);
  const changed = all.filter(
    (bits) => again[bits] !== bits && !(Number.isNaN(floats[bits]) && bits % 2 ** 15 > 0x7c00),
  );
  expect([...changed]).toEqual([]);
  expect(floats[type === "F16" ? 0x3c01 : 0x3f81]).toBe(type === "F16" ? 1 + 2 ** -10 : 1 + 2 ** -7);
  expect(floats[1]).toBe(type === "F16" ? 2 ** -24 : 2 ** -133);
});

test("values are rounded to the nearest half or bfloat16, ties to even", () => {
  const round = (value: number, type: "F16" | "BF16") =>
    decodeFloats(encodeFloats(Float32Array.of(value), type), type)[0];
  fc.assert(
    fc.property(fc.float({ noNaN: true, noDefaultInfinity: true, min: -65000, max: 65000 }), (value) => {
      const half = round(value, "F16")!;
      const step = 2 ** (Math.max(Math.floor(Math.log2(Math.abs(value) || 2 ** -30)), -14) - 10);
      expect(Math.abs(half - value)).toBeLessThanOrEqual(step / 2);
      expect(Math.abs(round(value, "BF16")! - value)).toBeLessThanOrEqual(Math.abs(value) * 2 ** -8 + 2 ** -134);
    }),
  );
  expect([1 + 2 ** -11, 1 + 3 * 2 ** -11, 65519.99, 65520].map((x) => round(x, "F16"))).toEqual([
    1,
    1 + 2 ** -9,
    65504,
    Infinity,
  ]);
  expect([1 + 2 ** -8, 1 + 3 * 2 ** -8].map((x) => round(x, "BF16"))).toEqual([1, 1 + 2 ** -6]);
});

sharedTest("a trained checkpoint and an adapter are read as their writers meant them", () => {
  const model = readSafetensors(TINY_STORIES);
  expect(model.entry("model.embed_tokens.weight").shape).toEqual([512, 64]);
  const values = model.readTensor("model.layers.4.mlp.down_proj.weight");
  expect(values.length).toBe(64 * 172);
  expect(values.every(Number.isFinite)).toBe(true);
  const adapter = readSafetensors(path.join(SHARED, "oracle/cases/two-adapters/init/math"));
  expect(adapter.entry("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight").shape).toEqual([8, 64]);
});

test("a sharded model is one reader, and a shard that is missing or lacks its tensor is named", () => {
  const folder = temporaryFolder();
  const shard = (name: string, tensor: string, value: number): void =>
    writeSafetensors(path.join(folder, name), [{ name: tensor, shape: [1], values: Float32Array.of(value) }]);
  shard("model-1.safetensors", "a", 1);
  shard("model-2.safetensors", "b", 2);
  const index = path.join(folder, "model.safetensors.index.json");
  const writeIndex = (map: object): void => fs.writeFileSync(index, JSON.stringify({ weight_map: map }));
  writeIndex({ a: "model-1.safetensors", b: "model-2.safetensors" });
  const reader = readSafetensors(folder);
  expect([...reader.readTensor("a"), ...reader.readTensor("b")]).toEqual([1, 2]);
  writeIndex({ a: "model-1.safetensors", b: "model-2.safetensors", c: "model-2.safetensors" });
  expect(() => readSafetensors(folder)).toThrow(/Expected tensor c in model-2.safetensors/);
  writeIndex({ a: "model-1.safetensors", b: "model-3.safetensors" });
  expect(() => readSafetensors(folder)).toThrow(
    /model-3.safetensors: Expected the shard, got "no such file"[\s\S]*tensor b/,
  );
  writeIndex({ a: "../model-1.safetensors" });
  expect(() => readSafetensors(folder)).toThrow(/the name of a file in the same folder at weight_map.a/);
  fs.writeFileSync(index, "[");
  expect(() => readSafetensors(folder)).toThrow(/an index of JSON/);
});

const F32 = { dtype: "F32", shape: [2], data_offsets: [0, 8] };
test.each<[string, unknown, number, RegExp]>([
  ["a header that is not JSON", "{nonsense", 0, /a header of JSON/],
  ["a header that is a list", [], 0, /a header that is a JSON object/],
  ["a truncated file", { w: F32 }, 7, /at tensor w, got \d+\.\nHint: The file is truncated/],
  ["a shape that contradicts the bytes", { w: { ...F32, shape: [3] } }, 8, /12 bytes for F32 \[3\] at tensor w, got 8/],
  ["an unknown dtype", { w: { ...F32, dtype: "F31" } }, 8, /a dtype among .* at tensor w, got "F31"/],
  ["a negative size", { w: { ...F32, shape: [-2] } }, 8, /a shape of whole numbers at tensor w/],
  ["offsets in reverse", { w: { ...F32, data_offsets: [8, 0] } }, 8, /data_offsets \[begin, end\] at tensor w/],
  [
    "overlapping tensors",
    { v: F32, w: { ...F32, data_offsets: [4, 12] } },
    12,
    /after the end of tensor v at tensor w/,
  ],
  ["an entry that is null", { w: null }, 0, /a dtype, which is missing, at tensor w/],
])("%s is refused by file and tensor", (_, header, dataBytes, message) => {
  const file = rawFile(header, dataBytes);
  expect(() => readSafetensors(file)).toThrow(message);
  expect(() => readSafetensors(file)).toThrow(file);
});

sharedTest("files that are no safetensors, folders without any, and wrong names are refused", () => {
  expect(() => readSafetensors(temporaryFile("model.safetensors", "abc"))).toThrow(
    /a header length in the first 8 bytes/,
  );
  expect(() => readSafetensors(temporaryFile("model.safetensors", "x".repeat(100)))).toThrow(
    /a header that fits in the file of 100 bytes/,
  );
  expect(() => readSafetensors(temporaryFolder())).toThrow(
    /Expected model.safetensors or .*, got "no safetensors file"/,
  );
  expect(() => readSafetensors("/nowhere")).toThrow(/got "no such file"/);
  expect(() => readSafetensors(TINY_STORIES).readTensor("nothing")).toThrow(/Expected tensor nothing/);
  const integers = rawFile({ w: { dtype: "I64", shape: [1], data_offsets: [0, 8] } }, 8);
  expect(() => readSafetensors(integers).readTensor("w")).toThrow(
    /a dtype among F64, F32, F16, BF16 at tensor w, got "I64"/,
  );
  const twice = { name: "w", shape: [1], values: Float32Array.of(1) };
  expect(() => writeSafetensors("/nowhere", [twice, twice])).toThrow(/names that differ/);
  expect(() => writeSafetensors("/nowhere", [{ ...twice, shape: [2] }])).toThrow(
    /2 values for \[2\] at tensor w, got 1/,
  );
});
