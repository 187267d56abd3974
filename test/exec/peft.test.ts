import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { readSafetensors } from "../../datasets/index.ts";
import { initialPairs, readPeftFolder, writePeftFolder } from "../../exec/index.ts";
import { type AdapterSpec, adapterSites } from "../../plan/index.ts";
import { perturbed, SMALL } from "./small-run.ts";

function temporaryFolder(): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loratwin-"));
  onTestFinished(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const SPEC: AdapterSpec = { rank: 4, alpha: 8, dropout: 0.1, targets: ["v_proj", "down_proj", "q_proj"] };
const PAIRS = perturbed(initialPairs({ adapter: SPEC, seed: 3 }, SMALL));

describe("a PEFT folder", () => {
  test("has the configuration that LoraConfig reads, with sorted targets", () => {
    const folder = temporaryFolder();
    writePeftFolder(folder, SPEC, SMALL, "base/model", PAIRS);
    expect(JSON.parse(fs.readFileSync(path.join(folder, "adapter_config.json"), "utf8"))).toMatchObject({
      peft_type: "LORA",
      task_type: "CAUSAL_LM",
      base_model_name_or_path: "base/model",
      r: 4,
      lora_alpha: 8,
      lora_dropout: 0.1,
      bias: "none",
      fan_in_fan_out: false,
      inference_mode: true,
      init_lora_weights: true,
      modules_to_save: null,
      layers_to_transform: null,
      layers_pattern: null,
      rank_pattern: {},
      alpha_pattern: {},
      use_rslora: false,
      target_modules: ["down_proj", "q_proj", "v_proj"],
    });
  });

  test("has patterns in the order in which their keys are tried", () => {
    const folder = temporaryFolder();
    const rankPattern = { q_proj: 4, "layers.0.*": 4 };
    writePeftFolder(folder, { ...SPEC, rankPattern, alphaPattern: rankPattern }, SMALL, "base", PAIRS);
    const config = JSON.parse(fs.readFileSync(path.join(folder, "adapter_config.json"), "utf8"));
    expect(Object.keys(config.rank_pattern)).toEqual(["layers.0.*", "q_proj"]);
    expect(Object.keys(config.alpha_pattern)).toEqual(["layers.0.*", "q_proj"]);
  });

  test("has A [rank, in] and B [out, rank] under PEFT's names, in fp32", () => {
    const folder = temporaryFolder();
    writePeftFolder(folder, SPEC, SMALL, "base", PAIRS);
    const { hiddenSize, intermediateSize, numHeads, numKvHeads, headDim } = SMALL;
    const shapes = { q: numHeads * headDim, v: numKvHeads * headDim };
    const expected = [0, 1, 2].flatMap((layer) => {
      const at = `base_model.model.model.layers.${layer}`;
      return [
        [`${at}.mlp.down_proj.lora_A.weight`, [4, intermediateSize]],
        [`${at}.mlp.down_proj.lora_B.weight`, [hiddenSize, 4]],
        [`${at}.self_attn.q_proj.lora_A.weight`, [4, hiddenSize]],
        [`${at}.self_attn.q_proj.lora_B.weight`, [shapes.q, 4]],
        [`${at}.self_attn.v_proj.lora_A.weight`, [4, hiddenSize]],
        [`${at}.self_attn.v_proj.lora_B.weight`, [shapes.v, 4]],
      ] as const;
    });
    const { tensors } = readSafetensors(path.join(folder, "adapter_model.safetensors"));
    const written = tensors.map(({ name, shape }) => [name, [...shape]] as const);
    const byName = (a: readonly [string, unknown], b: readonly [string, unknown]): number => (a[0] < b[0] ? -1 : 1);
    expect(written.sort(byName)).toEqual([...expected].sort(byName));
    expect(tensors.every(({ type }) => type === "F32")).toBe(true);
  });

  test("gives the same numbers when read, and the same bytes when written again", () => {
    const [first, second] = [temporaryFolder(), temporaryFolder()];
    writePeftFolder(first, SPEC, SMALL, "base", PAIRS);
    const read = readPeftFolder(first, SPEC, SMALL);
    expect(read).toEqual(PAIRS);
    writePeftFolder(second, SPEC, SMALL, "base", read);
    for (const file of ["adapter_config.json", "adapter_model.safetensors"])
      expect(fs.readFileSync(path.join(second, file)).equals(fs.readFileSync(path.join(first, file)))).toBe(true);
  });

  test("has rows of tokens as PEFT names them, and gives them by ascending ids", () => {
    const folder = temporaryFolder();
    const spec: AdapterSpec = { ...SPEC, trainableTokens: [3, 8] };
    const pairs = perturbed(initialPairs({ adapter: spec, seed: 3 }, SMALL)).map((pair) =>
      pair.projection === "embed_tokens" ? { ...pair, a: pair.a.map((_, i) => i) } : pair,
    );
    writePeftFolder(folder, spec, SMALL, "base", pairs);
    expect(readPeftFolder(folder, spec, SMALL)).toEqual(pairs);
    const { hiddenSize } = SMALL;
    const { tensors } = readSafetensors(path.join(folder, "adapter_model.safetensors"));
    expect(tensors.find(({ name }) => name.includes("token"))).toMatchObject({
      name: "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta",
      shape: [2, hiddenSize],
    });
    const file = path.join(folder, "adapter_config.json");
    const config = JSON.parse(fs.readFileSync(file, "utf8"));
    expect(config.trainable_token_indices).toEqual([3, 8]);
    fs.writeFileSync(file, JSON.stringify({ ...config, trainable_token_indices: { embed_tokens: [8, 3] } }));
    const [own] = readPeftFolder(folder, spec, SMALL);
    expect([own!.a[0], own!.a[hiddenSize]]).toEqual([hiddenSize, 0]);
    expect(() => readPeftFolder(folder, SPEC, SMALL)).toThrow(/Hint: Write `adapter: \{ trainableTokens: \[3, 8\] \}`/);
    expect(() => readPeftFolder(folder, { ...spec, trainableTokens: [3, 9] }, SMALL)).toThrow(
      /the job's trainableTokens \(3, 9\) at trainable_token_indices/,
    );
  });

  test("of rank-stabilized LoRA says so, and is such a job's alone", () => {
    const [plain, stable] = [temporaryFolder(), temporaryFolder()];
    const spec: AdapterSpec = { ...SPEC, rslora: true };
    writePeftFolder(plain, SPEC, SMALL, "base", PAIRS);
    writePeftFolder(stable, spec, SMALL, "base", PAIRS);
    expect(JSON.parse(fs.readFileSync(path.join(stable, "adapter_config.json"), "utf8"))).toMatchObject({
      ...{ use_rslora: true, lora_alpha: 8, r: 4 },
    });
    expect(readPeftFolder(stable, spec, SMALL)).toEqual(PAIRS);
    expect(adapterSites(spec, SMALL)[0]!.scale).toBe(4);
    expect(adapterSites({ ...SPEC, rslora: false }, SMALL)[0]!.scale).toBe(2);
    expect(() => readPeftFolder(stable, SPEC, SMALL)).toThrow(
      /Expected false, as the job's adapter has it, at use_rslora, got true\.\nHint: Write `adapter: \{ rslora: true \}`\./,
    );
    expect(() => readPeftFolder(plain, spec, SMALL)).toThrow(
      /Expected true, .* at use_rslora, got false\.\nHint: Leave/,
    );
  });

  test.each([
    ["another rank", { ...SPEC, rank: 8 }, /Expected 8, as the job's adapter has it, at r, got 4/],
    ["another alpha", { ...SPEC, alpha: 16 }, /at lora_alpha, got 8/],
    ["other targets", { ...SPEC, targets: ["q_proj" as const] }, /the job's targets \(q_proj\) at target_modules/],
  ])("is refused as the start of a job with %s", (_, spec, message) => {
    const folder = temporaryFolder();
    writePeftFolder(folder, SPEC, SMALL, "base", PAIRS);
    expect(() => readPeftFolder(folder, spec, SMALL)).toThrow(message);
  });

  /** A folder whose configuration has some keys otherwise. */
  const changed = (keys: object): string => {
    const folder = temporaryFolder();
    writePeftFolder(folder, SPEC, SMALL, "base", PAIRS);
    const file = path.join(folder, "adapter_config.json");
    fs.writeFileSync(file, JSON.stringify({ ...JSON.parse(fs.readFileSync(file, "utf8")), ...keys }));
    return folder;
  };
  const modules = [0, 1, 2].flatMap((layer) =>
    ["mlp.down_proj", "self_attn.q_proj", "self_attn.v_proj"].map((name) => `model.layers.${layer}.${name}`),
  );

  test.each([
    ["whole names of all modules", modules],
    ["their ends", ["self_attn.q_proj", "v_proj", "mlp.down_proj"]],
    ["an expression", ".*\\.(?:self_attn\\.[qv]|mlp\\.down)_proj"],
  ])("names its targets by %s", (_, targets) => {
    expect(readPeftFolder(changed({ target_modules: targets }), SPEC, SMALL)).toEqual(PAIRS);
  });

  test.each([
    [{ target_modules: modules.slice(1) }, /the job's targets \(down_proj,q_proj,v_proj\) at target_modules/],
    [{ target_modules: ["q_proj", "v_proj", "down_proj", "lm_head"] }, /at target_modules/],
    [{ target_modules: ".*layers\\.0\\.self_attn\\.(q|v)_proj" }, /at target_modules/],
    [{ target_modules: "(" }, /at target_modules, got "\("/],
    [{ layers_to_transform: [1] }, /Expected null: an adapter on all layers, and nothing else, at layers_to_transform/],
    [
      { alpha_pattern: { q_proj: 2 } },
      /Expected 8 for model\.layers\.0\.self_attn\.q_proj, .* at alpha_pattern, .*\nHint: .*alphaPattern: \{"q_proj":2\}/,
    ],
    [{ rank_pattern: { q_proj: "2" } }, /numbers by modules at rank_pattern/],
    [{ trainable_token_indices: [4, 2] }, /null, as the job's .* at trainable_token_indices.*\nHint: .*\[2, 4\]/],
    [{ modules_to_save: ["lm_head"] }, /and nothing else, at modules_to_save/],
    [{ init_lora_weights: "pissa_niter_4" }, /an adapter on the base as it is at init_lora_weights.*\nHint: Let PEFT/],
    [{ lora_bias: true }, /a plain LoRA adapter at lora_bias/],
    [{ alora_invocation_tokens: [1, 2] }, /a plain LoRA adapter at alora_invocation_tokens/],
    [{ layer_replication: [[0, 2]] }, /a plain LoRA adapter at layer_replication/],
    [{ target_modules: `${"(.|.|.|.)".repeat(17)}#` }, /at target_modules/],
  ])("with %j is refused, and what to do is said", (keys, message) => {
    expect(() => readPeftFolder(changed(keys), SPEC, SMALL)).toThrow(message);
  });

  test("of another model is refused with the tensor's name and shape", () => {
    const folder = temporaryFolder();
    writePeftFolder(folder, SPEC, SMALL, "base", PAIRS);
    expect(() => readPeftFolder(folder, SPEC, { ...SMALL, intermediateSize: 64 })).toThrow(
      /shape \[4, 64\] at base_model\.model\.model\.layers\.0\.mlp\.down_proj\.lora_A\.weight, got \[4,56\]/,
    );
  });
});
