import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import type { BaseModel } from "../../exec/index.ts";
import { architectureFromConfig, huggingFaceConfigSchema } from "../../plan/index.ts";
import { emptyAdapter, FAMILIES, FAMILIES_FOLDER, HAS_FAMILIES, lossesOf, readFamily, rowOf } from "./family-case.ts";
import { distances, relative, rowsOf, storedTraining, trainFamily } from "./family-training.ts";
import { NOT_READINGS, WRONG_READINGS, WRONG_WEIGHTS } from "./wrong-readings.ts";

/** Sets of adapters; `head`: the output head and `o_proj`. */
const SETS = ["attention", "all", "head"] as const;

const LOSS = 5e-6;
const GRADIENT = 2e-4;
const TRAINED = 2e-4;

/** log softmax of the stored logits at a position. */
function logProbabilities(logits: readonly number[]): readonly number[] {
  const most = Math.max(...logits);
  const sum = most + Math.log(logits.reduce((total, logit) => total + Math.exp(logit - most), 0));
  return logits.map((logit) => logit - sum);
}

describe.skipIf(!HAS_FAMILIES).each(FAMILIES)("%s", (name) => {
  const family = HAS_FAMILIES ? readFamily(name) : undefined!;

  test("is the same architecture in both layouts of its configuration, and has all parameters", () => {
    const read = (file: string) =>
      architectureFromConfig(
        huggingFaceConfigSchema.parse(JSON.parse(readFileSync(path.join(FAMILIES_FOLDER, name, file), "utf8"))),
      );
    expect(read("config-4x.json")).toEqual(read("config.json"));
  });

  test("has the losses of its base, and the probabilities of single tokens", async () => {
    const { model, expected } = family;
    const losses = await lossesOf(family, model, emptyAdapter(model.architecture), rowsOf(family));
    for (const [i, loss] of losses.entries())
      expect(relative(loss, expected.sequences[i]!.loss_mean)).toBeLessThan(LOSS);
    const { input_ids: ids, logits_positions: positions, logits } = expected.sequences[1]!;
    // Whatever the token is, as long as nothing behind it is scored.
    const asked = [1, 8, 16].flatMap((at) => [3, 50].map((token) => ({ at, token })));
    const rows = asked.map(({ at, token }) => {
      const known = [...ids.slice(0, at), token];
      return rowOf(
        known,
        known.map((id, t) => (t === at ? id : -100)),
      );
    });
    const found = await lossesOf(family, model, emptyAdapter(model.architecture), rows);
    asked.forEach(({ at, token }, i) => {
      const all = logProbabilities(logits[positions.indexOf(at - 1)]!);
      expect(Math.abs(found[i]! + all[token]!)).toBeLessThan(5e-5 * Math.max(...all.map(Math.abs)));
    });
  });

  const sets = name === "qwen3-moe" || name === "mixtral" ? [...SETS, "oldnames"] : SETS;
  test.each(sets)("has the losses, gradients and five steps of adapters on %s", async (set) => {
    const found = distances(await trainFamily(family, set), storedTraining(family, set));
    expect(found.losses).toBeLessThan(LOSS);
    expect(found.first).toBeLessThan(LOSS);
    expect(found.trained).toBeLessThan(TRAINED);
    expect(found.gradNorm).toBeLessThan(GRADIENT);
    expect(found.entry).toBeLessThan(GRADIENT);
  });

  test("is not read in one of the ways that it could be misread", async () => {
    const { model, expected } = family;
    const scored = expected.sequences.map(({ labels }) => labels.filter((label, t) => t > 0 && label !== -100).length);
    const total = scored.reduce((sum, count) => sum + count, 0);
    const left: string[] = [];
    for (const [reading, { loss }] of Object.entries(expected.wrong_readings)) {
      if (NOT_READINGS[name]?.includes(reading) === true) continue;
      const [change, weights] = [WRONG_READINGS[reading], WRONG_WEIGHTS[reading]];
      if (reading !== "right" && change === undefined && weights === undefined) {
        left.push(reading);
        continue;
      }
      const architecture = change?.(model.architecture) ?? model.architecture;
      const misread: BaseModel = { architecture, weights: weights?.(model.weights) ?? model.weights };
      const losses = await lossesOf(family, misread, emptyAdapter(architecture), rowsOf(family));
      const mean = losses.reduce((sum, own, i) => sum + own * scored[i]!, 0) / total;
      expect(relative(mean, loss), reading).toBeLessThan(LOSS);
      if (reading !== "right")
        expect(relative(mean, expected.wrong_readings["right"]!.loss), reading).toBeGreaterThan(1e-5);
    }
    expect(left).toEqual([]);
  });
});
