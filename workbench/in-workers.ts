import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { runTask, type TaskInput, type TaskResult, type WorkerTask } from "./worker-tasks.ts";

/** Threads cannot load TypeScript: run from its sources, the program has no worker and computes in its own thread. */
export function builtWorker(): URL | null {
  return import.meta.url.endsWith(".js") ? new URL("./worker.js", import.meta.url) : null;
}

/** What a thread may take for what others wrote, such as a template that came with a model. */
export interface WorkerLimits {
  readonly heapMegabytes: number;
  /** For a part: of the clock, and of the processors, which a machine that others share gives more slowly. */
  readonly seconds: (part: number) => number;
  /** The error for a thread that took more. */
  readonly exceeded: (what: "time" | "memory", part: number) => Error;
}

export interface WorkerOptions {
  /** At most this many threads; as many as there are cores when absent, the own thread when 1. */
  readonly workers?: number;
  /** The built worker; null computes in the own thread. */
  readonly file?: URL | null;
  /** With limits a thread of its own does even a single part, where there is a built worker. */
  readonly limits?: WorkerLimits;
}

/** How often a thread with a limit is looked at. */
const LOOK_MS = 100;

/** Calls back once a part takes longer than it may. Ends when the returned function is called. */
function watchTime(seconds: number, onExceeded: () => void): () => void {
  const started = performance.now();
  const before = process.cpuUsage();
  const timer = setInterval(() => {
    const { user, system } = process.cpuUsage(before);
    if (performance.now() - started < 1e3 * seconds || user + system < 1e6 * seconds) return;
    clearInterval(timer);
    onExceeded();
  }, LOOK_MS);
  return () => clearInterval(timer);
}

function isOutOfMemory(error: Error): boolean {
  return (error as NodeJS.ErrnoException).code === "ERR_WORKER_OUT_OF_MEMORY";
}

/**
 * One task for each part, over worker threads; results in the order of the parts, whoever finished first. `shared` goes
 * to each thread once.
 */
export async function inWorkers<Name extends WorkerTask, Shared extends Partial<TaskInput<Name>>>(
  task: Name,
  shared: Shared,
  parts: readonly Omit<TaskInput<Name>, keyof Shared>[],
  { workers = availableParallelism(), file = builtWorker(), limits }: WorkerOptions = {},
): Promise<readonly TaskResult<Name>[]> {
  const count = Math.min(workers, parts.length);
  if (count === 0 || file === null || (count === 1 && limits === undefined)) {
    const own: TaskResult<Name>[] = [];
    for (const part of parts) own.push(await runTask(task, { ...shared, ...part } as unknown as TaskInput<Name>));
    return own;
  }
  const results = new Array<TaskResult<Name>>(parts.length);
  let next = 0;
  const serve = (worker: Worker): Promise<void> =>
    new Promise((resolve, reject) => {
      let [part, stopWatch] = [0, (): void => {}];
      const give = (): void => {
        if (next === parts.length) resolve();
        else {
          part = next;
          worker.postMessage({ index: part, part: parts[part] });
          next += 1;
          if (limits !== undefined)
            stopWatch = watchTime(limits.seconds(part), () => reject(limits.exceeded("time", part)));
        }
      };
      worker.on("error", (error) => {
        stopWatch();
        reject(limits !== undefined && isOutOfMemory(error) ? limits.exceeded("memory", part) : error);
      });
      worker.on("message", ({ index, result }: { readonly index: number; readonly result: TaskResult<Name> }) => {
        stopWatch();
        results[index] = result;
        give();
      });
      give();
    });
  const room = limits === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: limits.heapMegabytes } };
  const threads = Array.from({ length: count }, () => new Worker(file, { workerData: { task, shared }, ...room }));
  try {
    await Promise.all(threads.map(serve));
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
  return results;
}
