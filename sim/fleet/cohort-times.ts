import { contentHash, InvariantError, maximum, sum } from "../../core/index.ts";
import {
  balancedGroups,
  type CostModel,
  type FleetJob,
  type FleetWork,
  GrowingPlan,
  type Packing,
  type PackingProblem,
  type PlannedRow,
  packMiniBatch,
  type Segment,
  type Setting,
  UPDATE,
} from "../../plan/index.ts";
import { runPlan } from "../run/run-plan.ts";
import type { FleetTimes } from "./fleet-times.ts";
import { type IterationBound, iterationBound } from "./iteration-bounds.ts";

/** Different steps of a job that stand for all of them. */
const SAMPLES = 16;
/** Steps of each job in the run that says about how long they take, and of the slowest one in the run that is measured. */
const FIRST_STEPS = 3;
const MEASURED_STEPS = 10;
/** Of one that is much faster than the others. */
const MOST_STEPS = 200;

type Steps = FleetWork["steps"];
export type Pack = (problem: PackingProblem) => Packing;

/** Jobs that train together, with the rows of a step: by part, for the numbers that the jobs have in a plan. */
interface Group {
  readonly numbers: readonly number[];
  readonly rowsOf: (step: number, own: readonly number[]) => readonly (readonly PlannedRow[])[];
}

/** Steps evenly over a job. */
function samplesOf(steps: Steps): Steps {
  const count = Math.min(SAMPLES, steps.length);
  return Array.from({ length: count }, (_, i) => steps[Math.floor((i * steps.length) / count)]!);
}

/** The ends of each job's optimizer steps on its pipeline's first stage. */
function stepEnds(setting: Setting, costs: CostModel, segment: Segment, pipeline: number): readonly number[][] {
  const { jobs, groups, microBatches, actions } = segment;
  const run = runPlan({ ...setting, jobs, groups, microBatches, actions, predicted: null }, costs);
  const { firstStage } = setting.pipelines[pipeline]!;
  const { letters, microBatches: numbers, endNs } = run.devices[firstStage]!.compute;
  const ends = jobs.map((): number[] => []);
  for (let at = 0; at < endNs.length; at += 1) {
    if (letters[at] !== UPDATE) continue;
    for (const { job } of groups[microBatches[numbers[at]!]!.group]!.members) ends[job]!.push(endNs[at]!);
  }
  return ends;
}

/**
 * How long iterations take while the same jobs train on a pipeline: of a short simulation of all their actions, where
 * none has just begun or is about to end; remembered by the jobs, as far as they are alike.
 */
export class CohortTimes implements FleetTimes {
  readonly #setting: Setting;
  readonly #costs: CostModel;
  readonly #works: readonly FleetWork[];
  readonly #samples: FleetWork[] = [];
  /** Jobs that are alike have the same; by the hash of what they are alike in, and by job. */
  readonly #kindOfHash = new Map<string, string>();
  readonly #kinds: string[] = [];
  readonly #pack: Pack | undefined;
  readonly #known = new Map<string, readonly number[]>();
  readonly #bounds = new Map<string, IterationBound>();
  /** By kind. */
  readonly #anywhere = new Map<string, IterationBound>();

  /**
   * `works`: by the jobs' numbers; more may come. `pack`: jobs that train together share micro-batches that it packs,
   * where that is faster; absent: they do not.
   */
  constructor(setting: Setting, costs: CostModel, works: readonly FleetWork[], pack?: Pack) {
    this.#pack = pack;
    this.#setting = setting;
    this.#costs = costs;
    this.#works = works;
  }

  /** Different sets of jobs that were simulated. */
  get numCohorts(): number {
    return this.#known.size;
  }

