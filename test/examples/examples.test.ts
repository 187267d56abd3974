import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { initModel, loadTokenizer, readDataset } from "../../datasets/index.ts";
import { EXAMPLES, temporaryFolder } from "../datasets/shared.ts";

const NAMES = ["arithmetic", "dates", "unit-conversion", "word-problems"];
/** Answers that are compared. */
const COMPARED = ["comparisons", "judgements"];

test("running the generator gives the committed data, byte for byte", () => {
  const folder = temporaryFolder();
  execFileSync(process.execPath, [path.join(EXAMPLES, "generate.mjs"), folder]);
  expect(fs.readdirSync(folder).toSorted()).toEqual([...NAMES, ...COMPARED].toSorted().map((name) => `${name}.jsonl`));
  for (const file of fs.readdirSync(folder)) {
    expect(fs.readFileSync(path.join(EXAMPLES, "data", file), "utf8")).toBe(
      fs.readFileSync(path.join(folder, file), "utf8"),
    );
  }
});

test.each(NAMES)("%s has 150 rows of 40 to 160 byte tokens, all different", async (name) => {
  const folder = temporaryFolder();
  initModel({ folder, hiddenSize: 8, layers: 1, heads: 1, seed: 0 });
  const [question, answer] = name === "word-problems" ? ["question", "answer"] : ["instruction", "output"];
  const data = {
    path: path.join(EXAMPLES, "data", `${name}.jsonl`),
    prompt: `Q: {{${question}}}\nA:`,
    response: ` {{${answer}}}`,
  };
  const { rows } = await readDataset(data, { tokenizer: loadTokenizer(folder) });
  expect(rows).toHaveLength(150);
  expect(new Set(rows.map(({ inputIds }) => inputIds.join(" "))).size).toBe(150);
  for (const { inputIds } of rows) {
    expect(inputIds.length).toBeGreaterThanOrEqual(40);
    expect(inputIds.length).toBeLessThanOrEqual(160);
  }
});
