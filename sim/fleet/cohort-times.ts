import { InvariantError, maximum, sum } from "../../core/index.ts";
import {
  balancedGroups,
  type CostModel,
  type FleetJob,
  type FleetWork,
  GrowingPlan,
  ownRows,
  type Packing,
  type PackingProblem,
  type PlannedRow,
  packMiniBatch,
  type Segment,
  type Setting,
  type Sharing,
  type Spent,
  spentOn,
  UPDATE,
} from "../../plan/index.ts";
import { runPlan } from "../run/run-plan.ts";
import { alikePipelines, settingOfPipeline } from "./alike-pipelines.ts";
import type { FleetTimes } from "./fleet-times.ts";
import { type IterationBound, iterationBound, tokenBoundNs } from "./iteration-bounds.ts";
import { type ExampleWork, KindsOfWork } from "./kinds-of-work.ts";
import { sharedPace } from "./shared-pace.ts";

/** Steps of each job in the run that says about how long they take, and of the slowest one in the run that is measured. */
const FIRST_STEPS = 3;
const MEASURED_STEPS = 10;
/** Of one that is much faster than the others. */
const MOST_STEPS = 200;

export type Pack = (problem: PackingProblem) => Packing;

/** How times of jobs that train together are found. */
export interface CohortOptions {
  /**
   * Jobs that train together share micro-batches that it packs, where that is faster; absent: they do not.
   */
  readonly pack?: Pack | undefined;
  /**
   * `simulated`, or in no time about as long, and never longer: as the bounds of each job let them share a pipeline.
   */
  readonly pace?: "simulated" | "bounds" | undefined;
}

/** Kinds of jobs that train together, with the rows of a step: by part, for the numbers that the jobs have in a plan. */
interface Group {
  readonly kinds: readonly number[];
  readonly rowsOf: (step: number, own: readonly number[]) => readonly (readonly PlannedRow[])[];
  /** What is evaluated after each step; nothing where absent. */
  readonly evaluationOf?: (own: readonly number[]) => readonly (readonly PlannedRow[])[];
}

/** How long an iteration of each of some jobs takes, and whether they share micro-batches. */
interface Cohort {
  readonly periods: readonly number[];
  readonly isShared: boolean;
}

/** The ends of each job's optimizer steps on the first stage. */
function stepEnds(setting: Setting, costs: CostModel, segment: Segment): readonly number[][] {
  const { jobs, groups, microBatches, actions } = segment;
  const run = runPlan({ ...setting, jobs, groups, microBatches, actions, predicted: null }, costs);
  const { letters, microBatches: numbers, endNs } = run.devices[0]!.compute;
  const ends = jobs.map((): number[] => []);
  for (let at = 0; at < endNs.length; at += 1) {
    if (letters[at] !== UPDATE) continue;
    for (const { job } of groups[microBatches[numbers[at]!]!.group]!.members) ends[job]!.push(endNs[at]!);
  }
  return ends;
}

/** Places in the order of their values, which are few. */
function ascending(values: readonly number[]): readonly number[] {
  return values.map((_, place) => place).sort((a, b) => values[a]! - values[b]! || a - b);
}

/** Jobs at once, at most, whose evaluations are simulated. */
const MOST_EVALUATED = 8;

/**
 * How long iterations take while the same jobs train on a pipeline: of a short simulation of all their actions, where
 * none has just begun or is about to end; remembered by the jobs and the pipeline, as far as they are alike.
 */
export class CohortTimes implements FleetTimes {
  readonly #costs: CostModel;
  /** By pipeline, the place of one that is alike, as the only one of a setting. */
  readonly #alike: readonly number[];
  readonly #settings: readonly Setting[];
  readonly #kinds: KindsOfWork;
  readonly #pack: Pack | undefined;
  readonly #pace: NonNullable<CohortOptions["pace"]>;
  readonly #known = new Map<string, Cohort>();
  readonly #bounds = new Map<string, IterationBound>();
  readonly #tokens: (readonly number[])[] = [];
  readonly #spent = new Map<string, Spent>();
  /** By kind. */
  readonly #anywhere = new Map<number, IterationBound>();

