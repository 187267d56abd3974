/** A job as its workload asks for it; what a file does not say in numbers is absent. */
export interface AskedJob {
  readonly name: string;
  readonly steps?: number;
  readonly batchSize?: number;
  readonly arrivalSeconds?: number;
  readonly priority?: number;
  readonly everySteps?: number;
  /** Tokens of each of its rows, where all have as many. */
  readonly rowTokens?: number;
}

/** What a golden workload asks for, beside its documents: what a run is checked by, whatever planner and simulator say. */
export interface Asked {
  /** By name; empty where the workload's file does not name each job. */
  readonly jobs: ReadonlyMap<string, AskedJob>;
  readonly policy: string | undefined;
  /** Of jobs on a pipeline, of micro-batches in flight, and of pipelines; undefined where the planner chooses. */
  readonly jobsAtOnce: number | undefined;
  readonly maxInFlight: number | undefined;
  readonly pipelines: number | undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

/** What options and jobs of a golden workload ask for. */
export function askedOf(options: Readonly<Record<string, unknown>>, jobs: readonly AskedJob[]): Asked {
  const policy = options["policy"];
  return {
    jobs: new Map(jobs.map((job) => [job.name, job])),
    policy: typeof policy === "string" ? policy : undefined,
    jobsAtOnce: numberOf(options["jobs-at-once"]),
    maxInFlight: numberOf(options["max-in-flight"]),
    pipelines: numberOf(options["pipelines"]),
  };
}
