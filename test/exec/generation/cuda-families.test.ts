// @module-tag slow
import { describe, expect, test } from "vitest";
import { GREEDY, openGenerator } from "../../../exec/index.ts";
import type { CudaDeviceOptions } from "../../../native/index.ts";
import { generationLaunches } from "../../../plan/memory/stage-launches.ts";
import { someOf } from "../../level.ts";
import { useEmulatedAddon } from "../../native/emulated-addon.ts";
import { FAMILIES, HAS_FAMILIES, readFamily, readFamilyAdapter } from "../family-case.ts";
import { expectAnswers } from "./family-answers.ts";

useEmulatedAddon();

const GPU: CudaDeviceOptions = { kind: "cuda", name: "cuda:0", index: 0, graphs: "off" };
const WITH_GRAPHS: CudaDeviceOptions = { ...GPU, graphs: "on" };

describe.skipIf(!HAS_FAMILIES).each(FAMILIES)("%s on an emulated GPU", (name) => {
  test("answers with the tokens of transformers, base and adapter side by side", async () => {
    await expectAnswers(name, GPU);
  }, 120_000);
});

describe.skipIf(!HAS_FAMILIES).each(someOf(FAMILIES, { quick: 1, all: 4 }))("%s on an emulated GPU", (name) => {
  test("answers with them from graphs too, which serve one position after another", async () => {
    await expectAnswers(name, WITH_GRAPHS, {
      look(decoder) {
        const { graphs } = decoder.statistics();
        expect(graphs.refused).toBe(0);
        expect(graphs.launched).toBeGreaterThan(5);
      },
    });
  }, 120_000);
});

describe.skipIf(!HAS_FAMILIES).each([
  ["qwen3", "all"],
  ["gemma2", "all"],
  ["qwen3", "head"],
  ["mixtral", "all"],
] as const)("a run of %s with an adapter on %s", (name, set) => {
  test("has as many launches as graphs have room for", async () => {
    const family = readFamily(name);
    const adapter = { name: "own", ...readFamilyAdapter(family, set) };
    using open = await openGenerator({
      ...{ model: family.model, dtype: "float32", adapters: [adapter], sequences: 1, cacheTokens: 20 },
      device: WITH_GRAPHS,
    });
    await open.generator.generate({
      ...{ prompt: [1, 2, 3], adapter: "own", sampling: GREEDY, maxTokens: 6, stopTokens: new Set() },
    });
    const { graphs } = open.decoder.statistics();
    const { architecture } = family.model;
    const stage = {
      ...{ index: 0, device: 0, firstLayer: 0, endLayer: architecture.numLayers },
      ...{ embedding: true, head: true, recomputedLayers: 0 },
    };
    const targets = new Set(adapter.spec.targets);
    expect(graphs).toMatchObject({ captured: 1, launched: 4, kept: 1 });
    expect(graphs.nodes).toBe(generationLaunches({ architecture, dtype: "float32", stage, targets, dora: [] }));
  }, 120_000);
});
