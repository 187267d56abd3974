import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { type ClusterTraceFormat, readClusterTrace } from "../../datasets/index.ts";
import { temporaryFolder } from "../cli/run-cli.ts";

const root = temporaryFolder();

function written(name: string, lines: readonly string[]): string {
  const file = path.join(root, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${lines.join("\n")}\n`);
  return file;
}

// Every row is invented; the columns are those that are published.
const PHILLY = ["timestamp,duration,num_gpus,gpu_time,cluster"];
const HELIOS = ["job_id,user,vc,gpu_num,cpu_num,node_num,state,submit_time,start_time,end_time,duration,queue"];
const KALOS = [
  "job_id,user,node_num,gpu_num,cpu_num,mem_per_pod_GB,shared_mem_per_pod,type,state,submit_time,start_time,end_time," +
    "fail_time,stop_time,duration,queue,gpu_time",
];
const SEREN = [
  "job_id,user,node_num,gpu_num,cpu_num,type,state,submit_time,start_time,end_time,duration,queue,gpu_time",
];
const TASKS = ["job_name,task_name,inst_num,status,start_time,end_time,plan_cpu,plan_mem,plan_gpu,gpu_type"];

const read = (file: string, format: ClusterTraceFormat, limit?: number) => readClusterTrace(file, { format, limit });

describe("jobs of a published cluster trace", () => {
  it("are Philly's, by the time at which they were submitted", async () => {
    const file = written("philly.csv", [
      ...PHILLY,
      "2017-10-02 00:00:10,100.0,8,800.0,aaa",
      "2017-10-02 00:00:00,60.0,1,60.0,bbb",
      "2017-10-02 00:00:20,0.0,1,0.0,bbb",
      "",
    ]);
    const { jobs, numLeftOut } = await read(file, "philly");
    expect(jobs).toEqual([
      { id: "philly-2", user: "bbb", submitSeconds: 1_506_902_400, gpuSeconds: 60, ended: "completed" },
      { id: "philly-1", user: "aaa", submitSeconds: 1_506_902_410, gpuSeconds: 800, ended: "completed" },
    ]);
    expect(numLeftOut).toBe(1);
  });

  it("are the first so many that were submitted, wherever they stand", async () => {
    const late = "2017-10-03 00:00:00,5,1,5,a";
    const file = written("few.csv", [...PHILLY, late, "2017-10-02 00:00:00,7,1,7,b", late]);
    expect((await read(file, "philly", 2)).jobs.map(({ id }) => id)).toEqual(["philly-2", "philly-1"]);
  });

  it("are Helios' that ran on GPUs, with how they ended", async () => {
    const row = (id: number, gpus: number, state: string, seconds: number): string =>
      `${id},u1,vc1,${gpus},4,1,${state},2020-06-09 00:00:0${id},x,x,${seconds},0`;
    const { jobs, numLeftOut } = await read(
      written("cluster_log.csv", [
        ...HELIOS,
        row(1, 2, "COMPLETED", 50),
        row(2, 1, "FAILED", 7),
        row(3, 1, "CANCELLED", 9),
        row(4, 1, "TIMEOUT", 3),
        row(5, 1, "NODE_FAIL", 3),
        row(6, 0, "COMPLETED", 50),
      ]),
      "helios",
    );
    expect(jobs.map(({ id, gpuSeconds, ended }) => [id, gpuSeconds, ended])).toEqual([
      ["1", 100, "completed"],
      ["2", 7, "failed"],
      ["3", 9, "stopped"],
      ["4", 3, "failed"],
      ["5", 3, "failed"],
    ]);
    expect(numLeftOut).toBe(1);
  });

  it("are Acme's of both clusters, whose times have zones", async () => {
    const seren = written("trace_seren.csv", [
      ...SEREN,
      "1,u1,1,8,128,SFT,COMPLETED,2023-03-01 08:00:00+08:00,x,x,10,0,80.0",
      "2,u2,1,1,16,Debug,FAILED,2023-03-01 00:00:00-01:30,x,x,10,0,10.0",
    ]);
    const { jobs } = await read(seren, "acme");
    expect(
      jobs.map(({ user, submitSeconds, gpuSeconds }) => [user, submitSeconds - jobs[0]!.submitSeconds, gpuSeconds]),
    )
      // Midnight and half past one in the morning, UTC.
      .toEqual([
        ["u1", 0, 80],
        ["u2", 5400, 10],
      ]);
    const kalos = written("trace_kalos.csv", [
      ...KALOS,
      "dlc1,u1,8,64,960,1000,100.0,Other,CANCELLED,2023-05-17 11:28:42+00:00,x,x,,x,82,12.0,5248.0",
    ]);
    expect((await read(kalos, "acme")).jobs).toMatchObject([{ id: "dlc1", gpuSeconds: 5248, ended: "stopped" }]);
  });

  const tasks = [
    "a,worker,2.0,Terminated,110.0,210.0,600.0,29.3,50.0,V100",
    "a,ps,1.0,Terminated,105.0,210.0,600.0,29.3,,V100",
    "b,tensorflow,1.0,Failed,50.0,60.0,600.0,29.3,100.0,MISC",
    "c,worker,1.0,Running,55.0,,600.0,29.3,100.0,MISC",
  ];

  it("are PAI's, with the tasks of a job together", async () => {
    const { jobs, numLeftOut } = await read(written("alone/pai_task_table.csv", [...TASKS, ...tasks]), "pai");
    expect(jobs).toEqual([
      { id: "b", user: "", submitSeconds: 50, gpuSeconds: 10, ended: "failed" },
      { id: "a", user: "", submitSeconds: 105, gpuSeconds: 100, ended: "completed" },
    ]);
    expect(numLeftOut).toBe(1);
  });

  it("are PAI's as they are published, without a header line, with users from the table of jobs beside it", async () => {
    const file = written("pai/pai_task_table.csv", tasks);
    written("pai/pai_job_table.csv", ["a,i1,ann,Terminated,10.0,210.0", "b,i2,ben,Failed,45.0,60.0"]);
    const { jobs } = await read(file, "pai");
    expect(jobs.map(({ id, user, submitSeconds }) => [id, user, submitSeconds])).toEqual([
      ["a", "ann", 10],
      ["b", "ben", 45],
    ]);
  });

  it.each([
    ["no file", undefined, /^Expected the table of a cluster trace, got .*There is no such file/s],
    ["an empty file", [""], /empty file\.csv: Expected a table of jobs, got "an empty file"/],
    [
      "other columns",
      ["when,duration"],
      /columns\.csv:1: Expected a header line with the columns timestamp, num_gpus, duration, cluster, got/,
    ],
    ["half a row", [...PHILLY, "2017-10-02 00:00:00,60.0"], /a row of CSV that fits/],
    ["no date", [...PHILLY, "yesterday,60.0,1,60.0,a"], /a time such as .* in column timestamp/],
    ["no number", [...PHILLY, "2017-10-02 00:00:00,long,1,60.0,a"], /a number of at least 0 in column duration/],
    ["no job", [...PHILLY, "2017-10-02 00:00:00,0,1,0,a"], /a job that ran on a GPU/],
  ])("refuse %s", async (name, lines, message) => {
    const file = path.join(root, "bad", `${name}.csv`);
    if (lines !== undefined) written(`bad/${name}.csv`, lines);
    await expect(read(file, "philly")).rejects.toThrow(message);
  });
});
