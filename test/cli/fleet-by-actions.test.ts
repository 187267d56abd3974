import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, expect, it } from "vitest";
import { runCli, temporaryFolder } from "./run-cli.ts";

const folder = temporaryFolder();
const file = (name: string): string => path.join(folder, name);
const FLEET = ["--policy", "fifo", "--pipelines", "1", "--quiet"];
const simulate = (...words: readonly string[]) => runCli(["simulate", ...words], folder);

const workload = (jobs: unknown): string =>
  JSON.stringify({
    ...{ kind: "workload", version: 1, model: { architecture: "llama-2-7b", dtype: "bfloat16" }, jobs },
    defaults: { batchSize: 4, microBatchSize: 2, steps: 12, data: { lengths: 100, samples: 120 } },
  });

const cluster = (transfers: string): string => `kind: cluster
version: 1
machines:
  - { name: left, devices: [{ name: l0, type: RTX 3090 }] }
  - { name: right, devices: [{ name: r0, type: RTX 3090 }] }
network: { bandwidthBytesPerSecond: 1250000000, latencySeconds: 0.00005, transfers: ${transfers} }
`;

beforeAll(() => {
  writeFileSync(file("jobs.json"), workload([{ name: "one" }, { name: "two", arrivalSeconds: 0.5, steps: 5 }]));
  const sweep = { grid: { optimizer: { learningRate: [1, 2, 3, 4] } }, halving: { firstRows: 8, eta: 2 } };
  writeFileSync(file("halved.json"), workload([{ name: "rate", sweep, evaluation: { share: 0.1, everySteps: 2 } }]));
  writeFileSync(
    file("arrivals.csv"),
    "timestamp,duration,num_gpus,gpu_time,cluster\n2017-10-02 09:00:00,60.0,1,60.0,a\n",
  );
  const arrivals = { trace: "arrivals.csv", format: "philly" };
  writeFileSync(file("traced.json"), JSON.stringify({ ...JSON.parse(workload([{ name: "one" }])), arrivals }));
  for (const transfers of ["overlapped", "blocking"]) writeFileSync(file(`${transfers}.yaml`), cluster(transfers));
});

it("jobs over time leave a trace and a plan, whose work is all of theirs", async () => {
  const files = ["--trace", "t.json", "--grown-plan", "p.json"];
  const { code, stdout } = await simulate("jobs.json", "--cluster", "overlapped.yaml", ...FLEET, ...files);
  expect(code).toBe(0);
  expect(stdout).toMatch(/\n\ntrace written to t\.json\n\nplan written to p\.json\n$/);
  expect(stdout).not.toContain("90 %");
  const again = await simulate("p.json", "--no-intervals", "--json", "--quiet");
  expect(JSON.parse(again.stdout)).toMatchObject({ tokens: (12 + 5) * 4 * 100 });
  const { traceEvents } = JSON.parse(readFileSync(file("t.json"), "utf8")) as {
    readonly traceEvents: readonly { readonly cat?: string; readonly args?: { readonly action?: string } }[];
  };
  const forwards = traceEvents.filter(({ cat, args }) => cat === "compute" && /^0F/.test(args?.action ?? ""));
  expect(forwards).toHaveLength((12 + 5) * 2);
});

it.each([
  [["jobs.json", "--cluster", "overlapped.yaml", "--grown-plan", "p.json"], /--trace/],
  [["jobs.json", "--cluster", "overlapped.yaml", "--trace", "t.json", "--samples", "5"], /--samples/],
  [
    ["halved.json", "--cluster", "overlapped.yaml", "--trace", "t.json"],
    /own, at --trace, got "a sweep that is halved"/,
  ],
  [["traced.json", "--cluster", "overlapped.yaml", "--trace", "t.json"], /got "jobs of a cluster's trace"/],
  [["jobs.json", "--cluster", "blocking.yaml"], /overlapped or synchronous, for jobs over time/],
])("%j is refused", async (words, why) => {
  const { code, stdout, stderr } = await simulate(...words, ...FLEET);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(why);
});
