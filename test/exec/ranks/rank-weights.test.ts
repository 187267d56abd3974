import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { InputError } from "../../../core/index.ts";
import { initModel, readSafetensors, writeSafetensors } from "../../../datasets/index.ts";
import { listener, type ModelFolder, openModelFolder, weightsDigest } from "../../../exec/index.ts";
import { runSmall, smallCase, TWO_JOBS } from "../small-run.ts";
import { localRanks, machines } from "./local-ranks.ts";

/** Models of one shape and seed in folders of their own, of some tensors of which a number is another one. */
class ModelFolders implements Disposable {
  readonly #root = mkdtempSync(path.join(tmpdir(), "loratwin-ranks-"));

  model(name: string, isChanged: (tensor: string) => boolean = () => false): ModelFolder {
    const folder = path.join(this.#root, name);
    initModel({ folder, hiddenSize: 32, layers: 3, heads: 4, kvHeads: 2, seed: 1 });
    const reader = readSafetensors(folder);
    const tensors = reader.tensors.map(({ name: own, shape }) => ({
      name: own,
      shape,
      values: reader.readTensor(own),
    }));
    for (const { name: own, values } of tensors) if (isChanged(own)) values[0]! += 1;
    writeSafetensors(path.join(folder, "model.safetensors"), tensors, { format: "pt" });
    return openModelFolder(folder);
  }

  [Symbol.dispose](): void {
    rmSync(this.#root, { recursive: true });
  }
}

describe("a plan over several machines", () => {
  test.each([
    ["the stage of the second machine", 1],
    ["one of the stages of the third", 2],
  ])(
    "is refused before it begins where %s has other numbers of the same shapes",
    async (_, differing) => {
      using folder = new ModelFolders();
      const own = folder.model("own");
      const other = folder.model("other", (name) => name === "model.layers.2.mlp.down_proj.weight");
      const given = smallCase(TWO_JOBS, own.architecture, own);
      const sizes = differing === 1 ? [2, 1] : [1, 1, 1];
      const isas = sizes.slice(1).map(() => "avx512");
      const loaded = sizes.slice(1).map((__, i) => (i + 1 === differing ? other : own));
      const ranks = localRanks(given.model, sizes.length, undefined, isas, loaded);
      const steps: unknown[] = [];
      const hooks = { host: ranks.host, onEvent: listener({ stepped: (event) => void steps.push(event) }) };
      const failure = await runSmall(given, { devices: machines(sizes), hooks }).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(InputError);
      expect(failure).toMatchObject({
        facts: {
          expected: "the weights that the first machine has",
          at: "model.layers.2.mlp.down_proj.weight",
          detail: expect.stringMatching(
            new RegExp(`^On rank ${differing} \\(machine m${differing}, stage 2\\): 1 of its \\d+ tensors differ\\.$`),
          ),
        },
      });
      expect(steps).toEqual([]);
      await ranks.end();
    },
    60_000,
  );

  test("does not ask for tensors of a machine that another one loads", async () => {
    using folder = new ModelFolders();
    const own = folder.model("own");
    const other = folder.model("other", (name) => name.startsWith("model.layers.0."));
    const given = smallCase(TWO_JOBS, own.architecture, own);
    const ranks = localRanks(given.model, 2, undefined, ["avx512"], [other]);
    const told: string[] = [];
    const hooks = { host: ranks.host, onEvent: listener({ loaded: ({ weights }) => void told.push(weights) }) };
    await runSmall(given, { devices: machines([1, 1]), hooks });
    await ranks.end();
    expect(told).toEqual([await weightsDigest(own)]);
  }, 60_000);
});
