import { createRng, InputError, maximum, mean, PlanError, sum } from "../core/index.ts";
import { makePlan, type PlanBody, type PlanRequest, type ScheduleName } from "../plan/index.ts";
import { predictPlan } from "../sim/index.ts";

/** Everything that a person may say of a plan; null tokens: as the jobs say, null jobs at once: all. */
interface HandChoice {
  readonly pipelines: number;
  readonly groups: number;
  readonly tokens: number | null;
  readonly jobsAtOnce: number | null;
  readonly schedule: ScheduleName;
  readonly recompute: PlanRequest["recompute"];
  readonly maxInFlight: PlanRequest["maxInFlight"];
}

/** The best of a sweep: its seconds, infinite where nothing fits, and what was said for it. */
interface HandSweep {
  readonly seconds: number;
  readonly choice: HandChoice | undefined;
  readonly numTried: number;
}

/** Seconds of a plan as the simulator sees them. */
function simulatedSeconds(plan: PlanBody): number {
  return predictPlan(plan).body.predicted.makespanSeconds;
}

function isOpen({ microBatchSize, microBatchTokens }: PlanRequest["jobs"][number]): boolean {
  return microBatchSize === undefined && microBatchTokens === undefined;
}

/** More groups than a pipeline has jobs, or groups of more jobs than may train at once. */
function isImpossible(error: unknown): boolean {
  return error instanceof InputError && ["--groups", "--jobs-at-once"].includes(error.facts.at ?? "");
}

/** Tries choices one by one, each once, and remembers the best. */
class Sweep {
  readonly #request: PlanRequest;
  readonly #tried = new Map<string, number>();
  best: { readonly choice: HandChoice; readonly seconds: number } | undefined;

  constructor(request: PlanRequest) {
    this.#request = request;
  }

  get numTried(): number {
    return this.#tried.size;
  }

  /** Infinite where it does not fit, or is refused. */
  try(choice: HandChoice): number {
    const key = JSON.stringify(choice);
    const known = this.#tried.get(key);
    if (known !== undefined) return known;
    const seconds = this.#secondsOf(choice);
    this.#tried.set(key, seconds);
    if (seconds < (this.best?.seconds ?? Number.POSITIVE_INFINITY)) this.best = { choice, seconds };
    return seconds;
  }

  /** The fastest of them first. */
  sorted(choices: readonly HandChoice[]): readonly HandChoice[] {
    return [...choices].sort((a, b) => this.try(a) - this.try(b));
  }

  #secondsOf({ tokens, jobsAtOnce, ...choice }: HandChoice): number {
    const { jobs } = this.#request;
    try {
      const plan = makePlan({
        ...this.#request,
        ...choice,
        jobsAtOnce: jobsAtOnce ?? "all",
        jobs: jobs.map((job) => (tokens !== null && isOpen(job) ? { ...job, microBatchTokens: tokens } : job)),
      });
      return simulatedSeconds(plan);
    } catch (error) {
      if (error instanceof PlanError || isImpossible(error)) return Number.POSITIVE_INFINITY;
      throw error;
    }
  }
}

/** Powers of two from a mean row to the longest mini-batch, and that. */
function tokenSizes({ jobs, rows }: PlanRequest): readonly (number | null)[] {
  const open = rows.filter((_, job) => isOpen(jobs[job]!));
  if (open.length === 0) return [null];
  const steps = open.flatMap(({ steps, tokens }) => Array.from(steps, (step) => step.map((row) => tokens[row]!)));
  const longest = maximum(steps.map(sum));
  const row = mean(steps.flat());
  const sizes: number[] = [];
  for (let size = longest; size > row / 1.5; size /= 2) sizes.push(Math.ceil(size));
  return sizes;
}

function upTo(count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}

/**
 * What a person with patience finds by saying every choice: sizes of micro-batches from a row to the longest
 * mini-batch, each with few, some and no shared groups, on any number of pipelines; every number of groups on the best
 * of these; then around the best fewer jobs at once, other orders, recomputation, limits, sizes between and again every
 * number of groups; and choices at random. `patience`: of the effort.
 */
export function handSweep(request: PlanRequest, seed: number, patience = 1): HandSweep {
  const sweep = new Sweep(request);
  const numJobs = request.jobs.length;
  // Times that do not depend on how many layers a stage has say nothing of pipelines.
  const most = request.calibration.model === "constant" ? 1 : Math.min(request.devices.length, numJobs);
  const groupsOf = (pipelines: number): readonly number[] => upTo(Math.floor(numJobs / pipelines));
  const tokens = tokenSizes(request);
  const plain = { jobsAtOnce: null, schedule: "lorapp", recompute: "auto", maxInFlight: "auto" } as const;
  const grid = upTo(most).flatMap((pipelines) => {
    const all = groupsOf(pipelines);
    const some = new Set([all[0]!, all[all.length >> 1]!, all.at(-1)!]);
    return tokens.flatMap((size) =>
      [...some].map((groups): HandChoice => ({ ...plain, pipelines, groups, tokens: size })),
    );
  });
  const everyGroups = (choice: HandChoice): readonly HandChoice[] =>
    groupsOf(choice.pipelines).map((groups) => ({ ...choice, groups }));
  const fewer: number[] = [];
  for (let count = Math.ceil(numJobs / 2); count < (fewer.at(-1) ?? numJobs); count = Math.ceil(count / 2))
    fewer.push(count);
  const rounds = Math.ceil(2 * patience);
  sweep.sorted(sweep.sorted(grid).slice(0, rounds).flatMap(everyGroups));
  for (let round = 0; round < rounds && sweep.best !== undefined; round += 1) {
    const { choice } = sweep.best;
    const sizes =
      choice.tokens === null ? [] : [0.5, 0.7, 0.85, 1.2, 1.4, 2].map((by) => Math.ceil(by * choice.tokens!));
    sweep.sorted([
      ...sizes.map((size) => ({ ...choice, tokens: size })),
      ...(["lorapp", "lorapp-gpipe", "1f1b"] as const).map((schedule) => ({ ...choice, schedule })),
      ...fewer.map((jobsAtOnce) => ({ ...choice, jobsAtOnce })),
      ...fewer.map((jobsAtOnce) => ({ ...choice, jobsAtOnce, tokens: sizes.at(-1) ?? null })),
      ...(["none", "layer"] as const).map((recompute) => ({ ...choice, recompute })),
      ...[1, 2].map((times) => ({
        ...choice,
        maxInFlight: times * Math.ceil(request.devices.length / choice.pipelines),
      })),
    ]);
    sweep.sorted(everyGroups(sweep.best.choice));
  }
  const rng = createRng(`hand ${seed}`);
  const drawn = <Value>(values: readonly Value[]): Value => values[rng.nextInt(values.length)]!;
  sweep.sorted(
    Array.from({ length: Math.ceil(20 * patience) }, (): HandChoice => {
      const pipelines = drawn(upTo(most));
      return {
        ...plain,
        pipelines,
        groups: drawn(groupsOf(pipelines)),
        tokens: drawn(tokens),
        jobsAtOnce: drawn([null, ...fewer]),
        schedule: drawn(["lorapp", "lorapp", "lorapp-gpipe"]),
      };
    }),
  );
  const { best, numTried } = sweep;
  return { seconds: best?.seconds ?? Number.POSITIVE_INFINITY, choice: best?.choice, numTried };
}
