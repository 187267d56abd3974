import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { exportAdapter } from "../../../workbench/ship/export-adapter.ts";
import { temporaryFolder } from "../../cli/run-cli.ts";
import { makeAdapter, makeBase } from "./made-adapter.ts";
import { readJson } from "./oracle-export.ts";

const root = temporaryFolder();
const place = { cwd: root };
const at = (...names: readonly string[]): string => path.join(root, ...names);

beforeAll(() => {
  makeBase(at("base"));
  const tokenizer = readJson<{ readonly added_tokens: readonly object[] }>(at("base", "tokenizer.json"));
  const added = ["<|im_end|>", '<"end">', "<|unused|>"].map((content, i) => ({ id: 1000 + i, content, special: true }));
  const tokens = { ...tokenizer, added_tokens: [...tokenizer.added_tokens, ...added] };
  writeFileSync(at("base", "tokenizer.json"), JSON.stringify(tokens));
  writeFileSync(at("base", "chat_template.jinja"), "{{ messages[0].content }}<|im_end|>");
  makeAdapter(at("adapter"), at("base"));
});

async function modelfile(output: string, generation: object, from?: string): Promise<readonly string[]> {
  writeFileSync(at("base", "generation_config.json"), JSON.stringify(generation));
  await exportAdapter(place, { adapter: "adapter", to: "ollama", output, from });
  return readFileSync(at(output, "Modelfile"), "utf8")
    .split("\n")
    .filter((line) => /^[A-Z]/.test(line));
}

describe("a Modelfile", () => {
  it("has the base, the adapter, sampling as the model's files have it, and where answers end", async () => {
    const lines = await modelfile("one", {
      ...{ do_sample: true, temperature: 0.6, top_k: 20, top_p: 0.95, repetition_penalty: 1.1 },
      eos_token_id: [1001],
    });
    expect(lines.slice(0, 7)).toEqual([
      ...[`FROM ${at("base")}`, "ADAPTER ./adapter.gguf", "PARAMETER temperature 0.6", "PARAMETER top_k 20"],
      ...["PARAMETER top_p 0.95", "PARAMETER repeat_penalty 1.1"],
      lines[6],
    ]);
    const stops = lines.filter((line) => line.startsWith("PARAMETER stop "));
    expect(stops).toContain('PARAMETER stop """<"end">"""');
    expect(stops).toContain('PARAMETER stop "<|im_end|>"');
    expect(stops.join()).not.toContain("unused");
  });

  it("has no sampling where the model's files have none on", async () => {
    expect((await modelfile("two", { temperature: 0.6 })).join("\n")).not.toContain("temperature");
  });

  it("names a GGUF with its whole path, and a model of Ollama as it is", async () => {
    writeFileSync(at("a base.gguf"), "GGUF");
    expect((await modelfile("three", {}, "a base.gguf"))[0]).toBe(`FROM ${at("a base.gguf")}`);
    expect((await modelfile("four", {}, "llama3.2"))[0]).toBe("FROM llama3.2");
    await expect(modelfile("five", {}, "llama3.2\nSYSTEM x")).rejects.toThrow("one line");
  });
});
