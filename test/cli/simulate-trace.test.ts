import { writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";
import { SMALL_FLEET } from "./small-inputs.ts";

const root = temporaryFolder();

/** On unit devices a forward takes a second and a backward two, so that an iteration alone takes 3 or 6. */
const workload = (arrivals: string): string => `${SMALL_FLEET}arrivals: ${arrivals}
defaults: { batchSize: 2, microBatchSize: 2, steps: 4, data: { lengths: 64 } }
jobs:
  - { name: narrow }
  - { name: wide, adapter: { rank: 16 }, priority: 1 }
`;
/** Invented. */
const TRACE = `timestamp,duration,num_gpus,gpu_time,cluster
2017-10-02 00:00:00,30.0,1,30.0,aaa
2017-10-02 00:00:05,15.0,2,30.0,bbb
2017-10-02 00:01:00,60.0,1,60.0,aaa
`;

beforeAll(() => {
  writeFileSync(path.join(root, "trace.csv"), TRACE);
  writeFileSync(path.join(root, "w.yaml"), workload("{ trace: trace.csv, format: philly }"));
  writeFileSync(path.join(root, "loaded.yaml"), workload("{ trace: trace.csv, format: philly, load: 0.5, limit: 2 }"));
  writeFileSync(path.join(root, "both.yaml"), workload("{ trace: trace.csv, format: philly, load: 0.5, scale: 2 }"));
  writeFileSync(path.join(root, "other.yaml"), workload("{ trace: trace.csv, format: helios }"));
  writeFileSync(path.join(root, "none.yaml"), workload("{ trace: nowhere.csv, format: philly }"));
});

const UNITS = ["--devices", "unit*4", "--policy", "mlora", "--jobs-at-once", "2"];

interface Printed {
  readonly makespanSeconds: number;
  readonly utilisation: readonly number[];
  readonly jobs: readonly { readonly name: string; readonly arrivalNs: number; readonly trainedNs: number }[];
}

async function simulated(file: string, ...argv: readonly string[]): Promise<Printed> {
  return JSON.parse(await printed(["simulate", file, ...UNITS, ...argv, "--json"], root)) as Printed;
}

describe("simulate of jobs that come as those of a trace", () => {
  it("has them train as long as they did, on as many pipelines as there are devices for them", async () => {
    const { jobs } = await simulated("w.yaml", "--pipelines", "4");
    expect(jobs.map(({ name, arrivalNs, trainedNs }) => [name, arrivalNs / 1e9, trainedNs / 1e9])).toEqual([
      ["philly-1", 0, 30],
      ["philly-2", 5, 30],
      ["philly-3", 60, 60],
    ]);
  });

  it("says how busy the pipelines are", async () => {
    const { utilisation, makespanSeconds } = await simulated("w.yaml", "--pipelines", "4");
    expect(makespanSeconds).toBe(120);
    expect(utilisation.map((share) => share * 120)).toEqual([90, 30, 0, 0]);
  });

  it("leaves the lines of very many jobs to the document", async () => {
    const row = (second: number): string => `2017-10-02 00:00:${`${second % 60}`.padStart(2, "0")},6.0,1,6.0,a`;
    const rows = Array.from({ length: 201 }, (_, second) => row(second));
    writeFileSync(path.join(root, "many.csv"), `${TRACE.split("\n")[0]}\n${rows.join("\n")}\n`);
    writeFileSync(path.join(root, "many.yaml"), workload("{ trace: many.csv, format: philly }"));
    const text = await printed(["simulate", "many.yaml", ...UNITS, "--pipelines", "4"], root);
    expect(text).toMatch(/^simulated under mlora: 201 jobs /);
    expect(text).toMatch(/^each job's times: --json; each decision: -o FILE$/m);
    expect(text).not.toMatch(/philly-7/);
  });

  it("says what of the trace it took", async () => {
    const { stderr } = await runCli(["simulate", "loaded.yaml", ...UNITS, "--pipelines", "4"], root);
    // Two of 30 GPU seconds each in 5 seconds of four devices.
    expect(stderr).toMatch(/Note: 2 jobs of trace\.csv, each 0\.167 of its GPU time: a load of 0\.50 while they come/);
  });

  it("refuses what it cannot take", async () => {
    const refused = async (file: string, ...argv: readonly string[]): Promise<string> => {
      const { code, stderr } = await runCli(["simulate", file, ...UNITS, ...argv], root);
      expect(code).toBe(2);
      return stderr;
    };
    expect(await refused("both.yaml")).toMatch(/either scale or load at arrivals\.load/);
    expect(await refused("none.yaml")).toMatch(/Expected the table of a cluster trace, got .*nowhere\.csv/);
    expect(await refused("other.yaml")).toMatch(/columns job_id, user, gpu_num, .*trace\.csv:1|trace\.csv:1.*job_id/s);
    expect(await refused("w.yaml", "--pipelines", "5")).toMatch(/at most 4 pipelines on 4 devices at --pipelines/);
  });

  it("is the only thing that such a workload is for", async () => {
    const { code, stderr } = await runCli(["plan", "w.yaml", "--devices", "unit*4"], root);
    expect(code).toBe(2);
    expect(stderr).toMatch(/w\.yaml:4:\d+: .*jobs that are there from the start at arrivals/s);
    expect(await printed(["validate", "w.yaml"], root)).toMatch(/w\.yaml/);
  });
});
