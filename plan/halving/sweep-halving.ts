import {
  type HalvingEvent,
  type HalvingPlan,
  type HalvingState,
  type HalvingStep,
  halvingStep,
  type RungVerdict,
  settle,
  startHalving,
} from "./halving.ts";
import { type KnownLoss, nextAt, type PastVerdict, passedAt, restoredHalving } from "./restored-halving.ts";

/** Jobs of a sweep that are halved. */
export interface HalvedSweep {
  readonly name: string;
  /** Names of its jobs, in the order of the plan. */
  readonly jobs: readonly string[];
  readonly plan: HalvingPlan;
  /** Which of the losses of an iteration is compared. */
  readonly by: "training" | "evaluation";
}

/** What a job is to do, by its name. */
export interface SweepVerdict extends Omit<RungVerdict, "job"> {
  readonly sweep: string;
  readonly job: string;
}

/** What is known of sweeps whose fleet was cut off. */
export interface PastSweeps {
  /** Verdicts in the order in which they were given. */
  readonly verdicts: readonly (Omit<PastVerdict, "job"> & { readonly sweep: string; readonly job: string })[];
  /** Losses of a job that are still known, in order. */
  readonly losses: (job: string, by: HalvedSweep["by"]) => readonly KnownLoss[];
}

type Loss = Extract<HalvingEvent, { readonly kind: "loss" }>;

interface SweepState {
  readonly sweep: HalvedSweep;
  state: HalvingState;
  /** By job that was told to pause, losses of the iterations that it had begun by then. */
  readonly behind: Map<number, Loss[]>;
  /** What was lost at a rung, or behind it, without a verdict: the fleet was cut off in between. */
  untold: readonly Loss[];
}

/**
 * Successive halving of the sweeps of a workload, told the losses of jobs by their names. A job that is told to pause
 * trains to the end what it has begun; what it loses there counts when it goes on, so that every rung compares losses
 * after the same rows, however far ahead work is queued.
 */
export class SweepHalving {
  readonly #sweepOf = new Map<string, SweepState>();
  /** By job, up to which iteration its losses are known. */
  readonly #told = new Map<string, number>();

  constructor(sweeps: readonly HalvedSweep[], past?: PastSweeps) {
    for (const sweep of sweeps) {
      const own: SweepState = { sweep, state: startHalving(sweep.plan), behind: new Map(), untold: [] };
      for (const job of sweep.jobs) this.#sweepOf.set(job, own);
      if (past !== undefined) this.#goOn(own, past);
    }
  }

  #goOn(own: SweepState, { verdicts, losses }: PastSweeps): void {
    const { name, jobs, plan, by } = own.sweep;
    const ofSweep = verdicts.filter(({ sweep }) => sweep === name);
    const numbered = ofSweep.map(({ job, ...verdict }) => ({ ...verdict, job: jobs.indexOf(job) }));
    const known = jobs.map((job) => losses(job, by));
    own.state = restoredHalving(plan, numbered, (job) => known[job]!);
    own.untold = own.state.jobs.flatMap(({ rung, standing }, job) => {
      const later = known[job]!.filter(({ iteration }) => iteration >= nextAt(plan, job, rung));
      return standing === "training" ? later.map((loss): Loss => ({ kind: "loss", job, ...loss })) : [];
    });
    own.state.jobs.forEach(({ rung, standing }, job) => {
      const isPaused = standing === "paused";
      const passed = passedAt(plan, job, isPaused ? rung + 1 : rung);
      // What it lost up to there it may lose again, and is known.
      this.#told.set(jobs[job]!, Math.max(passed, known[job]!.at(-1)?.iteration ?? 0));
      const later = known[job]!.filter(({ iteration }) => iteration > passed);
      if (isPaused)
        own.behind.set(
          job,
          later.map((loss): Loss => ({ kind: "loss", job, ...loss })),
        );
    });
  }

  /** Verdicts that follow from what is known, and had not been written down when the fleet was cut off. */
  missed(): readonly SweepVerdict[] {
    return [...new Set(this.#sweepOf.values())].flatMap((own) => {
      const { untold } = own;
      own.untold = [];
      return [...this.#follow(own, ...untold), ...this.#settled(own)];
    });
  }

  /** Names of all jobs that are halved. */
  get jobs(): readonly string[] {
    return [...this.#sweepOf.keys()];
  }

  /** A loss of a job has become known; what follows for it and others. `iteration`: from 1. */
  lost(job: string, by: HalvedSweep["by"], iteration: number, loss: number): readonly SweepVerdict[] {
    const own = this.#sweepOf.get(job);
    if (own === undefined || own.sweep.by !== by) return [];
    // A fleet that was cut off makes iterations again.
    if (iteration <= (this.#told.get(job) ?? 0)) return [];
    this.#told.set(job, iteration);
    return this.#follow(own, { kind: "loss", job: own.sweep.jobs.indexOf(job), iteration, loss });
  }

  /** A job is over, or never comes. */
  gone(job: string): readonly SweepVerdict[] {
    const own = this.#sweepOf.get(job);
    return own === undefined ? [] : this.#follow(own, { kind: "gone", job: own.sweep.jobs.indexOf(job) });
  }

  #follow(own: SweepState, ...first: readonly HalvingEvent[]): readonly SweepVerdict[] {
    const { sweep, behind } = own;
    const verdicts: SweepVerdict[] = [];
    const events: HalvingEvent[] = [...first];
    for (let next = events.shift(); next !== undefined; next = events.shift()) {
      const later = next.kind === "loss" ? behind.get(next.job) : undefined;
      if (later !== undefined && next.kind === "loss") {
        later.push(next);
        continue;
      }
      const taken = this.#take(own, halvingStep(sweep.plan, own.state, next));
      verdicts.push(...taken.verdicts);
      events.push(...taken.events);
      if (next.kind === "gone") behind.delete(next.job);
    }
    return verdicts;
  }

  #settled(own: SweepState): readonly SweepVerdict[] {
    const { verdicts, events } = this.#take(own, settle(own.sweep.plan, own.state));
    return [...verdicts, ...this.#follow(own, ...events)];
  }

  /** A step, and what those lost meanwhile that go on by it. */
  #take(
    own: SweepState,
    { state, verdicts }: HalvingStep,
  ): { readonly verdicts: readonly SweepVerdict[]; readonly events: readonly HalvingEvent[] } {
    const { sweep, behind } = own;
    own.state = state;
    const events: HalvingEvent[] = [];
    for (const { kind, job, wasPaused } of verdicts) {
      if (kind === "pause") behind.set(job, []);
      else if (wasPaused) {
        if (kind === "go-on") events.push(...(behind.get(job) ?? []));
        behind.delete(job);
      }
    }
    const named = verdicts.map(({ job, ...verdict }: RungVerdict) => ({
      ...{ ...verdict, sweep: sweep.name, job: sweep.jobs[job]! },
    }));
    return { verdicts: named, events };
  }
}
