/** A job as its workload asks for it; what a file does not say in numbers is absent. */
export interface AskedJob {
  readonly name: string;
  readonly steps?: number;
  readonly batchSize?: number;
  readonly arrivalSeconds?: number;
  readonly priority?: number;
  readonly everySteps?: number;
  /** The fewest and the most tokens of each of its rows. */
  readonly rowTokens?: readonly [least: number, most: number];
}

/** A job that stands for several, whose names begin with its own and a dash. */
export interface AskedSweep extends AskedJob {
  readonly numJobs: number;
}

/** What a cluster's file says of its machines. */
export interface AskedMachines {
  /** By device. */
  readonly memoryBytes: ReadonlyMap<string, number>;
  /** Where all messages go through one link that carries one at a time. */
  readonly sharedBytesPerSecond?: number;
}

/** What the documents of a golden workload ask for. */
export interface AskedWork {
  /** Those that the workload's file names, each; empty where it leaves that to a trace. */
  readonly jobs?: readonly AskedJob[];
  readonly sweeps?: readonly AskedSweep[];
  /** Absent where devices are listed, and where nobody can read the file. */
  readonly machines?: AskedMachines;
}

/** What a golden workload asks for: what a run is checked by, whatever planner and simulator say. */
export interface Asked {
  /** By name; of points of a sweep that of the sweep. */
  readonly jobOf: (name: string) => AskedJob | undefined;
  /** Names that must be there, and how many begin with which others. */
  readonly names: readonly string[];
  readonly sweeps: readonly AskedSweep[];
  readonly machines: AskedMachines | undefined;
  readonly policy: string | undefined;
  readonly schedule: string | undefined;
  /** Of jobs on a pipeline, of micro-batches in flight, and of pipelines; undefined where the planner chooses. */
  readonly jobsAtOnce: number | undefined;
  readonly maxInFlight: number | undefined;
  readonly pipelines: number | undefined;
}

/** "256", or "16 to 512". */
export function rangeText([least, most]: readonly [number, number]): string {
  return least === most ? `${least}` : `${least} to ${most}`;
}

/** Whether a job is one of a sweep. */
export function isPointOf({ name: sweep }: AskedSweep, name: string): boolean {
  return name.startsWith(`${sweep}-`);
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** What options and documents of a golden workload ask for. */
export function askedOf(
  options: Readonly<Record<string, unknown>>,
  { jobs = [], sweeps = [], machines }: AskedWork = {},
): Asked {
  const known = new Map(jobs.map((job) => [job.name, job]));
  return {
    jobOf: (name) => known.get(name) ?? sweeps.find((sweep) => isPointOf(sweep, name)),
    names: [...known.keys()],
    ...{ sweeps, machines },
    policy: textOf(options["policy"]),
    schedule: textOf(options["schedule"]),
    jobsAtOnce: numberOf(options["jobs-at-once"]),
    maxInFlight: numberOf(options["max-in-flight"]),
    pipelines: numberOf(options["pipelines"]),
  };
}
