import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gguf } from "@huggingface/gguf";
import { describe, expect, it } from "vitest";
import { exportAdapter } from "../../../workbench/ship/export-adapter.ts";
import { temporaryFolder } from "../../cli/run-cli.ts";
import { FAMILIES_FOLDER, HAS_FAMILIES } from "../../exec/family-case.ts";
import { baseOf, exported, HAS_EXPORTS, readJson } from "./oracle-export.ts";

const root = temporaryFolder();
const place = { cwd: root };

async function written(name: string, more: { readonly type?: string; readonly quantizer?: string } = {}) {
  const output = path.join(root, `${name} as ${Object.values(more).join(" ").replaceAll("/", "")}`);
  const choice = { adapter: exported("adapters", name), to: "gguf-model" as const, output, base: baseOf(name) };
  const { notes } = await exportAdapter(place, { ...choice, ...more });
  return { output, notes, ...(await taken(path.join(output, "model.gguf"))) };
}

/** A file taken apart: its bytes of each tensor by name. */
async function taken(file: string) {
  const { metadata, tensorInfos, tensorDataOffset } = await gguf(file, { allowLocalFile: true });
  const bytes = readFileSync(file);
  const ends = tensorInfos.map(({ offset }) => Number(offset)).sort((a, b) => a - b);
  const tensors = tensorInfos.map(({ name, offset, shape, dtype }) => {
    const start = Number(tensorDataOffset) + Number(offset);
    const end = ends.find((each) => each > Number(offset));
    const data = bytes.subarray(start, end === undefined ? bytes.length : Number(tensorDataOffset) + end);
    return [name, { shape: shape.map(Number), dtype, data }] as const;
  });
  return { metadata: metadata as unknown as Readonly<Record<string, unknown>>, tensors: new Map(tensors) };
}

const BASE_FILES = { "stories-r4-qv": "tinystories-260k", "qwen3-r8-qkvo-rslora": "tiny-qwen3" } as const;

describe.skipIf(!HAS_EXPORTS)("a whole model in GGUF", () => {
  it.each(Object.entries(BASE_FILES))("%s has what llama.cpp's converter says, and its bytes", async (name, base) => {
    const ours = await written(name, { type: "f32" });
    const theirs = await taken(exported("bases", `${base}.gguf`));
    // Names of the converter's own, scores that are all one there, and a key of encoders.
    const other = /general\.(name|basename|size_label)|scores|add_sep_token|version|_count$/;
    for (const [key, value] of Object.entries(theirs.metadata))
      if (!other.test(key)) expect([key, ours.metadata[key]]).toEqual([key, value]);
    expect([...ours.tensors.keys()].sort()).toEqual([...theirs.tensors.keys()].sort());
    const changed = /attn_[qkvo]/;
    for (const [tensor, { shape, dtype, data }] of theirs.tensors) {
      const own = ours.tensors.get(tensor)!;
      expect([tensor, own.shape, own.dtype]).toEqual([tensor, shape, dtype]);
      if (!changed.test(tensor) || (name === "stories-r4-qv" && /attn_(k|output)/.test(tensor)))
        expect([tensor, own.data.equals(data)]).toEqual([tensor, true]);
    }
  });

  it("scores tokens by the order of merges, by which llama.cpp chooses as BPE does", async () => {
    const { metadata } = await written("stories-r8-all", { type: "f32" });
    const [tokens, scores] = ["tokens", "scores"].map((key) => metadata[`tokenizer.ggml.${key}`]);
    const { model } = readJson<{ model: { merges: readonly string[] } }>(
      path.join(baseOf("stories-r8-all"), "tokenizer.json"),
    );
    const made = model.merges.map((pair) => pair.split(" ").join(""));
    const scored = made.map((text) => (scores as readonly number[])[(tokens as readonly string[]).indexOf(text)]!);
    expect(scored).toEqual([...scored].sort((a, b) => b - a));
    expect(metadata["tokenizer.ggml.add_space_prefix"]).toBe(true);
  });

  it("has matrices in another type, norms in float32, and rows that are no whole blocks in float16", async () => {
    const f16 = await written("llama-untied-r8-qkvo", { type: "f16" });
    const q8 = await written("stories-r8-all");
    const dtypes = ({ tensors }: typeof f16, ...names: string[]) => names.map((name) => tensors.get(name)!.dtype);
    expect(dtypes(f16, "output.weight", "blk.0.attn_q.weight", "output_norm.weight")).toEqual([1, 1, 0]);
    // Its MLPs have 172 columns.
    const some = ["blk.0.attn_q.weight", "token_embd.weight", "blk.0.ffn_down.weight", "blk.0.attn_norm.weight"];
    expect(dtypes(q8, ...some)).toEqual([8, 8, 1, 0]);
    expect([q8.metadata["general.file_type"], q8.tensors.has("output.weight")]).toEqual([7, false]);
    const bf16 = await written("qwen3-r4-all", { type: "bf16" });
    expect(dtypes(bf16, "blk.0.attn_q.weight", "blk.0.attn_q_norm.weight")).toEqual([30, 0]);
  });

  it("is quantized by llama.cpp's tool, which gets it whole", async () => {
    const tool = path.join(root, "tool");
    writeFileSync(tool, `#!/bin/sh\nhead -c 4 "$1" > "$2.magic"; echo "$3" > "$2.type"; cp "$1" "$2"\n`);
    chmodSync(tool, 0o755);
    const { output } = await written("qwen3-r4-all", { type: "q4_k_m", quantizer: tool });
    const read = (name: string): string => readFileSync(path.join(output, name), "utf8");
    expect([read("model.gguf.magic"), read("model.gguf.type")]).toEqual(["GGUF", "Q4_K_M\n"]);
    expect(readdirSync(output)).not.toContain("unquantized.gguf");
  });

  it("leaves nothing where the tool fails, is not there, or something is refused", async () => {
    const tool = path.join(root, "bad tool");
    writeFileSync(tool, `#!/bin/sh\necho "no such type" >&2; exit 3\n`);
    chmodSync(tool, 0o755);
    const ask = (more: object) =>
      exportAdapter(place, {
        ...{ adapter: exported("adapters", "qwen3-r4-all"), base: baseOf("qwen3-r4-all"), output: "none" },
        ...{ to: "gguf-model", ...more },
      });
    await expect(ask({ type: "q4_k_m", quantizer: tool })).rejects.toThrow("no such type");
    await expect(ask({ type: "q4_k_m", quantizer: "nowhere" })).rejects.toThrow("at --quantizer");
    await expect(ask({ type: "q4_k_m" })).rejects.toThrow("llama-quantize of llama.cpp on the PATH");
    await expect(ask({ to: "gguf", type: "f16" })).rejects.toThrow("--to gguf-model beside --type");
    const base = path.join(root, "strange split");
    cpSync(baseOf("qwen3-r4-all"), base, { recursive: true });
    const file = path.join(base, "tokenizer.json");
    chmodSync(file, 0o644);
    chmodSync(base, 0o755);
    writeFileSync(file, readFileSync(file, "utf8").replace("{1,3}|", "|").replaceAll("\\\\p{N}|", "\\\\p{N}+|"));
    await expect(ask({ base })).rejects.toThrow("a way of splitting texts that llama.cpp has a name for");
    expect(readdirSync(root).filter((name) => name.startsWith("none"))).toEqual([]);
  });
});

