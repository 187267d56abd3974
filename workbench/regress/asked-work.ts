import { InputError } from "../../core/index.ts";
import { silent } from "../../files/index.ts";
import type { AskedJob, AskedMachines, AskedSweep, AskedWork } from "../../studies/index.ts";
import { loadCluster } from "../load/load-cluster.ts";

type Written = Readonly<Record<string, unknown>>;

/** A workload as its file has it, before anybody checks it. */
export interface WrittenWorkload {
  readonly jobs?: readonly Written[];
  readonly defaults?: Written;
  readonly arrivals?: unknown;
}

function part(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? (value as Written)[key] : undefined;
}

function numberIn(value: unknown, key: string): Readonly<Record<string, number>> {
  const own = part(value, key);
  return typeof own === "number" ? { [key]: own } : {};
}

/** What rows are cut at where nobody says. */
const CUTOFF = 512;

/** The fewest and the most tokens of a job's rows, where its file says. */
function rowTokens(job: Written): Pick<AskedJob, "rowTokens"> {
  const lengths = part(job["data"], "lengths");
  if (job["loss"] !== undefined) return {};
  if (typeof lengths === "number") return { rowTokens: [lengths, lengths] };
  const { cutoffLength = CUTOFF } = job;
  const [min, max] = [part(lengths, "min"), part(lengths, "max")];
  if (lengths === undefined || typeof cutoffLength !== "number") return {};
  const most = typeof max === "number" ? Math.min(max, cutoffLength) : cutoffLength;
  return { rowTokens: [typeof min === "number" ? Math.min(min, most) : 1, most] };
}

/** A job as its file asks for it, whatever loratwin reads there. */
function askedJob(job: Written): AskedJob {
  return {
    name: String(job["name"]),
    ...numberIn(job, "steps"),
    ...numberIn(job, "batchSize"),
    ...numberIn(job, "arrivalSeconds"),
    ...numberIn(job, "priority"),
    ...numberIn(job["evaluation"], "everySteps"),
    ...rowTokens(job),
  };
}

/** Combinations of the values of a grid. */
function combinations(grid: unknown): number {
  if (Array.isArray(grid)) return grid.length;
  if (typeof grid !== "object" || grid === null) return 1;
  return Object.values(grid).reduce((product: number, value) => product * combinations(value), 1);
}

/** The points of a sweep, whose values are left out of what they ask for; undefined of one whose points nobody can count. */
function askedSweep(job: Written): AskedSweep | undefined {
  const { grid, random } = job["sweep"] as { readonly grid?: Written; readonly random?: Written };
  const numJobs = grid !== undefined && random === undefined ? combinations(grid) : part(random, "count");
  if (typeof numJobs !== "number" || (grid !== undefined && random !== undefined)) return undefined;
  const swept = Object.keys(grid ?? (random!["over"] as Written | undefined) ?? {});
  const fixed = Object.entries(job).filter(([key]) => !swept.includes(key));
  const { name, ...asked } = askedJob(Object.fromEntries(fixed));
  return { name: String(job["name"] ?? name), ...asked, numJobs };
}

/** Jobs that a file asks for; where a trace makes others of them, none. */
export function askedJobs({ jobs = [], defaults = {}, arrivals }: WrittenWorkload): AskedWork {
  const whole = jobs.map((job): Written => ({ ...defaults, ...job }));
  if (arrivals !== undefined || whole.some(({ name }) => name === undefined)) return {};
  const sweeps = whole.flatMap((job) => (job["sweep"] === undefined ? [] : [askedSweep(job)]));
  return {
    jobs: whole.filter(({ sweep }) => sweep === undefined).map(askedJob),
    sweeps: sweeps.filter((sweep) => sweep !== undefined),
  };
}

/** What a cluster's file says of its machines; undefined where nobody can read it. */
export function askedMachines(file: string): AskedMachines | undefined {
  try {
    const { devices, links } = loadCluster(silent("/"), { cluster: file });
    const memoryBytes = new Map(
      devices.flatMap(({ name, memoryBytes: bytes }) => (bytes === null ? [] : [[name, bytes] as const])),
    );
    const [link] = links;
    const isOne = link?.shared === true && new Set(devices.map(({ machine }) => machine)).size === 1;
    const rate = isOne ? link.bandwidthBytesPerSecond : null;
    return { memoryBytes, ...(rate === null ? {} : { sharedBytesPerSecond: rate }) };
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}
