import { InvariantError } from "../../core/index.ts";
import type { FleetJob } from "./fleet-job.ts";
import type { Decision, FleetEvent, JournalLine } from "./journal.ts";
import type { FleetView, Policy, Wish } from "./policy.ts";
import { type Resources, shortfallText } from "./resources.ts";
import type { SchedulerState } from "./scheduler-state.ts";

/** Jobs in the order of a policy. */
class Queue {
  readonly #compare: (a: FleetJob, b: FleetJob) => number;
  readonly jobs: FleetJob[] = [];

  constructor(compare: (a: FleetJob, b: FleetJob) => number) {
    this.#compare = compare;
  }

  add(job: FleetJob): void {
    this.jobs.splice(this.#placeOf(job), 0, job);
  }

  /** The job as it was added. */
  remove(job: FleetJob): void {
    this.jobs.splice(this.#find(job), 1);
  }

  /** A job as it was added, and as it is now. */
  replace(before: FleetJob, job: FleetJob): void {
    if (this.#compare(before, job) === 0) {
      this.jobs[this.#find(before)] = job;
      return;
    }
    this.remove(before);
    this.add(job);
  }

  #find(job: FleetJob): number {
    const place = this.#placeOf(job);
    // Others that are equal may stand before it.
    return this.jobs[place] === job ? place : this.jobs.indexOf(job);
  }

  /** The first place whose job does not come before it. */
  #placeOf(job: FleetJob): number {
    let [low, high] = [0, this.jobs.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#compare(this.jobs[middle]!, job) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/**
 * Jobs over time: takes what has happened and says what follows, by a policy. Pure but for its own state, which follows
 * from the triggers alone: the same triggers give the same decisions, in a simulator, an executor or a replay.
 */
export class Scheduler {
  readonly #policy: Policy;
  readonly #resources: Resources;
  #memory: unknown;
  readonly #jobs = new Map<number, FleetJob>();
  /** Jobs that a policy decides of; those that are held are in none of the two. */
  readonly #waiting: Queue;
  readonly #placed: Queue;
  /** Held jobs that a decision is due for: those on a pipeline, and those that are to end. */
  readonly #held = new Map<number, FleetJob>();
  /** Jobs that have just ended an iteration: they can leave at once. */
  readonly #between = new Set<number>();
  readonly #served = new Map<string, number>();
  #leaving = 0;
  #line = 0;
  #changes = 0;
  #nowNs = 0;

  /** `from`: the state of another one that it goes on from. */
  constructor(policy: Policy, resources: Resources, from?: SchedulerState) {
    this.#policy = policy;
    this.#resources = resources;
    this.#memory = policy.initial;
    this.#waiting = new Queue((a, b) => policy.compare(a, b));
    this.#placed = new Queue((a, b) => policy.compare(a, b));
    if (from !== undefined) this.#goOn(from);
  }

  #goOn({ policy, memory, nowNs, line, changes, jobs, held, between, served }: SchedulerState): void {
    if (policy === this.#policy.name) this.#memory = memory;
    this.#nowNs = nowNs;
    this.#line = line;
    this.#changes = changes;
    for (const [user, tokens] of Object.entries(served)) this.#served.set(user, tokens);
    for (const number of between) this.#between.add(number);
    const byNumber = new Map(jobs.map((job) => [job.number, job]));
    // JSON has no undefined.
    const put = (job: FleetJob): void => this.#put({ ...job, pipeline: job.pipeline, hold: job.hold });
    for (const number of held) {
      put(byNumber.get(number)!);
      byNumber.delete(number);
    }
    for (const job of byNumber.values()) put(job);
  }

  /** All that it knows, as JSON holds it. */
  state(): SchedulerState {
    return {
      policy: this.#policy.name,
      memory: this.#memory,
      nowNs: this.#nowNs,
      line: this.#line,
      changes: this.#changes,
      jobs: [...this.#jobs.values()],
      held: [...this.#held.keys()],
      between: [...this.#between],
      served: Object.fromEntries(this.#served),
    };
  }

  /** What it has to be told: see `Policy`. */
  get watches(): Policy["watches"] {
    return this.#policy.watches;
  }

  /** Jobs that have not ended. @throws InvariantError for one that is not there */
  job(number: number): FleetJob {
    const job = this.#jobs.get(number);
    if (job === undefined) throw new InvariantError({ expected: "a job that has not ended", got: number });
    return job;
  }

  /** @throws InvariantError for time that goes back, or events of jobs that are not there */
  trigger(atNs: number, events: readonly FleetEvent[]): JournalLine {
    if (atNs < this.#nowNs) throw new InvariantError({ expected: `a time from ${this.#nowNs} on`, got: atNs });
    this.#nowNs = atNs;
    this.#between.clear();
    for (const event of events) {
      this.#take(event);
      if (event.kind !== "progress") this.#changes += 1;
    }
    const decisions = this.#decide();
    this.#line += 1;
    return { line: this.#line, atNs, events, decisions };
  }

  #take(event: FleetEvent): void {
    const { number } = event;
    switch (event.kind) {
      case "arrived": {
        const { request, predicted } = event;
        const place = { standing: "waiting", done: 0, pipeline: undefined, hold: undefined } as const;
        this.#put({ ...request, number, predicted, ...place });
        return;
      }
      case "progress": {
        const { done, between } = event;
        const job = this.job(number);
        this.#served.set(job.user, this.#servedBy(job.user) + (done - job.done) * job.tokens);
        if (between) this.#between.add(number);
        this.#put({ ...job, done });
        return;
      }
      case "ended":
        this.#drop(this.job(number));
        return;
      case "stop": {
        const { by, why } = event;
        this.#put({ ...this.job(number), hold: { kind: "stop", by, why } });
        return;
      }
      case "pause":
      case "unpause": {
        const job = this.job(number);
        // One that is to end is not let go on.
        if (job.hold?.kind === "stop") return;
        this.#put({ ...job, hold: event.kind === "pause" ? { kind: "pause" } : undefined });
        return;
      }
      case "priority":
        this.#put({ ...this.job(number), priority: event.priority });
        return;
      case "predicted":
        this.#put({ ...this.job(number), predicted: event.predicted });
        return;
    }
  }

  #servedBy(user: string): number {
    return this.#served.get(user) ?? 0;
  }

  /** It has ended, in one way or another. */
  #drop(job: FleetJob): void {
    this.#jobs.delete(job.number);
    this.#countLeaving(job, undefined);
    this.#queueOf(job)?.remove(job);
    this.#held.delete(job.number);
    this.#between.delete(job.number);
  }

  #countLeaving(before: FleetJob | undefined, now: FleetJob | undefined): void {
    this.#leaving += Number(now?.standing === "leaving") - Number(before?.standing === "leaving");
  }

  #queueOf({ pipeline, hold }: FleetJob): Queue | undefined {
    if (hold !== undefined) return undefined;
    return pipeline === undefined ? this.#waiting : this.#placed;
  }

  /** A job as it is from now on. */
  #put(job: FleetJob): void {
    const before = this.#jobs.get(job.number);
    this.#countLeaving(before, job);
    const queue = this.#queueOf(job);
    const queueBefore = before === undefined ? undefined : this.#queueOf(before);
    if (queueBefore === queue) queue?.replace(before!, job);
    else {
      queueBefore?.remove(before!);
      queue?.add(job);
    }
    if (job.hold !== undefined && (job.pipeline !== undefined || job.hold.kind === "stop"))
      this.#held.set(job.number, job);
    else this.#held.delete(job.number);
    this.#jobs.set(job.number, job);
  }

  #decide(): readonly Decision[] {
    const decisions: Decision[] = [];
    const say = (kind: Decision["kind"], { number, name }: FleetJob, why: string, pipeline?: number): void => {
      decisions.push({ kind, number, name, ...(pipeline === undefined ? {} : { pipeline }), why });
    };
    for (const job of this.#held.values()) this.#letGo(job, say);
    // Whoever trains stays.
    if (this.#policy.watches === "changes" && this.#waiting.jobs.length === 0 && this.#leaving === 0) return decisions;
    const view: FleetView = {
      nowNs: this.#nowNs,
      waiting: this.#waiting.jobs,
      placed: [...this.#placed.jobs],
      resources: this.#resources,
      changes: this.#changes,
      served: (user) => this.#servedBy(user),
      state: () => this.state(),
    };
    const { wishes, refusals = [], memory } = this.#policy.decide(view, this.#memory);
    this.#memory = memory;
    for (const { job, why } of refusals) {
      this.#drop(job);
      say("refuse", job, why);
    }
    const { accepted, denied } = this.#admit(wishes);
    const wished = new Map(accepted.map((wish) => [wish.job.number, wish]));
    const newcomers = wishes.filter(({ job }) => job.pipeline === undefined);
    for (const job of view.placed) {
      if (wished.has(job.number)) {
        if (job.standing === "leaving") {
          this.#put({ ...job, standing: "running" });
          say("stay", job, wished.get(job.number)!.why(job), job.pipeline);
        }
        continue;
      }
      const first = newcomers.find(({ pipeline }) => pipeline === job.pipeline) ?? newcomers[0];
      const why =
        denied.get(job.number) ??
        (first === undefined ? "others go before it" : `for ${first.job.name}: ${first.why(first.job)}`);
      if (this.#between.has(job.number)) {
        this.#put({ ...job, standing: "preempted", pipeline: undefined });
        say("preempt", job, why, job.pipeline);
      } else if (job.standing !== "leaving") {
        this.#put({ ...job, standing: "leaving" });
        say("leave", job, why, job.pipeline);
      }
    }
    for (const { job, pipeline, why } of accepted) {
      if (job.pipeline !== undefined) continue;
      this.#put({ ...job, standing: "running", pipeline });
      say(job.done > 0 ? "resume" : "start", job, why(job), pipeline);
    }
    return decisions;
  }

  /** A job that is held leaves its pipeline; one that is to end has ended when it is on none. */
  #letGo(job: FleetJob, say: (kind: Decision["kind"], job: FleetJob, why: string, pipeline?: number) => void): void {
    const { hold, pipeline } = job;
    const isOff = pipeline === undefined || this.#between.has(job.number);
    const why = hold!.kind === "stop" ? hold!.why : "paused";
    if (!isOff) {
      if (job.standing === "leaving") return;
      this.#put({ ...job, standing: "leaving" });
      say("leave", job, why, pipeline);
    } else if (hold!.kind === "stop") {
      this.#drop(job);
      say("stop", job, why, pipeline);
    } else {
      this.#put({ ...job, standing: "preempted", pipeline: undefined });
      say("preempt", job, why, pipeline);
    }
  }

  /**
   * Of the wishes in turn those that have room now. Who is in the middle of an iteration holds its memory to the end of
   * it, wished for or not; on a pipeline where one that waits has no room for that reason, none goes past it.
   */
  #admit(wishes: readonly Wish[]): {
    readonly accepted: readonly Wish[];
    readonly denied: ReadonlyMap<number, string>;
  } {
    const held = Array.from({ length: this.#resources.numPipelines }, (): FleetJob[] => []);
    for (const job of this.#placed.jobs) if (!this.#between.has(job.number)) held[job.pipeline!]!.push(job);
    for (const job of this.#held.values()) held[job.pipeline!]!.push(job);
    const accepted: Wish[] = [];
    const denied = new Map<number, string>();
    const full = new Set<number>();
    for (const wish of wishes) {
      const { job, pipeline } = wish;
      const isNew = job.pipeline === undefined;
      if (!isNew && !this.#between.has(job.number)) {
        accepted.push(wish);
        continue;
      }
      if (isNew && full.has(pipeline)) continue;
      const shortfall = this.#resources.shortfall(pipeline, [...held[pipeline]!, job]);
      if (shortfall === undefined) {
        held[pipeline]!.push(job);
        accepted.push(wish);
      } else {
        full.add(pipeline);
        if (!isNew) denied.set(job.number, shortfallText(shortfall));
      }
    }
    return { accepted, denied };
  }
}
