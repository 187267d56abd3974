import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { readSafetensors, writeSafetensors } from "../../../datasets/index.ts";
import { openModelFolder } from "../../../exec/index.ts";
import { projectionPath } from "../../../plan/index.ts";
import { exportAdapter } from "../../../workbench/ship/export-adapter.ts";
import { temporaryFolder } from "../../cli/run-cli.ts";
import { makeAdapter, makeBase, ones } from "./made-adapter.ts";
import { baseOf, exported, HAS_EXPORTS, readJson } from "./oracle-export.ts";

const root = temporaryFolder();
const place = { cwd: root };
const at = (...names: readonly string[]): string => path.join(root, ...names);
const BASE = at("a base");

beforeAll(() => {
  makeBase(BASE);
  makeBase(at("tied"), true);
});

let made = 0;
const next = (): string => {
  made += 1;
  return `made ${made}`;
};

async function merged(...args: Parameters<typeof makeAdapter> extends [string, ...infer Rest] ? Rest : never) {
  const name = next();
  const pairs = makeAdapter(at(name), ...args);
  await exportAdapter(place, { adapter: name, to: "merged", output: `${name} merged` });
  return { folder: at(`${name} merged`), pairs };
}

describe("a merged model", () => {
  it.each([
    ["untied", BASE],
    ["tied", at("tied")],
  ])("has an adapter's rows in its embedding, %s", async (_, base) => {
    const tokens = [2, 7, 250];
    const rows = Float32Array.from({ length: 3 * 32 }, (_, i) => Math.sin(i));
    const { folder } = await merged(base, {
      spec: { trainableTokens: tokens },
      tensors: (all) =>
        all.map((own) => (own.name.endsWith("trainable_tokens_delta") ? { ...own, values: rows } : own)),
    });
    const embedding = "model.embed_tokens.weight";
    const expected = readSafetensors(base).readTensor(embedding).slice();
    tokens.forEach((token, row) => {
      expected.set(rows.subarray(row * 32, (row + 1) * 32), token * 32);
    });
    const after = readSafetensors(folder);
    expect(after.readTensor(embedding)).toEqual(expected);
    expect(after.has("lm_head.weight")).toBe(base === BASE);
  });

  it("has W + scale B A where the adapter is, and the base's bytes elsewhere", async () => {
    const { folder, pairs } = await merged(BASE, { spec: { rslora: true } });
    const { architecture } = openModelFolder(folder);
    const [before, after] = [readSafetensors(BASE), readSafetensors(folder)];
    expect(after.metadata).toEqual({ format: "pt" });
    const changed = new Set<string>();
    for (const { layer, projection, a, b } of pairs) {
      const name = `${projectionPath(architecture, layer, projection)}.weight`;
      changed.add(name);
      const [out, inFeatures] = before.entry(name).shape as [number, number];
      const [from, to] = [before.readTensor(name), after.readTensor(name)];
      for (let o = 0; o < out; o += 1)
        for (let i = 0; i < inFeatures; i += 1) {
          let product = 0;
          for (let r = 0; r < 4; r += 1) product += b[o * 4 + r]! * a[r * inFeatures + i]!;
          expect(to[o * inFeatures + i]).toBe(Math.fround(from[o * inFeatures + i]! + (8 / Math.sqrt(4)) * product));
        }
    }
    for (const { name } of before.tensors)
      if (!changed.has(name)) expect(after.readBytes(name)).toEqual(before.readBytes(name));
  });

  it("is in as many files as the base, with its index, and the base's tokenizer beside it", async () => {
    const sharded = at("sharded");
    mkdirSync(sharded);
    for (const name of readdirSync(at("tied")))
      if (name !== "model.safetensors") writeFileSync(path.join(sharded, name), readFileSync(at("tied", name)));
    const reader = readSafetensors(at("tied"));
    const whole = reader.tensors.map(({ name, shape }) => ({ name, shape, values: reader.readTensor(name) }));
    const shards = [whole.slice(0, 7), whole.slice(7)].map(
      (tensors, index) => [`model-0000${index + 1}-of-00002.safetensors`, tensors] as const,
    );
    for (const [name, tensors] of shards) writeSafetensors(path.join(sharded, name), tensors, { format: "pt" });
    const map = Object.fromEntries(shards.flatMap(([name, tensors]) => tensors.map((tensor) => [tensor.name, name])));
    const bytes = whole.reduce((sum, { values }) => sum + 4 * values.length, 0);
    const index = { metadata: { total_size: bytes }, weight_map: map };
    writeFileSync(path.join(sharded, "model.safetensors.index.json"), JSON.stringify(index));
    writeFileSync(path.join(sharded, "chat_template.jinja"), "{{ messages }}");
    writeFileSync(path.join(sharded, "generation_config.json"), "{}");
    const { folder } = await merged(sharded, { spec: { targets: ["lm_head", "q_proj"] } });
    expect(readdirSync(folder).sort()).toEqual(readdirSync(sharded).sort());
    const own = readJson<{ readonly metadata: object; readonly weight_map: object }>(
      path.join(folder, "model.safetensors.index.json"),
    );
    const { hiddenSize, vocabularySize } = openModelFolder(folder).architecture;
    expect(own.metadata).toEqual({ total_size: bytes + 4 * hiddenSize * vocabularySize });
    expect(own.weight_map).toEqual({ ...map, "lm_head.weight": shards[1]![0] });
  });

  it("has a head of its own where the base's is the embedding, which stays as it was", async () => {
    const { folder } = await merged(at("tied"), { spec: { targets: ["lm_head"] } });
    expect(readJson(path.join(folder, "config.json"))).toMatchObject({ tie_word_embeddings: false });
    expect(openModelFolder(folder).architecture.tiedEmbeddings).toBe(false);
    const [before, after] = [readSafetensors(at("tied")), readSafetensors(folder)];
    const embedding = "model.embed_tokens.weight";
    expect(after.readBytes(embedding)).toEqual(before.readBytes(embedding));
    expect(after.readTensor("lm_head.weight")).not.toEqual(before.readTensor(embedding));
  });

  /** The base in another type. */
  function baseIn(folder: string, type: "BF16" | "F16"): string {
    const reader = readSafetensors(BASE);
    mkdirSync(folder);
    for (const name of ["config.json", "tokenizer.json", "tokenizer_config.json"])
      writeFileSync(path.join(folder, name), readFileSync(path.join(BASE, name)));
    const tensors = reader.tensors.map(({ name, shape }) => ({ name, shape, values: reader.readTensor(name), type }));
    writeSafetensors(path.join(folder, "model.safetensors"), tensors);
    return folder;
  }

  it.each(["BF16", "F16"] as const)("keeps the base's type: %s", async (type) => {
    const { folder } = await merged(baseIn(at(type), type));
    expect(new Set(readSafetensors(folder).tensors.map((tensor) => tensor.type))).toEqual(new Set([type]));
  });

  it("is refused where the base's type cannot hold its numbers", async () => {
    const name = next();
    makeAdapter(at(name), baseIn(at("narrow"), "F16"), { spec: { alpha: 1e9 } });
    await expect(exportAdapter(place, { adapter: name, to: "merged", output: "refused" })).rejects.toThrow(
      /the merged model in F16: Expected finite weights/,
    );
    expect(existsSync(at("refused"))).toBe(false);
  });

  it.skipIf(!HAS_EXPORTS)("is PEFT's to a last bit", async () => {
    const name = "stories-r8-all";
    const output = at("merged stories");
    await exportAdapter(place, { adapter: exported("adapters", name), to: "merged", output, base: baseOf(name) });
    const [own, peft] = [readSafetensors(output), readSafetensors(exported("merged", name))];
    expect(own.tensors.map((tensor) => tensor.name)).toEqual(peft.tensors.map((tensor) => tensor.name));
    for (const { name: tensor } of peft.tensors) {
      const [ours, theirs] = [own.readTensor(tensor), peft.readTensor(tensor)];
      const largest = theirs.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const furthest = ours.reduce((most, value, i) => Math.max(most, Math.abs(value - theirs[i]!)), 0);
      expect(furthest).toBeLessThanOrEqual(2 ** -22 * largest);
    }
    expect(existsSync(path.join(output, "tokenizer.json"))).toBe(true);
  });
});

