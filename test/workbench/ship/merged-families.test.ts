// @module-tag slow
import path from "node:path";
import { describe, expect, it } from "vitest";
import { countScored } from "../../../datasets/index.ts";
import { openModelFolder } from "../../../exec/index.ts";
import { exportAdapter } from "../../../workbench/ship/export-adapter.ts";
import { temporaryFolder } from "../../cli/run-cli.ts";
import { emptyAdapter, HAS_FAMILIES, lossesOf, readFamily } from "../../exec/family-case.ts";
import { relative, rowsOf } from "../../exec/family-training.ts";

const root = temporaryFolder();

const FAMILIES = [
  ...["gemma2", "gemma3", "glm4", "gpt-oss", "granite", "llama-llama3", "llama4-dense", "mistral", "mixtral", "olmo2"],
  ...["phi3-window", "phi4-mini", "qwen2", "qwen3", "qwen3-moe", "smollm3"],
];

describe.skipIf(!HAS_FAMILIES).each(FAMILIES)("an adapter merged into %s", (name) => {
  it.each(["all", "attention", "head"])(
    "has the losses that PEFT has with both: %s",
    async (set) => {
      const family = readFamily(name);
      const expected = family.expected.adapters[set];
      if (expected === undefined) return;
      const output = path.join(root, `${name}-${set}`);
      await exportAdapter(
        { cwd: root },
        { adapter: path.join(family.folder, `adapter-${set}`), to: "merged", output, base: family.folder },
      );
      const model = openModelFolder(output);
      const losses = await lossesOf(
        { ...family, digest: model.digest },
        model,
        emptyAdapter(model.architecture),
        rowsOf(family),
      );
      for (const [i, loss] of losses.entries())
        expect(relative(loss, expected.sequences[i]!.loss_mean)).toBeLessThan(1e-5);
    },
    60_000,
  );
});

describe.skipIf(!HAS_FAMILIES).each(["qwen3-moe", "mixtral"])("adapters of experts merged into %s", (name) => {
  const mergedLosses = async (set: string): Promise<readonly number[]> => {
    const family = readFamily(name);
    const output = path.join(root, `${name}-${set}`);
    const adapter = path.join(family.folder, `adapter-${set}`);
    await exportAdapter({ cwd: root }, { adapter, to: "merged", output, base: family.folder });
    const model = openModelFolder(output);
    return await lossesOf({ digest: model.digest }, model, emptyAdapter(model.architecture), rowsOf(family));
  };

  it("may be by the names that their matrices have in a checkpoint", async () => {
    const { sequences } = readFamily(name).expected.adapters["oldnames"]!;
    for (const [i, loss] of (await mergedLosses("oldnames")).entries())
      expect(relative(loss, sequences[i]!.loss_mean)).toBeLessThan(1e-5);
  });

  it("may be one for each matrix of each expert, as PEFT wrote them with transformers 4", async () => {
    const family = readFamily(name);
    const scored = rowsOf(family).map(countScored);
    for (const [i, loss] of (await mergedLosses("v4")).entries())
      expect(relative(loss * scored[i]!, family.expected.adapter_v4!.losses[i]!.loss_sum)).toBeLessThan(1e-5);
  });
});
