import { availableParallelism } from "node:os";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { packageFile } from "./package-file.ts";
import { runTask, type TaskInput, type TaskResult, type WorkerTask } from "./worker-tasks.ts";

/** Threads cannot load TypeScript: run from its sources, the program has no worker and computes in its own thread. */
export function builtWorker(): URL | null {
  return import.meta.url.endsWith(".js") ? pathToFileURL(packageFile("dist", "workbench", "worker.js")) : null;
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

/** Threads for one task, that stay until they are disposed of. `shared` goes to each thread once. */
export class WorkerThreads<Name extends WorkerTask, Shared extends Partial<TaskInput<Name>>>
  implements AsyncDisposable
{
  readonly #task: Name;
  readonly #shared: Shared;
  readonly #limits: WorkerLimits | undefined;
  readonly #threads: readonly Worker[];

  /** `mostParts`: that there will be at once, of which more threads would have none. */
  constructor(
    task: Name,
    shared: Shared,
    mostParts: number,
    { workers = availableParallelism(), file = builtWorker(), limits }: WorkerOptions = {},
  ) {
    const count = Math.min(workers, mostParts);
    const isOwn = count === 0 || file === null || (count === 1 && limits === undefined);
    const room = limits === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: limits.heapMegabytes } };
    this.#task = task;
    this.#shared = shared;
    this.#limits = limits;
    this.#threads = isOwn
      ? []
      : Array.from({ length: count }, () => new Worker(file, { workerData: { task, shared }, ...room }));
  }

  /** Results in the order of the parts, whoever finished first. `onResult` is told how many there are, as they come. */
  async run(
    parts: readonly Omit<TaskInput<Name>, keyof Shared>[],
    onResult: (numDone: number) => void = () => {},
  ): Promise<readonly TaskResult<Name>[]> {
    const results = new Array<TaskResult<Name>>(parts.length);
    if (this.#threads.length === 0) {
      for (const [index, part] of parts.entries()) {
        results[index] = await runTask(this.#task, { ...this.#shared, ...part } as unknown as TaskInput<Name>);
        onResult(index + 1);
      }
      return results;
    }
    const limits = this.#limits;
    let [next, numDone] = [0, 0];
    const serve = (worker: Worker): Promise<void> =>
      new Promise((resolve, reject) => {
        let [part, stopWatch] = [0, (): void => {}];
        const give = (): void => {
          if (next === parts.length) {
            worker.off("error", failed).off("message", told);
            resolve();
            return;
          }
          part = next;
          worker.postMessage({ index: part, part: parts[part] });
          next += 1;
          if (limits !== undefined)
            stopWatch = watchTime(limits.seconds(part), () => reject(limits.exceeded("time", part)));
        };
        const failed = (error: Error): void => {
          stopWatch();
          reject(limits !== undefined && isOutOfMemory(error) ? limits.exceeded("memory", part) : error);
        };
        const told = ({ index, result }: { readonly index: number; readonly result: TaskResult<Name> }): void => {
          stopWatch();
          results[index] = result;
          numDone += 1;
          onResult(numDone);
          give();
        };
        worker.on("error", failed).on("message", told);
        give();
      });
    await Promise.all(this.#threads.map(serve));
    return results;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.terminate()));
  }
}

/** One task for each part, over worker threads that end with it: see `WorkerThreads`. */
export async function inWorkers<Name extends WorkerTask, Shared extends Partial<TaskInput<Name>>>(
  task: Name,
  shared: Shared,
  parts: readonly Omit<TaskInput<Name>, keyof Shared>[],
  options: WorkerOptions = {},
): Promise<readonly TaskResult<Name>[]> {
  await using threads = new WorkerThreads(task, shared, parts.length, options);
  return await threads.run(parts);
}
