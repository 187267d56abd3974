import type { TraceJob } from "./trace-job.ts";
import { readTraceTable } from "./trace-table.ts";

const COLUMNS = ["timestamp", "num_gpus", "duration", "cluster"] as const;

/**
 * Microsoft's Philly (Jeon et al., USENIX ATC 2019; github.com/msr-fiddle/philly-traces), as the table with a line a job
 * that is made of its `cluster_job_log`: `timestamp` (when it was submitted), `duration` in seconds, `num_gpus`,
 * `gpu_time` and `cluster`, which is the hash of the virtual cluster of a team. It says neither ids nor how jobs ended.
 */
export async function* readPhilly(file: string): AsyncGenerator<TraceJob> {
  for await (const row of readTraceTable(file, { columns: COLUMNS }))
    yield {
      id: `philly-${row.number}`,
      user: row.text("cluster"),
      submitSeconds: row.seconds("timestamp"),
      gpuSeconds: row.number0("num_gpus") * row.number0("duration"),
      ended: "completed",
    };
}