  /** `works`: by the jobs' numbers; more may come. */
  constructor(
    setting: Setting,
    costs: CostModel,
    works: readonly FleetWork[],
    { pack, pace = "simulated" }: CohortOptions = {},
  ) {
    this.#pack = pack;
    this.#pace = pace;
    this.#costs = costs;
    const { kinds: alike, examples: pipelines } = alikePipelines(setting);
    this.#alike = alike;
    this.#settings = pipelines.map((pipeline) => settingOfPipeline(setting, pipeline));
    this.#kinds = new KindsOfWork(works, () => {
      for (const cache of [this.#known, this.#bounds, this.#anywhere, this.#spent]) cache.clear();
    });
  }

  /** Different sets of jobs that were simulated. */
  get numCohorts(): number {
    return this.#known.size;
  }

  /** What an iteration of a job takes at least on a pipeline. */
  boundOf(pipeline: number, job: number): IterationBound {
    return this.#boundOf(this.#alike[pipeline]!, this.#kinds.of(job));
  }

  /** For how long devices work on an iteration of a job in micro-batches of its own. */
  readonly spentOf = (pipeline: number, job: number): Spent => {
    const [alike, kind] = [this.#alike[pipeline]!, this.#kinds.of(job)];
    const key = `${alike} ${kind}`;
    const setting = this.#settings[alike]!;
    const known =
      this.#spent.get(key) ??
      spentOn(
        setting.devices,
        iterationBound(setting, this.#costs, 0, this.#kinds.example(kind), this.#shareOf(kind)).stagesNs,
      );
    this.#spent.set(key, known);
    return known;
  };

  /** `evaluated`: the share of its steps that it is evaluated after, where it is not its own. */
  #boundOf(alike: number, kind: number, evaluated = this.#shareOf(kind)): IterationBound {
    const key = `${alike} ${kind} ${evaluated}`;
    const [setting, example] = [this.#settings[alike]!, this.#kinds.example(kind)];
    let bound = this.#bounds.get(key);
    if (bound === undefined) {
      const tokensNs = this.#pack && this.#tokensNs(alike, example);
      bound = iterationBound(setting, this.#costs, 0, example, evaluated, tokensNs);
      this.#bounds.set(key, bound);
    }
    return bound;
  }

  /** What a token takes at least where jobs share micro-batches. */
  #tokensNs(alike: number, example: ExampleWork): readonly number[] {
    this.#tokens[alike] ??= tokenBoundNs(this.#settings[alike]!, this.#costs, 0, example);
    return this.#tokens[alike];
  }

  /** And on whichever pipeline: with the stages by their place in it, the last ones again where it has fewer. */
  boundAnywhere(job: number): IterationBound {
    const kind = this.#kinds.of(job);
    const known = this.#anywhere.get(kind);
    if (known !== undefined) return known;
    const bounds = this.#settings.map((_, alike) => this.#boundOf(alike, kind));
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

  iterationNs(pipeline: number, jobs: readonly Pick<FleetJob, "number">[]): readonly number[] {
    const { order, cohort } = this.#cohortOf(
      pipeline,
      jobs.map(({ number }) => number),
    );
    const result = jobs.map(() => 0);
    order.forEach((place, i) => {
      result[place] = cohort.periods[i]!;
    });
    return result;
  }

  /** How jobs share micro-batches, for a plan; undefined where each has its own. */
  get sharing(): Sharing | undefined {
    const pack = this.#pack;
    return pack && { pack, groupsOf: (pipeline, jobs) => this.#groupsOf(pipeline, jobs) };
  }

  #groupsOf(pipeline: number, jobs: readonly number[]): readonly (readonly number[])[] | undefined {
    if (jobs.length === 0) return [];
    const { order, kinds, cohort } = this.#cohortOf(pipeline, jobs);
    if (!cohort.isShared) return undefined;
    const groups = this.#balanced(this.#alike[pipeline]!, kinds);
    return groups.map((places) => places.map((place) => jobs[order[place]!]!));
  }

  /** Jobs in an order of kinds, so that equal cohorts are one. */
  #cohortOf(pipeline: number, jobs: readonly number[]) {
    const all = jobs.map((number) => this.#kinds.of(number));
    const order = ascending(all);
    const kinds = order.map((place) => all[place]!);
    const alike = this.#alike[pipeline]!;
    const key = `${alike}: ${kinds.join()}`;
    const cohort = this.#known.get(key) ?? this.#fastest(alike, kinds);
    this.#known.set(key, cohort);
    return { order, kinds, cohort };
  }

  /** A short run is of some steps, and what of them lies in it: no iteration is faster, and no stage busier, than can be. */
  #withinBounds(
    alike: number,
    kinds: readonly number[],
    measured: readonly number[],
    evaluated: (kind: number) => number,
  ): readonly number[] {
    const bounds = kinds.map((kind) => this.#boundOf(alike, kind, evaluated(kind)));
    const periods = measured.map((ns, i) => Math.max(ns, bounds[i]!.leastNs));
    const busy = bounds[0]!.stagesNs.map((_, at) => sum(bounds.map(({ stagesNs }, i) => stagesNs[at]! / periods[i]!)));
    const over = Math.max(1, maximum(busy));
    return periods.map((ns) => over * ns);
  }

  /** Each job in a group of its own, as it is planned; those of one kind are evaluated after every step, or nobody is. */
  #alone(alike: number, kinds: readonly number[], evaluated?: number): readonly number[] {
    if (this.#pace === "bounds")
      return sharedPace(
        kinds.map((kind) => {
          const { leastNs, stagesNs } = this.#boundOf(alike, kind, kind === evaluated ? 1 : 0);
          return { aloneNs: leastNs, loadNs: maximum(stagesNs) };
        }),
      );
    const measured = this.#measure(
      alike,
      kinds.map((kind) => ({
        kinds: [kind],
        rowsOf: (step, [own]) => this.#rows(kind, step, own!),
        ...(kind === evaluated
          ? { evaluationOf: ([own]: readonly number[]) => ownRows(this.#kinds.example(kind).evaluated!.parts, own!) }
          : {}),
      })),
    );
    return this.#withinBounds(alike, kinds, measured.flat(), (kind) => (kind === evaluated ? 1 : 0));
  }

  /**
   * What evaluations add to an iteration of each job on average: of each kind, what they add where it is evaluated after
   * every step, as often as it is.
   */
  #evaluationsNs(alike: number, kinds: readonly number[], alone: readonly number[]): readonly number[] {
    if (kinds.length > MOST_EVALUATED) return this.#evaluationLoads(alike, kinds);
    let added: readonly number[] = kinds.map(() => 0);
    for (const kind of new Set(kinds)) {
      const share = this.#shareOf(kind);
      if (share === 0) continue;
      const always = this.#alone(alike, kinds, kind);
      added = added.map((ns, i) => ns + share * (always[i]! - alone[i]!));
    }
    return added;
  }

  /** So many jobs keep their pipeline busy: what one is evaluated on the busiest stage makes all of them wait. */
  #evaluationLoads(alike: number, kinds: readonly number[]): readonly number[] {
    const loads = kinds.map((kind) => this.#boundOf(alike, kind, 0).stagesNs);
    const stages = loads[0]!.map((_, at) => sum(loads.map((own) => own[at]!)));
    const busiest = stages.indexOf(maximum(stages));
    const added = kinds.map((kind, i) => {
      const share = this.#shareOf(kind);
      return share === 0 ? 0 : share * (this.#boundOf(alike, kind, 1).stagesNs[busiest]! - loads[i]![busiest]!);
    });
    const all = sum(added);
    return kinds.map(() => all);
  }

  #shareOf(kind: number): number {
    return this.#kinds.example(kind).evaluated?.share ?? 0;
  }

  /** As many groups as there are stages, or more where micro-batches have too many jobs: places of jobs that share them. */
  #balanced(alike: number, kinds: readonly number[]): readonly (readonly number[])[] {
    const { firstStage, endStage, room } = this.#settings[alike]!.pipelines[0]!;
    const tokens = kinds.map((kind) => this.#tokensOf(kind));
    return balancedGroups(tokens, endStage - firstStage, room.maxJobs);
  }

  /** In groups whose jobs share micro-batches. */
  #shared(alike: number, kinds: readonly number[], pack: Pack): readonly number[] {
    const { room } = this.#settings[alike]!.pipelines[0]!;
    const groups = this.#balanced(alike, kinds);
    const measured = this.#measure(
      alike,
      groups.map((places) => ({
        kinds: places.map((place) => kinds[place]!),
        rowsOf: (step, own) => {
          const members = places.map((place, i) => {
            const rows = this.#rows(kinds[place]!, step, own[i]!).flat();
            return { job: own[i]!, rows };
          });
          return packMiniBatch({ members, capacity: room.maxTokens }, pack);
        },
      })),
    );
    const periods = kinds.map(() => 0);
    groups.forEach((places, group) => {
      places.forEach((place, i) => {
        periods[place] = measured[group]![i]!;
      });
    });
    return this.#withinBounds(alike, kinds, periods, () => 0);
  }

