import { writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { packageFile } from "../../files/index.ts";
import type { WhatIfAnswer } from "../../sim/index.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";
import { SMALL_FLEET } from "./small-inputs.ts";

const root = temporaryFolder();

/** On two unit devices a forward takes a second and a backward two: alone a job takes 6 seconds for each of its steps. */
const FILES = {
  "jobs.yaml": `${SMALL_FLEET}defaults: { batchSize: 2, microBatchSize: 2, data: { lengths: 64 } }
jobs:
  - { name: long, steps: 20 }
  - { name: next, steps: 4, arrivalSeconds: 10 }
  - { name: late, steps: 2, arrivalSeconds: 100, deadlineSeconds: 70 }
`,
  "job.yaml": "{ name: mine, steps: 5 }\n",
  "due.yaml": "{ name: mine, steps: 5, deadlineSeconds: 100 }\n",
  "large.yaml": "{ name: large, steps: 5, adapter: { rank: 64 } }\n",
  "longer.yaml": "{ name: longer, steps: 5, data: { lengths: 100 } }\n",
  "wrong.yaml": "name: wrong\nsteps: none\n",
  "twice.yaml": "{ name: Long, steps: 5 }\n",
  "costs.json": JSON.stringify({
    kind: "calibration",
    version: 1,
    model: "constant",
    seconds: { F: 1, B: 2, transfer: 0, update: 0 },
  }),
};

beforeAll(() => {
  for (const [name, text] of Object.entries(FILES)) writeFileSync(path.join(root, name), text);
});

const MACHINES = ["--devices", "unit*2", "--pipelines", "1", "--jobs-at-once", "1"];
const EXACT = [...MACHINES, "--calibration", "costs.json"];

function whatIf(job: string, ...argv: readonly string[]): readonly string[] {
  return ["what-if", "jobs.yaml", job, ...argv];
}

async function answer(job: string, ...argv: readonly string[]): Promise<WhatIfAnswer & { readonly name: string }> {
  return JSON.parse(await printed(whatIf(job, ...EXACT, "--json", ...argv), root)) as WhatIfAnswer & { name: string };
}

describe("what-if WORKLOAD", () => {
  // Without it: long to 120, next to 144, late to 156.
  it("says when a job would start and end, and whom it delays", async () => {
    expect(await answer("job.yaml", "--policy", "fifo", "--at", "13")).toEqual({
      name: "mine",
      admitted: true,
      policy: "fifo",
      asOfSeconds: 13,
      startSeconds: 144,
      end: { seconds: 174, low: 174, high: 174 },
      lateSeconds: 0,
      delays: [{ name: "late", bySeconds: 30, lateSeconds: 16 }],
    });
  });

  it("says so of another policy, under which it goes first", async () => {
    // The long one's iteration at 13 s ends at 18, and so does the one that is queued behind it.
    const { admitted, ...rest } = await answer("job.yaml", "--policy", "sjf", "--at", "43");
    expect(admitted).toBe(true);
    expect(rest).toMatchObject({ policy: "sjf", startSeconds: 54, end: { seconds: 84 } });
    expect("delays" in rest && rest.delays).toEqual([{ name: "long", bySeconds: 30, lateSeconds: 0 }]);
  });

  it("says it to people in a sentence and a table", async () => {
    expect(await printed(whatIf("job.yaml", ...EXACT, "--policy", "fifo", "--at", "13"), root)).toBe(
      [
        "mine would start in 2 min 11 s and end in 2 min 41 s, under fifo",
        "",
        "job       would end  after its deadline by",
        "----  -------------  ---------------------",
        "late  30.00 s later                16.00 s",
        "",
      ].join("\n"),
    );
    expect(await printed(whatIf("due.yaml", ...EXACT, "--policy", "fifo", "--at", "13"), root)).toMatch(
      /^mine would start in 2 min 11 s and end in 2 min 41 s, 1 min 01 s after its deadline, under fifo\n/,
    );
  });

  const GPUS = [
    "what-if",
    packageFile("examples", "jobs-over-time.yaml"),
    "--cluster",
    packageFile("examples", "gpu-cluster.yaml"),
  ];

  it("has intervals where costs have errors, and none where nobody wants them", { tags: ["slow"] }, async () => {
    const argv = [...GPUS, "job.yaml", "--at", "60", "--json"];
    const of = async (...more: readonly string[]) =>
      (JSON.parse(await printed([...argv, ...more], root)) as Extract<WhatIfAnswer, { admitted: true }>).end;
    const [drawn, exact] = [await of("--samples", "20"), await of("--no-intervals")];
    expect(drawn.low).toBeLessThan(drawn.seconds);
    expect(drawn.high).toBeGreaterThan(drawn.seconds);
    expect(exact).toEqual({ seconds: drawn.seconds, low: drawn.seconds, high: drawn.seconds });
  });

  it("shows what a job that fits on no device would take of each", { tags: ["slow"] }, async () => {
    writeFileSync(
      path.join(root, "huge.yaml"),
      "{ name: huge, steps: 5, batchSize: 512, microBatchSize: 512, data: { lengths: 512 } }\n",
    );
    const { code, stdout } = await runCli([...GPUS, "huge.yaml"], root);
    expect(code).toBe(2);
    expect(stdout).toMatch(
      /^huge would be refused \(mlora\): Expected a plan that fits into the devices' memory\.\n\ndevice /,
    );
    expect(stdout).toMatch(/GiB too much/);
  });

  it("refuses a job that the pipelines have no room for, and says why", async () => {
    const large = await runCli(whatIf("large.yaml", ...EXACT), root);
    expect(large.code).toBe(2);
    expect(large.stdout).toMatch(
      /^large would be refused \(mlora\): Expected an adapter that the pipeline has room for: rank 8 on q_proj, rank 8 on v_proj, got "rank 64 on q_proj, v_proj, of job large"/,
    );
    const longer = await runCli(whatIf("longer.yaml", ...EXACT, "--json"), root);
    expect(JSON.parse(longer.stdout)).toMatchObject({
      name: "longer",
      admitted: false,
      why: expect.stringMatching(/^Expected micro-batches of at most 128 tokens, and rows of at most 64/),
    });
  });

  it("says where a job's file is wrong", async () => {
    const wrong = await runCli(whatIf("wrong.yaml", ...EXACT), root);
    expect([wrong.code, wrong.stderr]).toEqual([
      2,
      expect.stringMatching(/wrong\.yaml:2:1: Expected a number at steps, got "none"/),
    ]);
    const twice = await runCli(whatIf("twice.yaml", ...EXACT), root);
    expect(twice.stderr).toMatch(
      /twice\.yaml:1:\d+: Expected a job name that no job of the workload has at name, got "Long"/,
    );
    const workload = await runCli(whatIf("jobs.yaml", ...EXACT), root);
    expect(workload.stderr).toMatch(/Expected the keys of one job, got "a workload"/);
    expect((await runCli(whatIf("job.yaml", ...EXACT, "--at", "-1"), root)).stderr).toMatch(
      /Expected a number of at least 0 at --at, got -1/,
    );
  });
});
