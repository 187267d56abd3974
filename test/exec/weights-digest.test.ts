import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { initModel } from "../../datasets/index.ts";
import { type BaseModel, openModelFolder, syntheticWeights, weightsDigest } from "../../exec/index.ts";
import { modelTensors, stageTensors } from "../../exec/model-tensors.ts";
import { loadStageWeights } from "../../exec/stage-weights.ts";
import type { Device } from "../../native/index.ts";
import type { Stage } from "../../plan/index.ts";
import { temporaryFolder } from "../cli/run-cli.ts";
import { SMALL } from "./small-run.ts";

const folder = temporaryFolder();

/** Takes what is loaded, and has shared nothing. */
const DEVICE = {
  shareWeights: () => undefined,
  packMatrix: () => Promise.resolve(0),
  loadVector: () => 0,
  loadTable: () => 0,
} as unknown as Device;

const WHOLE: Stage = {
  ...{ index: 0, device: 0, firstLayer: 0, endLayer: 3, recomputedLayers: 0 },
  ...{ embedding: true, head: true },
};

/** Names of the tensors that are read for a stage. */
async function readFor(model: BaseModel, stage: Stage): Promise<readonly string[]> {
  const names = new Set<string>();
  const weights: BaseModel["weights"] = {
    read(name, shape) {
      names.add(name);
      return model.weights.read(name, shape);
    },
    readBfloat16: () => undefined,
  };
  await loadStageWeights(DEVICE, { ...model, weights }, stage, { dtype: "float32" });
  return [...names].sort();
}

describe("the tensors of a stage", () => {
  test.each([
    ["a whole model", WHOLE],
    ["the first layers", { ...WHOLE, endLayer: 1, head: false }],
    ["the last layers", { ...WHOLE, firstLayer: 1, embedding: false }],
    [
      "a stage from an MLP to an attention",
      { ...WHOLE, head: false, startsAtMlp: true, endsAtAttention: true } as const,
    ],
  ])("are those that it loads: %s", async (_, stage) => {
    for (const change of [{}, { tiedEmbeddings: false, qkvBias: true }]) {
      const architecture = { ...SMALL, ...change };
      const names = [...stageTensors(architecture, stage)].map(({ name }) => name).sort();
      expect(await readFor(syntheticWeights(architecture), stage)).toEqual(names);
    }
  });
});

describe("the digest of a model's weights", () => {
  const made = (name: string): string => {
    const own = path.join(folder, name);
    initModel({ folder: own, hiddenSize: 32, layers: 3, heads: 4, kvHeads: 2, seed: 1 });
    return own;
  };

  test("is the same whether they are loaded or only read, and another one where a byte is", async () => {
    const read = openModelFolder(made("read"));
    const loaded = openModelFolder(made("loaded"));
    await loadStageWeights(DEVICE, loaded, { ...WHOLE, endLayer: loaded.architecture.numLayers }, { dtype: "float32" });
    const digest = await weightsDigest(loaded);
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(await weightsDigest(read)).toBe(digest);
    const file = path.join(made("changed"), "model.safetensors");
    const bytes = readFileSync(file);
    bytes[bytes.length - 2]! ^= 1;
    writeFileSync(file, bytes);
    expect(await weightsDigest(openModelFolder(path.dirname(file)))).not.toBe(digest);
  });

  test("is of what was loaded, where the file is another one since", async () => {
    const model = openModelFolder(made("late"));
    const before = await weightsDigest(openModelFolder(made("early")));
    for (const { name, shape } of modelTensors(model.architecture)) model.weights.read(name, shape);
    const file = path.join(model.folder, "model.safetensors");
    const bytes = readFileSync(file);
    bytes[bytes.length - 2]! ^= 1;
    writeFileSync(file, bytes);
    expect(await weightsDigest(model)).toBe(before);
  });

  test("is none where there are no files", async () => {
    expect(await weightsDigest(syntheticWeights(SMALL))).toBeUndefined();
  });
});