/** A copy of a family's model with a tokenizer of its 96 tokens. */
function family(name: string, edit: object): string {
  const folder = path.join(root, `family ${name}`);
  mkdirSync(folder, { recursive: true });
  for (const file of ["config.json", "model.safetensors"])
    writeFileSync(path.join(folder, file), readFileSync(path.join(FAMILIES_FOLDER, name, file)));
  const config = readJson<object>(path.join(folder, "config.json"));
  writeFileSync(path.join(folder, "config.json"), JSON.stringify({ ...config, ...edit }));
  const level = { type: "ByteLevel", add_prefix_space: false, use_regex: true };
  const vocab = Object.fromEntries(Array.from({ length: 94 }, (_, id) => [String.fromCharCode(33 + id), id]));
  const added_tokens = [{ id: 95, content: "</s>", special: true }];
  const tokenizer = { added_tokens, pre_tokenizer: level, decoder: level, model: { type: "BPE", vocab, merges: [] } };
  writeFileSync(path.join(folder, "tokenizer.json"), JSON.stringify(tokenizer));
  writeFileSync(path.join(folder, "tokenizer_config.json"), JSON.stringify({ eos_token: "</s>" }));
  return folder;
}

describe.skipIf(!HAS_FAMILIES)("a whole model of a family in GGUF", () => {
  const ask = async (name: string, edit: object = {}) => {
    const base = family(name, edit);
    const adapter = path.join(FAMILIES_FOLDER, name, "adapter-attention");
    const { notes } = await exportAdapter(place, {
      adapter,
      base,
      to: "gguf-model",
      output: `${name} out`,
      type: "f32",
    });
    return { notes, ...(await taken(path.join(root, `${name} out`, "model.gguf"))) };
  };

  it("has norms of Gemma with their 1, and both kinds of rope", async () => {
    const { metadata, tensors } = await ask("gemma3", { query_pre_attn_scalar: 16 });
    expect(metadata["gemma3.rope.freq_base_swa"]).toBe(10000);
    expect([metadata["gemma3.rope.scaling.type"], metadata["gemma3.attention.sliding_window"]]).toEqual(["linear", 8]);
    expect([...tensors.keys()]).toContain("blk.0.post_ffw_norm.weight");
  });

  it("has experts behind each other, and factors of rotary scaling", async () => {
    const mixtral = await ask("mixtral");
    const { expert_count: count } = { expert_count: mixtral.metadata["llama.expert_count"] as number };
    expect(mixtral.tensors.get("blk.0.ffn_gate_exps.weight")!.shape.at(-1)).toBe(count);
    expect(mixtral.tensors.get("blk.0.ffn_gate_inp.weight")!.dtype).toBe(0);
    expect((await ask("llama-llama3")).tensors.get("rope_freqs.weight")!.shape).toEqual([8]);
    const phi = await ask("phi3-longrope");
    expect(phi.tensors.get("rope_factors_long.weight")!.shape).toEqual([4]);
    expect(phi.notes).toEqual([expect.stringContaining("above 24 tokens")]);
    expect((await ask("mistral")).notes).toEqual([expect.stringContaining("no window of 8 tokens")]);
  });

  it("is refused where llama.cpp computes something else", async () => {
    await expect(ask("gemma2")).rejects.toThrow("query_pre_attn_scalar");
    await expect(ask("qwen3-moe")).rejects.toThrow("experts in all layers");
    await expect(ask("granite")).rejects.toThrow("model_type");
    expect(existsSync(path.join(root, "granite out"))).toBe(false);
  });
});
