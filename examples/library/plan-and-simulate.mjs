// A workload is planned and run in virtual time: how long it will take, and what fills the devices. Nothing is trained.
// `npm run build`, then `node examples/library/plan-and-simulate.mjs`.
import { join } from "node:path";
import { plan, simulate } from "loratwin";
import { examples, makeModel } from "./example-model.mjs";

makeModel();

const planned = await plan(join(examples, "workload.yaml"), {
  cluster: join(examples, "cluster.yaml"),
  onNote: (text) => console.error(`note: ${text}`),
});
const { summary, intervals } = await simulate(planned, { intervals: { samples: 50, seed: 1 } });

console.log(`plan ${planned.hash.slice(0, 12)}: ${planned.jobs.length} jobs in ${planned.groups.length} groups`);
console.log(`${summary.makespanSeconds.toFixed(2)} s, ${summary.tokensPerSecond.toFixed(0)} tokens/s`);
if (intervals !== undefined)
  console.log(`90 % of runs: ${intervals.makespanSeconds.map((s) => s.toFixed(2)).join(" to ")} s`);
for (const { name, busySeconds, peakMemoryBytes } of summary.devices)
  console.log(`${name}: busy ${busySeconds.toFixed(2)} s, at most ${(peakMemoryBytes / 2 ** 20).toFixed(1)} MiB`);
