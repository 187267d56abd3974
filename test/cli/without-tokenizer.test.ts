import { rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, expect, it } from "vitest";
import { runCli, temporaryFolder } from "./run-cli.ts";
import { writeSmallInputs } from "./small-inputs.ts";

const folder = temporaryFolder();

/** A plan of one job, whose data have the format. */
async function planned(format: string, evaluation = "") {
  const job = `{ name: one, batchSize: 2, steps: 2, data: { path: rows.jsonl, format: ${format} }${evaluation} }`;
  writeFileSync(path.join(folder, "w.yaml"), `kind: workload\nversion: 1\nmodel: { path: model }\njobs:\n  - ${job}\n`);
  return await runCli(["plan", "w.yaml", "--devices", "cpu:0", "-o", "plan.json"], folder);
}

beforeAll(async () => {
  await writeSmallInputs(folder);
  for (const name of ["tokenizer.json", "tokenizer_config.json"]) rmSync(path.join(folder, "model", name));
});

it("plans rows of token ids, held-out ones too, with a model that has no tokenizer", async () => {
  const { code, stderr } = await planned(
    "tokens",
    ", evaluation: { data: { path: rows.jsonl, format: tokens }, everySteps: 1 }",
  );
  expect(code, stderr).toBe(0);
});

it("refuses texts by the file that is missing", async () => {
  const { code, stderr } = await planned("text");
  expect(code).toBe(2);
  expect(stderr).toMatch(/w\.yaml:3:\d+: Expected a folder with tokenizer\.json at model\.path/);
});
