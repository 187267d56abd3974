import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { createRng, DeviceError, InputError, type Rng } from "../core/index.ts";
import { createFleetClient, type FleetClient, type JobStatus, serverAddress } from "../server/index.ts";
import { packageFile } from "../workbench/package-file.ts";

const MAIN = packageFile("dist", "cli", "main.js");

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
    steps: 10 + rng.nextInt(90),
    batchSize: 2,
    microBatchSize: 1,
    adapter: { rank: [2, 4, 8][rng.nextInt(3)]!, alpha: 16, dropout: 0, targets: ["q_proj", "v_proj"] },
    ...(hopeless ? { optimizer: { learningRate: 1e10 } } : {}),
    ...(!hopeless && rng.nextInt(4) === 0 ? { evaluation: { share: 0.2, everySteps: 5 } } : {}),
  };
}

/** Something is asked of a job that is not over; whether it was granted, since it may be over by then. */
async function askOne(client: FleetClient, open: readonly JobStatus[], rng: Rng): Promise<boolean> {
  const job = open[rng.nextInt(open.length)]!;
  try {
    if (job.standing === "paused") await client.resume(job.name);
    else
      switch (rng.nextInt(4)) {
        case 0:
          await client.cancel(job.name);
          break;
        case 1:
          await client.pause(job.name);
          break;
        default:
          await client.setPriority(job.name, rng.nextInt(5));
      }
    return true;
  } catch (error) {
    if (error instanceof InputError) return false;
    throw error;
  }
}

/** Serves for so long while jobs arrive, end, diverge, are paused, preempted and cancelled; then until all have ended. */
export async function soak({ folder, data, seconds }: SoakInput, words: readonly string[]): Promise<Soak> {
  const child = spawn(process.execPath, [MAIN, "serve", ...words, "--output", "run", "--quiet", "--no-cache"], {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
  });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  try {
    const client = await clientOf(child, folder);
    const rng = createRng("what happens in a soak");
    const samples: Soak["samples"][number][] = [];
    let [submitted, asked] = [0, 0];
    const beganMs = performance.now();
    while (performance.now() - beganMs < 1000 * seconds) {
      const { jobs } = await client.jobs();
      const open = jobs.filter(({ standing }) => !OVER.includes(standing));
      if (open.length < OPEN) {
        await client.submit(jobOf(submitted, data, rng));
        submitted += 1;
      } else if (await askOne(client, open, rng)) asked += 1;
      if (performance.now() - beganMs >= 1000 * samples.length)
        samples.push({ bytes: residentBytes(child), jobs: submitted });
      await sleep(EVERY_MS);
    }
    const jobs = await untilOver(client);
    child.kill("SIGTERM");
    const code = await ended;
    // Asked to end, with all jobs over but not all of them at their last iteration.
    if (code !== 0 && code !== 143 && code !== 130)
      throw new DeviceError({ expected: "a fleet that ends well", got: code });
    return { samples, jobs, submitted, asked };
  } finally {
    child.kill("SIGKILL");
  }
}

async function untilOver(client: FleetClient): Promise<readonly JobStatus[]> {
  for (;;) {
    const { jobs } = await client.jobs();
    if (jobs.every(({ standing }) => OVER.includes(standing))) return jobs;
    for (const { name, standing } of jobs) if (standing === "paused") await client.resume(name).catch(() => {});
    await sleep(EVERY_MS);
  }
}
