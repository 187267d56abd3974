import { availableParallelism } from "node:os";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { DeviceError } from "../core/index.ts";
import { packageFile } from "../files/index.ts";
import { runTask, type TaskInput, type TaskResult, type WorkerTask } from "./worker-tasks.ts";

/** Threads cannot load TypeScript: run from its sources, the program has no worker and computes in its own thread. */
export function builtWorker(): URL | null {
  return import.meta.url.endsWith(".js") ? pathToFileURL(packageFile("dist", "workbench", "worker.js")) : null;
}

/** What a thread may take for what others wrote, such as a template that came with a model. */
export interface WorkerLimits<Part> {
  readonly heapMegabytes: number;
  /** For a part: of the clock, and of the processors, which a machine that others share gives more slowly. */
  readonly seconds: (part: Part) => number;
  /** The error for a thread that took more. */
  readonly exceeded: (what: "time" | "memory", part: Part) => Error;
}

export interface WorkerOptions {
  /** At most this many threads; as many as there are cores when absent, the own thread when 1. */
  readonly workers?: number;
  /** The built worker; null computes in the own thread. */
  readonly file?: URL | null;
  /** They take the time that others leave, and the process does not wait for them to end. */
  readonly isPatient?: boolean;
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

/** What a part of a task has beside what all of them share. */
type PartOf<Name extends WorkerTask, Shared> = Omit<TaskInput<Name>, keyof Shared>;

/** Threads for one task, that stay until they are disposed of. `shared` goes to each thread once. */
export class WorkerThreads<Name extends WorkerTask, Shared extends Partial<TaskInput<Name>>>
  implements AsyncDisposable
{
  readonly #task: Name;
  readonly #shared: Shared;
  readonly #limits: WorkerLimits<PartOf<Name, Shared>> | undefined;
  readonly #threads: readonly Worker[];
  /** Threads that have nothing to do, and parts that have no thread. */
  readonly #free: Worker[];
  readonly #waiting: ((thread: Worker) => void)[] = [];

  /**
   * `mostParts`: that there will be at once, of which more threads would have none. With `limits` a thread of its own does
   * even a single part, where there is a built worker.
   */
  constructor(
    task: Name,
    shared: Shared,
    mostParts: number,
    { workers = availableParallelism(), file = builtWorker(), isPatient = false }: WorkerOptions = {},
    limits?: WorkerLimits<PartOf<Name, Shared>>,
  ) {
    const count = Math.min(workers, mostParts);
    const isOwn = count === 0 || file === null || (count === 1 && limits === undefined && !isPatient);
    const room = limits === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: limits.heapMegabytes } };
    this.#task = task;
    this.#shared = shared;
    this.#limits = limits;
    this.#threads = isOwn
      ? []
      : Array.from({ length: count }, () => new Worker(file, { workerData: { task, shared, isPatient }, ...room }));
    if (isPatient) for (const thread of this.#threads) thread.unref();
    this.#free = [...this.#threads];
  }

  /** Results in the order of the parts, whoever finished first. `onResult` is told how many there are, as they come. */
  async run(
    parts: readonly PartOf<Name, Shared>[],
    onResult: (numDone: number) => void = () => {},
  ): Promise<readonly TaskResult<Name>[]> {
    let numDone = 0;
    const done = async (part: PartOf<Name, Shared>): Promise<TaskResult<Name>> => {
      const result = await this.#do(part);
      numDone += 1;
      onResult(numDone);
      return result;
    };
    if (this.#threads.length > 0) return await Promise.all(parts.map(done));
    const results: TaskResult<Name>[] = [];
    for (const part of parts) results.push(await done(part));
    return results;
  }

  /**
   * Results of parts that come one after another, in their order; no more parts are taken than the threads have something
   * to do. What is wrong with where the parts come from comes behind the results of those before.
   */
  async *each<Part extends PartOf<Name, Shared>>(
    parts: AsyncIterable<Part>,
  ): AsyncGenerator<{ readonly part: Part; readonly result: TaskResult<Name> }> {
    const most = Math.max(1, 2 * this.#threads.length);
    const begun: Promise<{ readonly part: Part; readonly result: TaskResult<Name> }>[] = [];
    let fault: { readonly error: unknown } | undefined;
    try {
      for await (const part of parts) {
        const done = this.#do(part).then((result) => ({ part, result }));
        // Whoever waits for the part before hears of this one when it is its turn.
        done.catch(() => {});
        begun.push(done);
        if (begun.length >= most) yield await begun.shift()!;
      }
    } catch (error) {
      fault = { error };
    }
    for (const done of begun) yield await done;
    if (fault !== undefined) throw fault.error;
  }

  async #do(part: PartOf<Name, Shared>): Promise<TaskResult<Name>> {
    if (this.#threads.length === 0)
      return await runTask(this.#task, { ...this.#shared, ...part } as unknown as TaskInput<Name>);
    const thread = this.#free.pop() ?? (await new Promise<Worker>((resolve) => this.#waiting.push(resolve)));
    const result = await this.#ask(thread, part);
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(thread);
    else next(thread);
    return result;
  }

  #ask(thread: Worker, part: PartOf<Name, Shared>): Promise<TaskResult<Name>> {
    const limits = this.#limits;
    return new Promise((resolve, reject) => {
      let stopWatch = (): void => {};
      const ended = (): void => {
        stopWatch();
        thread.off("error", failed).off("message", told).off("exit", gone);
      };
      const gone = (): void => {
        ended();
        reject(new DeviceError({ expected: "a thread that goes on until its work is done" }));
      };
      const failed = (error: Error): void => {
        ended();
        reject(limits !== undefined && isOutOfMemory(error) ? limits.exceeded("memory", part) : error);
      };
      const told = (result: TaskResult<Name>): void => {
        ended();
        resolve(result);
      };
      thread.on("error", failed).on("message", told).on("exit", gone);
      thread.postMessage(part);
      if (limits !== undefined)
        stopWatch = watchTime(limits.seconds(part), () => {
          ended();
          reject(limits.exceeded("time", part));
        });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.terminate()));
  }
}

/** One task for each part, over worker threads that end with it: see `WorkerThreads`. */
export async function inWorkers<Name extends WorkerTask, Shared extends Partial<TaskInput<Name>>>(
  task: Name,
  shared: Shared,
  parts: readonly PartOf<Name, Shared>[],
  options: WorkerOptions = {},
): Promise<readonly TaskResult<Name>[]> {
  await using threads = new WorkerThreads(task, shared, parts.length, options);
  return await threads.run(parts);
}
