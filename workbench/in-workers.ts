import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { runTask, type TaskInput, type TaskResult, type WorkerTask } from "./worker-tasks.ts";

/** Threads cannot load TypeScript: run from its sources, the program has no worker and computes in its own thread. */
export function builtWorker(): URL | null {
  return import.meta.url.endsWith(".js") ? new URL("./worker.js", import.meta.url) : null;
}

export interface WorkerOptions {
  /** At most this many threads; as many as there are cores when absent, the own thread when 1. */
  readonly workers?: number;
  /** The built worker; null computes in the own thread. */
  readonly file?: URL | null;
}

/**
 * One task for each part, over worker threads; results in the order of the parts, whoever finished first. `shared` goes
 * to each thread once.
 */
export async function inWorkers<Name extends WorkerTask, Shared extends Partial<TaskInput<Name>>>(
  task: Name,
  shared: Shared,
  parts: readonly Omit<TaskInput<Name>, keyof Shared>[],
  { workers = availableParallelism(), file = builtWorker() }: WorkerOptions = {},
): Promise<readonly TaskResult<Name>[]> {
  const count = Math.min(workers, parts.length);
  if (count <= 1 || file === null) {
    const own: TaskResult<Name>[] = [];
    for (const part of parts) own.push(await runTask(task, { ...shared, ...part } as unknown as TaskInput<Name>));
    return own;
  }
  const results = new Array<TaskResult<Name>>(parts.length);
  let next = 0;
  const serve = (worker: Worker): Promise<void> =>
    new Promise((resolve, reject) => {
      const give = (): void => {
        if (next === parts.length) resolve();
        else {
          worker.postMessage({ index: next, part: parts[next] });
          next += 1;
        }
      };
      worker.on("error", reject);
      worker.on("message", ({ index, result }: { readonly index: number; readonly result: TaskResult<Name> }) => {
        results[index] = result;
        give();
      });
      give();
    });
  const threads = Array.from({ length: count }, () => new Worker(file, { workerData: { task, shared } }));
  try {
    await Promise.all(threads.map(serve));
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
  return results;
}
