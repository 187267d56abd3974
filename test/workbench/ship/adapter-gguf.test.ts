import { readFileSync } from "node:fs";
import path from "node:path";
import { gguf } from "@huggingface/gguf";
import { describe, expect, it } from "vitest";
import { readSafetensors } from "../../../datasets/index.ts";
import { titleOf } from "../../../workbench/ship/adapter-gguf.ts";
import { checkAdapter } from "../../../workbench/ship/check-adapter.ts";
import { exportAdapter } from "../../../workbench/ship/export-adapter.ts";
import { ggufName, withMovedRows } from "../../../workbench/ship/gguf-names.ts";
import { temporaryFolder } from "../../cli/run-cli.ts";
import { FAMILIES_FOLDER, HAS_FAMILIES } from "../../exec/family-case.ts";
import { makeAdapter } from "./made-adapter.ts";
import { ADAPTERS, baseOf, exported, HAS_EXPORTS, readJson } from "./oracle-export.ts";

const root = temporaryFolder();
const place = { cwd: root };

async function written(name: string): Promise<string> {
  const output = path.join(root, "to gguf", name);
  await exportAdapter(place, { adapter: exported("adapters", name), to: "gguf", output, base: baseOf(name) });
  return path.join(output, "adapter.gguf");
}

interface Taken {
  readonly file: {
    readonly metadata: Readonly<Record<string, number | { readonly value: string | number }>>;
    readonly tensors: readonly { readonly name: string; readonly shape: readonly number[]; readonly offset: number }[];
  };
}

describe.skipIf(!HAS_EXPORTS)("an adapter in GGUF", () => {
  it.each(ADAPTERS)("has the bytes that llama.cpp was seen to take: %s", async (name) => {
    expect(readFileSync(await written(name))).toEqual(readFileSync(exported("gguf", `${name}.gguf`)));
  });

  it.each(["stories-patterns", "llama-untied-r4-qkv-head"])("is read back by another program: %s", async (name) => {
    const file = path.join(root, "again", `${name}`);
    await exportAdapter(place, { adapter: exported("adapters", name), to: "gguf", output: file, base: baseOf(name) });
    const { metadata, tensorInfos, tensorDataOffset } = await gguf(path.join(file, "adapter.gguf"), {
      allowLocalFile: true,
    });
    const taken = readJson<Taken>(exported("gguf", `${name}.json`)).file;
    for (const [key, value] of Object.entries(taken.metadata))
      if (typeof value === "object") expect((metadata as Record<string, unknown>)[key]).toBe(value.value);
    expect(
      tensorInfos.map(({ name: tensor, shape, offset }) => ({
        name: tensor,
        shape: shape.map(Number),
        offset: Number(offset),
      })),
    ).toEqual(taken.tensors.map(({ name: tensor, shape, offset }) => ({ name: tensor, shape, offset })));
    // A is as it was, wherever it lies.
    const bytes = readFileSync(path.join(file, "adapter.gguf"));
    const reader = readSafetensors(exported("adapters", name));
    const last = reader.tensors.filter(({ name: tensor }) => tensor.endsWith("v_proj.lora_A.weight")).at(-1)!;
    const layer = /layers\.(\d+)/.exec(last.name)![1];
    const info = tensorInfos.find(({ name: tensor }) => tensor === `blk.${layer}.attn_v.weight.lora_a`)!;
    const start = Number(tensorDataOffset) + Number(info.offset);
    expect(bytes.subarray(start, start + last.end - last.start)).toEqual(Buffer.from(reader.readBytes(last.name)));
  });
});

describe.skipIf(!HAS_FAMILIES)("an adapter of GLM-4 in GGUF", () => {
  const glm = path.join(FAMILIES_FOLDER, "glm4");

  it("is refused on modules with which llama.cpp's process ends", async () => {
    const adapter = path.join(glm, "adapter-all");
    await expect(exportAdapter(place, { adapter, to: "gguf", output: "glm", base: glm })).rejects.toThrow(
      /at model\.layers\.0\.(?:mlp\.down_proj|self_attn\.o_proj), got "one that ends its process with an assertion"/,
    );
    const { consumers } = await checkAdapter(place, { adapter, consumers: ["llama.cpp"], base: glm });
    expect(consumers[0]!.findings).toMatchObject([{ effect: "refused", about: "names" }]);
    expect(consumers[0]!.findings[0]!.where.every((name) => /\.(?:o|down)_proj$/.test(name))).toBe(true);
  });

  it("is written elsewhere", async () => {
    makeAdapter(path.join(root, "glm-some"), glm, { spec: { targets: ["k_proj", "gate_up_proj"] } });
    await exportAdapter(place, { adapter: "glm-some", to: "gguf", output: "glm-gguf", base: glm });
    const file = path.join(root, "glm-gguf", "adapter.gguf");
    const { metadata, tensorInfos } = await gguf(file, { allowLocalFile: true });
    expect(metadata["general.architecture"]).toBe("glm4");
    expect(tensorInfos.slice(0, 4).map(({ name }) => name)).toEqual([
      ...["blk.0.ffn_up.weight.lora_a", "blk.0.ffn_up.weight.lora_b"],
      ...["blk.0.attn_k.weight.lora_a", "blk.0.attn_k.weight.lora_b"],
    ]);
  });
});

describe("names in GGUF", () => {
  it("are those of llama.cpp, also of fused matrices and the head", () => {
    const names = ["self_attn.q_proj", "self_attn.qkv_proj", "self_attn.o_proj", "mlp.gate_up_proj", "mlp.down_proj"];
    expect(names.map((name) => ggufName(`model.layers.12.${name}`))).toEqual([
      ...["blk.12.attn_q.weight", "blk.12.attn_qkv.weight", "blk.12.attn_output.weight", "blk.12.ffn_up.weight"],
      "blk.12.ffn_down.weight",
    ]);
    expect(ggufName("lm_head")).toBe("output.weight");
    expect(ggufName("model.layers.0.mlp.experts.3.down_proj")).toBeUndefined();
    expect(ggufName("model.embed_tokens")).toBeUndefined();
  });

  it("have titles as gguf makes them of folders", () => {
    expect(["stories-r4-qv", "My-adapter v2", "a_b", "7b-it", "v1.2-x"].map(titleOf)).toEqual([
      ...["Stories R4 Qv", "My Adapter v2", "A_B", "7b It", "v1.2 X"],
    ]);
  });

  it("go with rows of which halves of a head lie in turns", () => {
    // Two heads of four rows, rank 1.
    const moved = withMovedRows(Float32Array.from([0, 1, 2, 3, 4, 5, 6, 7]), 1, 2);
    expect([...moved]).toEqual([0, 2, 1, 3, 4, 6, 5, 7]);
  });
});
