import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";
import { writeSmallInputs } from "./small-inputs.ts";

const root = temporaryFolder();
const at = (...names: readonly string[]): string => path.join(root, ...names);

beforeAll(async () => {
  await writeSmallInputs(root);
  const jobs = [{ name: "plain" }, { name: "strong", adapter: { rank: 4, alpha: 8, targets: ["q_proj"], dora: true } }];
  const defaults = {
    data: { path: "rows.jsonl", format: "tokens" },
    evaluation: { share: 0.1, everySteps: 1 },
    ...{ batchSize: 4, microBatchSize: 2, steps: 3, adapter: { rank: 4, alpha: 8, targets: ["q_proj", "v_proj"] } },
  };
  writeFileSync(
    at("w.json"),
    JSON.stringify({ kind: "workload", version: 1, model: { path: "model" }, defaults, jobs }),
  );
  await printed(["train", "w.json", "--devices", "cpu:0", "-o", "run"], root);
}, 120_000);

const ADAPTER = "run/adapters/plain";
const read = (...names: readonly string[]): string => readFileSync(at(...names), "utf8");

describe("export of an adapter that was trained here", () => {
  it("merged has all that the base has, and says what it wrote", async () => {
    const text = await printed(["export", ADAPTER, "merged model", "--to", "merged"], root);
    expect(text).toMatch(/^merged model: run\/adapters\/plain for merged, \d+ modules, /);
    expect(readdirSync(at("merged model")).sort()).toEqual(readdirSync(at("model")).sort());
    expect(read("merged model", "config.json")).toBe(read("model", "config.json"));
  });

  it("merged says so if the base has other weights than those of the run", async () => {
    const base = at("another");
    cpSync(at("model"), base, { recursive: true });
    const bytes = readFileSync(path.join(base, "model.safetensors"));
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(path.join(base, "model.safetensors"), bytes);
    const args = ["export", ADAPTER, "merged into another", "--to", "merged", "--base", "another"];
    const { code, stderr } = await runCli(args, root);
    expect(code).toBe(0);
    expect(stderr).toContain("another has other weights than the adapter was trained on");
    expect((await runCli(["export", ADAPTER, "merged again", "--to", "merged"], root)).stderr).not.toContain("weights");
  });

  it("gguf is one file, of which the library of others is asked elsewhere", async () => {
    const { code, stdout } = await runCli(["export", ADAPTER, "as-gguf", "--to", "gguf", "--json"], root);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ to: "gguf", folder: "as-gguf", adapter: ADAPTER, base: at("model"), notes: [] },
      files: [{ name: "adapter.gguf" }],
    });
    expect(read("as-gguf", "adapter.gguf").slice(0, 4)).toBe("GGUF");
  });

  it("ollama has a Modelfile with the base that it was told", async () => {
    await printed(["export", ADAPTER, "for-ollama", "--to", "ollama", "--from", "llama3.2:1b"], root);
    expect(read("for-ollama", "Modelfile")).toMatch(/^FROM llama3\.2:1b\nADAPTER \.\/adapter\.gguf$/m);
    expect(read("for-ollama", "Modelfile")).not.toContain("TEMPLATE");
    await printed(["export", ADAPTER, "for-ollama-too", "--to", "ollama"], root);
    expect(read("for-ollama-too", "Modelfile")).toContain(`\nFROM ${at("model")}\n`);
  });

  it("peft has a model card with what its run tells", async () => {
    await printed(["export", "run/best/plain", "for-hub", "--to", "peft", "--base", "model"], root);
    const card = read("for-hub", "README.md");
    expect(card).toMatch(/^---\nbase_model: .+\nlibrary_name: peft\n/);
    for (const [what, value] of [
      ["rank", "4"],
      ["alpha", "8"],
      ["modules", "q_proj, v_proj"],
      ["steps", "[123]"],
      ["loss of the last step", "[\\d.]+"],
      ["loss on held-out rows", "[\\d.]+"],
      ["data", "rows.jsonl"],
    ])
      expect(card).toMatch(new RegExp(`^\\| ${what} \\| ${value} \\|$`, "m"));
    expect(card).toMatch(/^Trained with loratwin \d/m);
    const names = ["README.md", "adapter_config.json", "adapter_model.safetensors"];
    expect(readdirSync(at("for-hub"))).toEqual(expect.arrayContaining(names));
    expect(read("for-hub", "adapter_model.safetensors")).toBe(read("run/best/plain", "adapter_model.safetensors"));
  });

  it("ends with 2, and names what GGUF would lose and what to do instead", async () => {
    const { code, stderr } = await runCli(["export", "run/adapters/strong", "lost", "--to", "gguf"], root);
    expect(code).toBe(2);
    expect(stderr).toMatch(/Expected an adapter that llama.cpp takes at .*, got "magnitudes".\nHint: .*--to merged/);
    expect(existsSync(at("lost"))).toBe(false);
    expect((await runCli(["export", "run/adapters/strong", "strong", "--to", "merged"], root)).code).toBe(0);
  });

  it.each([
    [["export", ADAPTER, "x", "--to", "merged", "--from", "y"], /Expected --to ollama beside --from/],
    [["export", ADAPTER, "x", "--to", "merged", "--base", "nowhere"], /Expected a model folder at --base/],
    [["export", ADAPTER, "x", "--to", "onnx"], /onnx/],
    [["export", "run", "x", "--to", "peft"], /It is a run's folder: name one in its adapters\/ or best\/\./],
    [["export", ADAPTER, "model", "--to", "peft"], /Expected a folder that is not there yet/],
    [["export", ADAPTER, "x", "--to", "ollama", "--from", "./none.gguf"], /Expected a GGUF file or a folder at --from/],
  ])("%j ends with 2", async (argv, text) => {
    const { code, stderr } = await runCli(argv, root);
    expect(stderr).toMatch(text);
    expect(code).toBe(2);
    expect(existsSync(at("x"))).toBe(false);
  });
});

describe("check-adapter", () => {
  it("ends with 0 and a table where all takes effect", async () => {
    const { code, stdout } = await runCli(["check-adapter", ADAPTER], root);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^served by +take effect +findings\n/);
    expect(stdout.match(/ none$/gm)).toHaveLength(5);
  });

  it("ends with 1 and what to do where not", async () => {
    const { code, stdout } = await runCli(["check-adapter", "run/adapters/strong"], root);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^vLLM +0 of \d+ modules +refused: magnitudes$/m);
    expect(stdout).toMatch(/^vLLM, SGLang, llama\.cpp, Ollama: Use `loratwin export --to merged`\.$/m);
  });

  it("says for one consumer why, and from which source", async () => {
    const { code, stdout } = await runCli(["check-adapter", "run/adapters/strong", "--for", "vllm"], root);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^vLLM: 0 of \d+ modules take effect\n {2}refused: magnitudes\n {4}model\.layers\.0.*\n(?: {4}.*\n)*? {4}It knows no DoRA\./,
    );
    expect(stdout).toContain("peft_helper.py");
    expect((await runCli(["check-adapter", "run/adapters/strong", "--for", "peft"], root)).code).toBe(0);
  });

  it("prints all of it as JSON", async () => {
    const { stdout } = await runCli(["check-adapter", "run/adapters/strong", "--for", "sglang", "--json"], root);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ adapter: "run/adapters/strong", base: at("model"), rank: 4 },
      consumers: [{ consumer: "sglang", effective: [], findings: [{ effect: "refused", about: "magnitudes" }] }],
    });
  });
});
