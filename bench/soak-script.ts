import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { text as wholeText } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { createRng, DeviceError, InputError, type Rng } from "../core/index.ts";
import { packageFile } from "../files/index.ts";
import { createFleetClient, type FleetClient, type JobStatus, serverAddress } from "../server/index.ts";

const MAIN = packageFile("dist", "cli", "main.js");
const COLLECTING = ["--expose-gc", "--import", packageFile("dist", "bench", "collect-garbage.js")];

/** Jobs that are there at once, about. */
const OPEN = 6;
/** From one thing that is asked to the next. */
const EVERY_MS = 300;
/** Standings of jobs that nothing more happens to. */
const OVER: readonly string[] = ["ended", "stopped", "cancelled", "refused"];

export interface SoakInput {
  /** Where the fleet is. */
  readonly folder: string;
  /** Rows as the workload's jobs have them. */
  readonly data: unknown;
  readonly seconds: number;
}

/** How a fleet fared. */
export interface Soak {
  /** Once a second, bytes of memory that the process held, and jobs that had come. */
  readonly samples: readonly { readonly bytes: number; readonly jobs: number }[];
  /** What became of every job that was submitted. */
  readonly jobs: readonly JobStatus[];
  readonly submitted: number;
  /** Things that were asked of jobs and granted: pauses, priorities, cancels, clones. */
  readonly asked: number;
}

/** Resident memory of a process (proc(5)). */
function residentBytes({ pid }: ChildProcess): number {
  const found = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return 1024 * Number(found![1]);
}

async function clientOf(child: ChildProcess, folder: string): Promise<FleetClient> {
  for (;;) {
    if (child.exitCode !== null) throw new DeviceError({ expected: "a fleet that serves", got: child.exitCode });
    try {
      const client = createFleetClient(serverAddress({ cwd: folder }, "run", undefined));
      await client.status();
      return client;
    } catch {
      await sleep(50);
    }
  }
}

/** A job like others, but for what the dice say: one of eight diverges at once, some are evaluated or urgent. */
function jobOf(number: number, data: unknown, rng: Rng): Parameters<FleetClient["submit"]>[0] {
  const hopeless = rng.nextInt(8) === 0;
  return {
    name: `soaked-${number}`,
    data: data as never,
    user: ["ann", "bob", "cy"][rng.nextInt(3)]!,
    priority: rng.nextInt(3),
    seed: number,
    steps: 100 + rng.nextInt(900),
    batchSize: 2,
    microBatchSize: 1,
    adapter: { rank: [2, 4, 8][rng.nextInt(3)]!, alpha: 16, dropout: 0, targets: ["q_proj", "v_proj"] },
    ...(hopeless ? { optimizer: { learningRate: 1e10 } } : {}),
    ...(!hopeless && rng.nextInt(4) === 0 ? { evaluation: { share: 0.2, everySteps: 5 } } : {}),
  };
}

/** Jobs that are not over, by what the fleet tells: a list of all would grow with time, and with it what is measured. */
class OpenJobs {
  /** Whether it was paused. */
  readonly #paused = new Map<string, boolean>();

  get names(): readonly string[] {
    return [...this.#paused.keys()];
  }

  came(name: string): void {
    this.#paused.set(name, false);
  }

  /** Hears of ends until the signal says so. */
  async listen(client: FleetClient, signal: AbortSignal): Promise<void> {
    for await (const notice of client.notices(signal))
      if (notice !== "reset" && notice.kind === "end") this.#paused.delete(notice.name);
  }

  /** Something is asked of one; whether it was granted, since it may be over by then. */
  async askOne(client: FleetClient, rng: Rng): Promise<boolean> {
    const { names } = this;
    const name = names[rng.nextInt(names.length)]!;
    try {
      await this.#ask(client, name, rng);
      return true;
    } catch (error) {
      if (error instanceof InputError) return false;
      throw error;
    }
  }

  async #ask(client: FleetClient, name: string, rng: Rng): Promise<void> {
    if (this.#paused.get(name) === true) {
      await client.unpause(name);
      if (this.#paused.has(name)) this.#paused.set(name, false);
      return;
    }
    switch (rng.nextInt(4)) {
      case 0:
        await client.cancel(name);
        return;
      case 1:
        await client.pause(name);
        if (this.#paused.has(name)) this.#paused.set(name, true);
        return;
      default:
        await client.setPriority(name, rng.nextInt(5));
    }
  }
}

/** Serves for so long while jobs arrive, end, diverge, are paused, preempted and cancelled; then until all have ended. */
export async function soak({ folder, data, seconds }: SoakInput, words: readonly string[]): Promise<Soak> {
  const child = spawn(
    process.execPath,
    [...COLLECTING, MAIN, "serve", ...words, "--output", "run", "--quiet", "--no-cache", "--json"],
    {
      cwd: folder,
      stdio: ["ignore", "pipe", "ignore"],
    },
  );
  const printed = wholeText(child.stdout!);
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  try {
    const client = await clientOf(child, folder);
    const rng = createRng("what happens in a soak");
    const samples: Soak["samples"][number][] = [];
    let [submitted, asked] = [0, 0];
    const beganMs = performance.now();
    const open = new OpenJobs();
    const listening = new AbortController();
    const listened = open.listen(client, listening.signal);
    while (performance.now() - beganMs < 1000 * seconds) {
      // On a fast machine few jobs are open at once: they are asked things all the same.
      const { length } = open.names;
      if (length === 0 || (length < OPEN && rng.nextInt(3) > 0)) {
        const job = jobOf(submitted, data, rng);
        open.came(job.name);
        await client.submit(job);
        submitted += 1;
      } else if (await open.askOne(client, rng)) asked += 1;
      if (performance.now() - beganMs >= 1000 * samples.length)
        samples.push({ bytes: residentBytes(child), jobs: submitted });
      await sleep(EVERY_MS);
    }
    await untilOver(client);
    listening.abort();
    await listened;
    child.kill("SIGTERM");
    const code = await ended;
    // Asked to end, with all jobs over but not all of them at their last iteration.
    if (code !== 0 && code !== 143 && code !== 130)
      throw new DeviceError({ expected: "a fleet that ends well", got: code });
    // The list of a server has the latest of those that are over; what it prints at its end has all.
    const { jobs } = JSON.parse(await printed) as Pick<Soak, "jobs">;
    return { samples, jobs, submitted, asked };
  } finally {
    child.kill("SIGKILL");
  }
}

async function untilOver(client: FleetClient): Promise<void> {
  for (;;) {
    const { jobs } = await client.jobs();
    if (jobs.every(({ standing }) => OVER.includes(standing))) return;
    for (const { name, standing } of jobs) if (standing === "paused") await client.unpause(name).catch(() => {});
    await sleep(EVERY_MS);
  }
}
