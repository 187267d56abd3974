import { existsSync } from "node:fs";
import path from "node:path";
import type { TraceJob } from "./trace-job.ts";
import { readTraceTable } from "./trace-table.ts";

const TASK_HEADER = [
  ...["job_name", "task_name", "inst_num", "status", "start_time", "end_time"],
  ...["plan_cpu", "plan_mem", "plan_gpu", "gpu_type"],
];
const TASK_COLUMNS = ["job_name", "inst_num", "status", "start_time", "end_time", "plan_gpu"] as const;
const JOB_TABLE = "pai_job_table.csv";
const JOB_HEADER = ["job_name", "inst_id", "user", "status", "start_time", "end_time"];
const JOB_COLUMNS = ["job_name", "user", "start_time"] as const;

interface Submission {
  readonly user: string;
  readonly submitSeconds: number;
}

async function readSubmissions(file: string): Promise<ReadonlyMap<string, Submission>> {
  const submissions = new Map<string, Submission>();
  for await (const row of readTraceTable(file, { columns: JOB_COLUMNS, headless: JOB_HEADER }))
    if (row.text("start_time") !== "")
      submissions.set(row.text("job_name"), { user: row.text("user"), submitSeconds: row.number0("start_time") });
  return submissions;
}

/**
 * Alibaba's PAI (Weng et al., NSDI 2022; github.com/alibaba/clusterdata, cluster-trace-gpu-v2020): of each job its tasks
 * in `pai_task_table.csv`, `inst_num` instances of `plan_gpu` percent of a GPU from `start_time` to `end_time`, all in
 * seconds. `pai_job_table.csv` beside it says users and when jobs were submitted; without it a job comes with its first
 * task. Only `Terminated` is success; tasks that still ran or waited have no end, and no time.
 */
export async function* readPai(file: string): AsyncGenerator<TraceJob> {
  const beside = path.join(path.dirname(file), JOB_TABLE);
  const submissions = existsSync(beside) ? await readSubmissions(beside) : new Map<string, Submission>();
  const jobs = new Map<string, TraceJob>();
  for await (const row of readTraceTable(file, { columns: TASK_COLUMNS, headless: TASK_HEADER })) {
    const id = row.text("job_name");
    const begin = row.number0("start_time");
    const before = jobs.get(id);
    const ran = row.text("start_time") === "" || row.text("end_time") === "" ? 0 : row.number0("end_time") - begin;
    const { user = "", submitSeconds = Math.min(begin, before?.submitSeconds ?? begin) } = submissions.get(id) ?? {};
    jobs.set(id, {
      id,
      user,
      submitSeconds,
      gpuSeconds:
        (before?.gpuSeconds ?? 0) + Math.max(0, ran) * row.number0("inst_num") * (row.number0("plan_gpu") / 100),
      ended: row.text("status") === "Terminated" ? (before?.ended ?? "completed") : "failed",
    });
  }
  yield* jobs.values();
}
