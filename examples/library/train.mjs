// Two jobs, written as an object, are trained for real, and the run is compared with its simulation.
// `npm run build`, then `node examples/library/train.mjs [FOLDER]`.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compare, plan, simulate, train } from "loratwin";
import { examples, makeModel } from "./example-model.mjs";

makeModel();
const folder = process.argv[2] ?? join(mkdtempSync(join(tmpdir(), "loratwin-")), "run");

/** @type {import("loratwin").WorkloadDocument} */
const workload = {
  kind: "workload",
  version: 1,
  model: { path: "model" },
  defaults: { batchSize: 8, steps: 12, optimizer: { learningRate: 5e-3 } },
  jobs: ["arithmetic", "dates"].map((name, seed) => ({
    name,
    seed,
    data: { path: `data/${name}.jsonl`, prompt: "Q: {{instruction}}\nA:", response: " {{output}}" },
    adapter: { rank: 4 * (seed + 1), alpha: 16 },
  })),
};

// Paths in an object start at `cwd`.
const planned = await plan(workload, { cwd: examples, devices: ["cpu:0"] });
const simulated = await simulate(planned, { intervals: false });
const run = await train(planned, {
  folder,
  onProgress: ({ doneActions, totalActions }) => process.stderr.write(`\r${doneActions}/${totalActions} actions`),
});
process.stderr.write("\n");

for (const { name, losses, adapter } of run.jobs)
  console.log(`${name}: loss ${losses.at(0)?.toFixed(2)} to ${losses.at(-1)?.toFixed(2)}, adapter in ${adapter}`);
const { makespanError } = compare(planned, simulated.trace, run.trace);
console.log(`simulated against executed: ${(100 * makespanError).toFixed(1)} %`);
