import { firstPlace } from "./first-place.ts";
import type { FleetJob } from "./fleet-job.ts";
import type { Misfits, Places } from "./places.ts";
import type { FleetView, Moves, Wish } from "./policy.ts";
import type { Turns } from "./turns.ts";

type Compare = (a: FleetJob, b: FleetJob) => number;

/**
 * `takeInTurn` of the jobs that wait and those that train, for jobs that always need the same: whoever trains has room
 * among those that it trains with, unless somebody joins them. So only pipelines that somebody joins are looked at.
 */
class SteadyTurns {
  readonly #view: FleetView;
  readonly #places: Places;
  readonly #compare: Compare;
  readonly #looksPast: number;
  /** Jobs that have taken their place so far, by pipeline. */
  readonly #counts: number[];
  /** The same as jobs, of pipelines that somebody joins. */
  readonly #taken: (FleetJob[] | undefined)[];
  readonly #misfits = new Set<string>();
  #past = 0;
  /** Of those that train, the place of the next one whose turn it is; nobody has had one yet. */
  #next = 0;
  #isFirst = true;
  readonly joined: { readonly job: FleetJob; readonly pipeline: number }[] = [];
  readonly leaves: FleetJob[] = [];

  constructor(view: FleetView, places: Places, compare: Compare, looksPast: number) {
    this.#view = view;
    this.#places = places;
    this.#compare = compare;
    this.#looksPast = looksPast;
    const { numPipelines } = view.resources;
    this.#counts = new Array<number>(numPipelines).fill(0);
    this.#taken = new Array<FleetJob[] | undefined>(numPipelines).fill(undefined);
  }

  run(): void {
    const { placed } = this.#view;
    let isSettled = false;
    let hasTurns = this.#places.waiting.every((job) => {
      if (this.#isFirst) this.#startBehind(job);
      if (!this.#stayUntil(job) || !this.#takes(job)) return false;
      // Whoever else waits finds no place either, and nobody is left to give way for it.
      isSettled = this.#next === placed.length && this.#misfits.size === this.#places.numWaitingKinds;
      return !isSettled;
    });
    if (isSettled || this.#isFirst) return;
    hasTurns &&= this.#stayUntil(undefined);
    // Nobody else has a turn.
    if (!hasTurns) this.leaves.push(...placed.slice(this.#next));
  }

  /** Those that train and come before a job keep their places, or leave them; whether there is another turn. */
  #stayUntil(job: FleetJob | undefined): boolean {
    const { placed } = this.#view;
    while (this.#next < placed.length) {
      const each = placed[this.#next]!;
      if (job !== undefined && this.#compare(each, job) > 0) return true;
      this.#next += 1;
      if (!this.#stays(each)) return false;
    }
    return true;
  }

  /** Whoever trains and comes before the first that waits stays. */
  #startBehind(first: FleetJob): void {
    const { placed } = this.#view;
    this.#isFirst = false;
    this.#next = firstPlace(placed.length, (place) => this.#compare(placed[place]!, first) > 0);
    for (let pipeline = 0; pipeline < this.#counts.length; pipeline += 1)
      this.#counts[pipeline] = this.#places.on(pipeline).length;
    for (let place = this.#next; place < placed.length; place += 1) this.#counts[placed[place]!.pipeline!]! -= 1;
  }

  /** A job that trains keeps its place, or leaves it; whether there is another turn. */
  #stays(job: FleetJob): boolean {
    const pipeline = job.pipeline!;
    const taken = this.#taken[pipeline];
    if (taken !== undefined && !this.#fits(pipeline, taken, job)) {
      this.leaves.push(job);
      return this.#passes();
    }
    taken?.push(job);
    this.#counts[pipeline]! += 1;
    return true;
  }

  /** A job that waits takes a place, where there is one; whether there is another turn. */
  #takes(job: FleetJob): boolean {
    const kind = this.#view.resources.kindOf(job);
    if (this.#misfits.has(kind)) return this.#passes();
    const found = this.#emptiestWithRoom(job, kind);
    if (found === undefined) {
      this.#misfits.add(kind);
      return this.#passes();
    }
    const { pipeline, taken } = found;
    taken.push(job);
    this.#taken[pipeline] = taken;
    this.#counts[pipeline]! += 1;
    this.joined.push({ job, pipeline });
    return true;
  }

  /** The first one of those with the fewest jobs so far, and these. */
  #emptiestWithRoom(job: FleetJob, kind: string): { pipeline: number; taken: FleetJob[] } | undefined {
    const misfits = this.#places.misfits(kind);
    let best: { pipeline: number; taken: FleetJob[] } | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (let pipeline = 0; pipeline < this.#counts.length; pipeline += 1) {
      const count = this.#counts[pipeline]!;
      if (count >= least) continue;
      const taken = this.#takenBefore(pipeline, job, misfits);
      if (taken === undefined) continue;
      best = { pipeline, taken };
      least = count;
    }
    return best;
  }

  /** Who has a place on a pipeline so far, if there is room for a job beside them. */
  #takenBefore(pipeline: number, job: FleetJob, misfits: Misfits): FleetJob[] | undefined {
    const joined = this.#taken[pipeline];
    if (joined !== undefined) return this.#fits(pipeline, joined, job) ? joined : undefined;
    const count = this.#counts[pipeline]!;
    if (misfits.has(pipeline, count)) return undefined;
    const taken = this.#places.on(pipeline).slice(0, count);
    if (this.#fits(pipeline, taken, job)) return taken;
    misfits.add(pipeline, count);
    return undefined;
  }

  #fits(pipeline: number, taken: FleetJob[], job: FleetJob): boolean {
    taken.push(job);
    const isShort = this.#view.resources.shortfall(pipeline, taken) !== undefined;
    taken.pop();
    return !isShort;
  }

  #passes(): boolean {
    this.#past += 1;
    return this.#past <= this.#looksPast;
  }
}

/** What `takeInTurn` says of the jobs that wait and those that train, as who joins and who leaves. */
export function movesInTurn(view: FleetView, places: Places, compare: Compare, { looksPast, why }: Turns): Moves {
  const turns = new SteadyTurns(view, places, compare, looksPast);
  turns.run();
  return { joins: turns.joined.map((each): Wish => ({ ...each, why })), leaves: turns.leaves, why };
}

/** All wishes that some moves come to, in the order of the turns. */
export function wishesOf({ placed }: FleetView, compare: Compare, { joins, leaves, why }: Moves): readonly Wish[] {
  const left = new Set(leaves);
  const wishes: Wish[] = [];
  let next = 0;
  const stayUntil = (job: FleetJob | undefined): void => {
    for (; next < placed.length && (job === undefined || compare(placed[next]!, job) <= 0); next += 1) {
      const each = placed[next]!;
      if (!left.has(each)) wishes.push({ job: each, pipeline: each.pipeline!, why });
    }
  };
  for (const wish of joins) {
    stayUntil(wish.job);
    wishes.push(wish);
  }
  stayUntil(undefined);
  return wishes;
}