const Q = "base_model.model.model.layers.0.self_attn.q_proj";

describe("an export is refused, and leaves nothing behind, where", () => {
  type Refusal = readonly [what: string, made: Parameters<typeof makeAdapter>[2], text: RegExp];
  const refusals: readonly Refusal[] = [
    [
      "a matrix has another shape than the base's",
      { tensors: (all) => all.map((t) => (t.name === `${Q}.lora_A.weight` ? ones(t.name, 4, 31) : t)) },
      /Expected shape \[4, 32\] at .*q_proj.lora_A.weight, got \[4,31\]/,
    ],
    [
      "A and B have other ranks",
      { tensors: (all) => all.map((t) => (t.name === `${Q}.lora_A.weight` ? ones(t.name, 5, 32) : t)) },
      /Expected shape \[32, 5\]/,
    ],
    [
      "a number is none",
      {
        tensors: (all) =>
          all.map((t) => (t.name === `${Q}.lora_B.weight` ? { ...t, values: t.values.map(() => Number.NaN) } : t)),
      },
      /Expected finite weights at .*q_proj.lora_B.weight\[0\], got "NaN"/,
    ],
    [
      "a module is not the base's",
      {
        config: (config) => ({ ...config, target_modules: ["q_proj", "v_proj", "w_proj"] }),
        tensors: (all) => [...all, ones(`${Q}.w_proj.lora_A.weight`, 4, 32), ones(`${Q}.w_proj.lora_B.weight`, 32, 4)],
      },
      /Expected modules that the base has at .*w_proj/,
    ],
    [
      "a pair is not whole",
      { tensors: (all) => all.filter((t) => t.name !== `${Q}.lora_B.weight`) },
      /got "half a pair"/,
    ],
    [
      "target_modules does not name a module",
      { config: (config) => ({ ...config, target_modules: ["v_proj"] }) },
      /Expected only modules that target_modules names at model.layers.0.self_attn.q_proj/,
    ],
    [
      "a module that target_modules names has no tensors",
      { config: (config) => ({ ...config, target_modules: ["q_proj", "v_proj", "o_proj"] }) },
      /Expected tensors of model.layers.0.self_attn.o_proj, which target_modules names/,
    ],
    ["modules are saved whole", { config: (c) => ({ ...c, modules_to_save: ["norm"] }) }, /got "saved modules"/],
    ["there are biases", { config: (c) => ({ ...c, bias: "all" }) }, /at bias, got "biases"/],
    [
      "rows of the head alone are trained",
      { config: (c) => ({ ...c, trainable_token_indices: { embed_tokens: [1], lm_head: [2] } }) },
      /Expected ids below \d+, of rows of embed_tokens alone, at trainable_token_indices/,
    ],
    ["PEFT changes the base", { config: (c) => ({ ...c, init_lora_weights: "pissa" }) }, /got "changed base"/],
    ["it is no LoRA", { config: (c) => ({ ...c, peft_type: "IA3" }) }, /Expected "LORA" at peft_type, got "IA3"/],
    [
      "the base is not there",
      { config: (c) => ({ ...c, base_model_name_or_path: "owner/model" }) },
      /Expected the folder of the base model .*\nHint: --base DIR names it; --base hf:owner\/model takes it/,
    ],
  ];
  it.each(refusals)("%s", async (_, how, text) => {
    const name = next();
    makeAdapter(at(name), BASE, how);
    const before = readdirSync(root);
    await expect(exportAdapter(place, { adapter: name, to: "merged", output: "refused" })).rejects.toThrow(text);
    expect(readdirSync(root)).toEqual(before);
  });

  it("a file is cut off", async () => {
    const name = next();
    makeAdapter(at(name), BASE);
    truncateSync(at(name, "adapter_model.safetensors"), 2000);
    await expect(exportAdapter(place, { adapter: name, to: "gguf", output: "refused" })).rejects.toThrow(/truncated/i);
    expect(existsSync(at("refused"))).toBe(false);
  });

  it("the folder has something in it; an empty one is taken", async () => {
    const name = next();
    makeAdapter(at(name), BASE);
    mkdirSync(at("taken"));
    await exportAdapter(place, { adapter: name, to: "gguf", output: "taken" });
    await expect(exportAdapter(place, { adapter: name, to: "gguf", output: "taken" })).rejects.toThrow(
      /Expected a folder that is not there yet, got "a folder that is not empty"/,
    );
    expect(readdirSync(at("taken"))).toEqual(["adapter.gguf"]);
  });
});

describe("GGUF is refused, with what to do instead, where llama.cpp would lose", () => {
  it.each([
    ["magnitudes", BASE, { spec: { dora: true } }],
    ["tied head", at("tied"), { spec: { targets: ["lm_head"] } }],
    [
      "saved norms",
      BASE,
      { tensors: (all) => [...all, ones("base_model.model.model.layers.0.input_layernorm.weight", 32)] },
    ],
    [
      "embedding",
      BASE,
      { tensors: (all) => [...all, ones("base_model.model.model.embed_tokens.lora_embedding_A", 4, 256)] },
    ],
  ] as readonly (readonly [string, string, Parameters<typeof makeAdapter>[2]])[])("%s", async (what, base, how) => {
    const name = next();
    makeAdapter(at(name), base, how);
    for (const to of ["gguf", "ollama"] as const)
      await expect(exportAdapter(place, { adapter: name, to, output: "refused" })).rejects.toThrow(
        new RegExp(`got "${what}"[^]*Hint: .*(?:--to merged|merge_and_unload)`),
      );
  });
});
