import type { TraceEnd, TraceJob } from "./trace-job.ts";
import { readTraceTable } from "./trace-table.ts";

const COLUMNS = ["job_id", "user", "gpu_num", "state", "submit_time", "duration"] as const;

/** Whatever is neither has failed: FAILED, TIMEOUT, NODE_FAIL. */
const ENDS: Readonly<Record<string, TraceEnd>> = { COMPLETED: "completed", CANCELLED: "stopped" };

/**
 * SenseTime's Helios (Hu et al., SC 2021; github.com/S-Lab-System-Group/HeliosData, `cluster_log.csv`) and Shanghai AI
 * Lab's Acme (Hu et al., NSDI 2024; github.com/InternLM/AcmeTrace, `trace_seren.csv` and `trace_kalos.csv`): Slurm's log,
 * in which `duration` is seconds and `gpu_num` the GPUs of the whole job.
 */
export async function* readSlurmLog(file: string): AsyncGenerator<TraceJob> {
  for await (const row of readTraceTable(file, { columns: COLUMNS }))
    yield {
      id: row.text("job_id"),
      user: row.text("user"),
      submitSeconds: row.seconds("submit_time"),
      gpuSeconds: row.number0("gpu_num") * row.number0("duration"),
      ended: ENDS[row.text("state")] ?? "failed",
    };
}