  #sampleOf(number: number): FleetWork {
    const known = this.#samples[number];
    if (known !== undefined) return known;
    const { job, steps } = this.#works[number]!;
    const sample = { job, steps: samplesOf(steps) };
    this.#samples[number] = sample;
    return sample;
  }

  #kindOf(number: number): string {
    const known = this.#kinds[number];
    if (known !== undefined) return known;
    const { job, steps } = this.#sampleOf(number);
    const lengths = steps.map((parts) => parts.map((rows) => rows.map(([, , tokens, scored]) => [tokens, scored])));
    const hash = contentHash({ adapter: job.adapter, optimizer: job.optimizer, lengths });
    const kind = this.#kindOfHash.get(hash) ?? String(this.#kindOfHash.size);
    this.#kindOfHash.set(hash, kind);
    this.#kinds[number] = kind;
    return kind;
  }

  /** What an iteration of a job takes at least on a pipeline. */
  boundOf(pipeline: number, job: number): IterationBound {
    const key = `${pipeline} ${this.#kindOf(job)}`;
    const bound = this.#bounds.get(key) ?? iterationBound(this.#setting, this.#costs, pipeline, this.#sampleOf(job));
    this.#bounds.set(key, bound);
    return bound;
  }

  /** And on whichever pipeline: with the stages by their place in it, the last ones again where it has fewer. */
  boundAnywhere(job: number): IterationBound {
    const kind = this.#kindOf(job);
    const known = this.#anywhere.get(kind);
    if (known !== undefined) return known;
    const bounds = this.#setting.pipelines.map((_, pipeline) => this.boundOf(pipeline, job));
    const numStages = maximum(bounds.map(({ stagesNs }) => stagesNs.length));
    const bound = {
      leastNs: Math.min(...bounds.map(({ leastNs }) => leastNs)),
      stagesNs: Array.from({ length: numStages }, (_, at) =>
        Math.min(...bounds.map(({ stagesNs }) => stagesNs[Math.min(at, stagesNs.length - 1)]!)),
      ),
    };
    this.#anywhere.set(kind, bound);
    return bound;
  }

  iterationNs(pipeline: number, jobs: readonly FleetJob[]): readonly number[] {
    // In an order of kinds, so that equal cohorts are one.
    const order = jobs
      .map(({ number }, place) => ({ number, place, kind: this.#kindOf(number) }))
      .sort((a, b) => (a.kind === b.kind ? a.place - b.place : a.kind < b.kind ? -1 : 1));
    const key = `${pipeline}: ${order.map(({ kind }) => kind).join()}`;
    const numbers = order.map(({ number }) => number);
    const periods = this.#known.get(key) ?? this.#fastest(pipeline, numbers);
    this.#known.set(key, periods);
    const result = jobs.map(() => 0);
    order.forEach(({ place }, i) => {
      result[place] = periods[i]!;
    });
    return result;
  }

  /** A short run is of some steps, and what of them lies in it: no iteration is faster, and no stage busier, than can be. */
  #withinBounds(pipeline: number, numbers: readonly number[], measured: readonly number[]): readonly number[] {
    const bounds = numbers.map((number) => this.boundOf(pipeline, number));
    const periods = measured.map((ns, i) => Math.max(ns, bounds[i]!.leastNs));
    const busy = bounds[0]!.stagesNs.map((_, at) => sum(bounds.map(({ stagesNs }, i) => stagesNs[at]! / periods[i]!)));
    const over = Math.max(1, maximum(busy));
    return periods.map((ns) => over * ns);
  }

  /** Each job in a group of its own, as it is planned. */
  #alone(pipeline: number, numbers: readonly number[]): readonly number[] {
    const measured = this.#measure(
      pipeline,
      numbers.map((number) => ({ numbers: [number], rowsOf: (step, [own]) => this.#rows(number, step, own!) })),
    );
    return this.#withinBounds(pipeline, numbers, measured.flat());
  }

  /** In as many groups as there are stages, whose jobs share micro-batches. */
  #shared(pipeline: number, numbers: readonly number[], pack: Pack): readonly number[] {
    const { firstStage, endStage, room } = this.#setting.pipelines[pipeline]!;
    const tokens = numbers.map((number) => this.#tokensOf(number));
    const groups = balancedGroups(tokens, endStage - firstStage);
    const measured = this.#measure(
      pipeline,
      groups.map((places) => ({
        numbers: places.map((place) => numbers[place]!),
        rowsOf: (step, own) => {
          const members = places.map((place, i) => {
            const rows = this.#rows(numbers[place]!, step, own[i]!).flat();
            return { job: own[i]!, rows };
          });
          return packMiniBatch({ members, capacity: room.maxTokens }, pack);
        },
      })),
    );
    const periods = numbers.map(() => 0);
    groups.forEach((places, group) => {
      places.forEach((place, i) => {
        periods[place] = measured[group]![i]!;
      });
    });
    return periods;
  }

  /** The way in which more tokens are trained a second. */
  #fastest(pipeline: number, numbers: readonly number[]): readonly number[] {
    const alone = this.#alone(pipeline, numbers);
    if (this.#pack === undefined) return alone;
    const shared = this.#shared(pipeline, numbers, this.#pack);
    const rate = (periods: readonly number[]): number =>
      sum(numbers.map((number, i) => this.#tokensOf(number) / periods[i]!));
    return rate(shared) > rate(alone) ? shared : alone;
  }

  /** Of an iteration, on average. */
  #tokensOf(number: number): number {
    const { steps } = this.#sampleOf(number);
    return sum(steps.flat(2).map(([, , tokens]) => tokens)) / steps.length;
  }

  #rows(number: number, step: number, own: number): readonly (readonly PlannedRow[])[] {
    const { steps } = this.#sampleOf(number);
    return steps[step % steps.length]!.map((part) => part.map(([, ...row]): PlannedRow => [own, ...row]));
  }

  /** By group, nanoseconds of an iteration of each of its jobs. */
  #measure(pipeline: number, groups: readonly Group[]): readonly (readonly number[])[] {
    const first = this.#run(
      pipeline,
      groups,
      groups.map(() => FIRST_STEPS),
    );
    const rough = first.map((ends) => ends.at(-1)! / ends.length);
    const slowest = maximum(rough);
    const counts = rough.map((ns) => Math.min(MOST_STEPS, Math.ceil((MEASURED_STEPS * slowest) / ns)));
    const ends = this.#run(pipeline, groups, counts);
    // From when all have trained a step until the first one has trained its last.
    const fromNs = maximum(ends.map((own) => own[0]!));
    const untilNs = Math.min(...ends.map((own) => own.at(-1)!));
    return ends.map((own, i) => {
      const within = own.filter((ns) => ns >= fromNs && ns <= untilNs);
      const ns = within.length < 2 ? rough[i]! : (within.at(-1)! - within[0]!) / (within.length - 1);
      return groups[i]!.numbers.map(() => ns);
    });
  }

  /** Trains so many steps of each group, all from the start, and gives their ends. */
  #run(pipeline: number, groups: readonly Group[], counts: readonly number[]): readonly (readonly number[])[] {
    const growing = new GrowingPlan(this.#setting, this.#costs);
    const firsts: number[] = [];
    groups.forEach(({ numbers, rowsOf }, i) => {
      const count = counts[i]!;
      const own = numbers.map((number) => growing.addJob({ ...this.#sampleOf(number).job, steps: count }));
      firsts.push(own[0]!);
      const steps = Array.from({ length: count }, (_, step) => rowsOf(step, own));
      growing.admit({ group: { pipeline, members: own.map((job) => ({ job, firstStep: 0, endStep: count })) }, steps });
    });
    const segment = growing.advance(pipeline, Number.POSITIVE_INFINITY);
    if (segment === undefined) throw new InvariantError({ expected: "work to simulate", got: counts });
    const ends = stepEnds(this.#setting, this.#costs, segment, pipeline);
    return firsts.map((job) => ends[job]!);
  }
}