  /** The way in which more tokens are trained a second. */
  #fastest(alike: number, kinds: readonly number[]): Cohort {
    const alone = this.#alone(alike, kinds);
    const evaluationsNs = this.#evaluationsNs(alike, kinds, alone);
    const evaluated = (periods: readonly number[]): readonly number[] => periods.map((ns, i) => ns + evaluationsNs[i]!);
    if (this.#pack === undefined) return { periods: evaluated(alone), isShared: false };
    const shared = this.#shared(alike, kinds, this.#pack);
    const rate = (periods: readonly number[]): number =>
      sum(kinds.map((kind, i) => this.#tokensOf(kind) / periods[i]!));
    const isShared = rate(shared) > rate(alone);
    return { periods: evaluated(isShared ? shared : alone), isShared };
  }

  /** Of an iteration, on average. */
  #tokensOf(kind: number): number {
    const { steps } = this.#kinds.example(kind);
    return sum(steps.flat(2).map(([, , tokens]) => tokens)) / steps.length;
  }

  #rows(kind: number, step: number, own: number): readonly (readonly PlannedRow[])[] {
    const { steps } = this.#kinds.example(kind);
    return ownRows(steps[step % steps.length]!, own);
  }

  /** By group, nanoseconds of an iteration of each of its jobs. */
  #measure(alike: number, groups: readonly Group[]): readonly (readonly number[])[] {
    const first = this.#run(
      alike,
      groups,
      groups.map(() => FIRST_STEPS),
    );
    const rough = first.map((ends) => ends.at(-1)! / ends.length);
    const slowest = maximum(rough);
    const counts = rough.map((ns) => Math.min(MOST_STEPS, Math.ceil((MEASURED_STEPS * slowest) / ns)));
    const ends = this.#run(alike, groups, counts);
    // From when all have trained a step until the first one has trained its last.
    const fromNs = maximum(ends.map((own) => own[0]!));
    const untilNs = Math.min(...ends.map((own) => own.at(-1)!));
    return ends.map((own, i) => {
      const within = own.filter((ns) => ns >= fromNs && ns <= untilNs);
      const ns = within.length < 2 ? rough[i]! : (within.at(-1)! - within[0]!) / (within.length - 1);
      return groups[i]!.kinds.map(() => ns);
    });
  }

  /** Trains so many steps of each group, all from the start, and gives their ends. */
  #run(alike: number, groups: readonly Group[], counts: readonly number[]): readonly (readonly number[])[] {
    const setting = this.#settings[alike]!;
    const growing = new GrowingPlan(setting, this.#costs);
    const firsts: number[] = [];
    groups.forEach(({ kinds, rowsOf, evaluationOf }, i) => {
      const count = counts[i]!;
      const own = kinds.map((kind) => growing.addJob({ ...this.#kinds.example(kind).job, steps: count }));
      firsts.push(own[0]!);
      const steps = Array.from({ length: count }, (_, step) => rowsOf(step, own));
      growing.admit({
        group: { pipeline: 0, members: own.map((job) => ({ job, firstStep: 0, endStep: count })) },
        steps,
        ...(evaluationOf === undefined ? {} : { evaluations: steps.map(() => evaluationOf(own)) }),
      });
    });
    const segment = growing.advance(0, Number.POSITIVE_INFINITY);
    if (segment === undefined) throw new InvariantError({ expected: "work to simulate", got: counts });
    const ends = stepEnds(setting, this.#costs, segment);
    return firsts.map((job) => ends[job]!);
  }
}
