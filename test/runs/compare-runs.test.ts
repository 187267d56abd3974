import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { compareRuns } from "../../runs/index.ts";
import { temporaryFolder } from "../cli/run-cli.ts";

const root = temporaryFolder();

/** A run of one job that has made so many steps, with an adapter of these bytes. */
function runOf(name: string, steps: number, bytes: string): string {
  const run = path.join(root, name);
  const adapter = path.join(run, "adapters", "one");
  mkdirSync(adapter, { recursive: true });
  writeFileSync(path.join(adapter, "adapter_model.safetensors"), bytes);
  const lines = Array.from({ length: steps }, (_, step) =>
    JSON.stringify({ gradNorm: 1, job: "one", learningRate: 0.1, loss: 2 / (step + 1), seconds: 1, step, tokens: 8 }),
  );
  writeFileSync(path.join(run, "metrics.jsonl"), lines.map((line) => `${line}\n`).join(""));
  return run;
}

it("says that adapters are the same only where both runs have all steps of their job", () => {
  const jobs = [{ name: "one", steps: 3 }];
  const [whole, again, short] = [runOf("whole", 3, "same"), runOf("again", 3, "same"), runOf("short", 2, "same")];
  expect(compareRuns(whole, again, jobs)).toEqual([{ name: "one", steps: 3, isAdapterSame: true, first: undefined }]);
  // An adapter that another part of a run has left behind says nothing of this one.
  for (const [run, other] of [
    [whole, short],
    [short, whole],
  ] as const)
    expect(compareRuns(run, other, jobs)).toEqual([
      { name: "one", steps: 2, isAdapterSame: undefined, first: undefined },
    ]);
});
