// Losses as they come, and a run that ends itself: once every job is below a loss the run ends with a checkpoint, and
// `resume` would go on with it. `npm run build`, then `node examples/library/watch-losses.mjs [LOSS]`.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { plan, train } from "loratwin";
import { examples, makeModel } from "./example-model.mjs";

makeModel();
const goodEnough = Number(process.argv[2] ?? 3);

const planned = await plan(join(examples, "workload.yaml"), { devices: ["cpu:0"] });
const stop = new AbortController();
/** @type {Map<string, number>} */
const latest = new Map();

const run = await train(planned, {
  folder: join(mkdtempSync(join(tmpdir(), "loratwin-")), "run"),
  signal: stop.signal,
  onStep({ job, step, loss }) {
    latest.set(job, loss);
    if (step % 10 === 0) console.log(`${job} step ${step}: ${loss.toFixed(3)}`);
    if (latest.size === planned.jobs.length && [...latest.values()].every((each) => each < goodEnough)) stop.abort();
  },
});

console.log(run.endedEarly ? "ended early: every job is good enough" : "trained to the end");
for (const { name, losses, steps } of run.jobs)
  console.log(`${name}: ${losses.at(-1)?.toFixed(3)} after ${steps} steps`);
console.log(`run folder: ${run.folder}`);
