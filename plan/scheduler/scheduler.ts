import { InvariantError, maximum } from "../../core/index.ts";
import { type Admission, admitMoves, admitWishes, type OnPipelines } from "./admission.ts";
import type { FleetJob } from "./fleet-job.ts";
import { JobQueue } from "./job-queue.ts";
import type { Decision, FleetEvent, JournalLine } from "./journal.ts";
import { type GrownJob, outgrownJobs, tooLarge } from "./outgrown.ts";
import { PlacedJobs } from "./places.ts";
import type { Choice, FleetView, Policy } from "./policy.ts";
import type { Resources } from "./resources.ts";
import { resourcesAt, type SchedulerState } from "./scheduler-state.ts";

type Say = (kind: Decision["kind"], job: FleetJob, why: string, pipeline?: number) => void;

/**
 * Jobs over time: takes what has happened and says what follows, by a policy. Pure but for its own state, which follows
 * from the triggers alone: the same triggers give the same decisions, in a simulator, an executor or a replay.
 */
export class Scheduler {
  readonly #policy: Policy;
  /** As they are known by what was measured. */
  #resources: Resources;
  /** Whether what jobs need never changes. */
  readonly #isFixed: boolean;
  #memory: unknown;
  readonly #jobs = new Map<number, FleetJob>();
  /** Jobs that a policy decides of; those that are held are in none of the two. */
  readonly #waiting: JobQueue;
  readonly #placed: JobQueue;
  readonly #places: PlacedJobs;
  #kept: { -readonly [Key in keyof FleetView]: FleetView[Key] } | undefined;
  /** Held jobs that a decision is due for: those on a pipeline, and those that are to end. */
  readonly #held = new Map<number, FleetJob>();
  /** Jobs that have just ended an iteration: they can leave at once. */
  readonly #between = new Set<number>();
  /** Jobs that were seen to take more than was kept for them, and may have to go. */
  readonly #grown = new Map<number, number>();
  readonly #served = new Map<string, number>();
  #leaving = 0;
  #line = 0;
  #changes = 0;
  #nowNs = 0;

  /** `from`: the state of another one that it goes on from. */
  constructor(policy: Policy, resources: Resources, from?: SchedulerState) {
    this.#policy = policy;
    this.#resources = from === undefined ? resources : resourcesAt(resources, from);
    this.#isFixed = resources.isSteady && resources.learning === undefined;
    this.#memory = policy.initial;
    this.#waiting = new JobQueue((a, b) => policy.compare(a, b));
    this.#placed = new JobQueue((a, b) => policy.compare(a, b));
    this.#places = new PlacedJobs(resources.numPipelines, {
      waiting: this.#waiting,
      compare: (a, b) => policy.compare(a, b),
      kindOf: (job) => resources.kindOf(job),
    });
    if (from !== undefined) this.#goOn(from);
  }

  #goOn({ policy, memory, nowNs, line, changes, jobs, held, between, grown, served }: SchedulerState): void {
    if (policy === this.#policy.name) this.#memory = memory;
    this.#nowNs = nowNs;
    this.#line = line;
    this.#changes = changes;
    for (const [user, tokens] of Object.entries(served)) this.#served.set(user, tokens);
    for (const number of between) this.#between.add(number);
    for (const [number, bytes] of grown) this.#grown.set(number, bytes);
    const byNumber = new Map(jobs.map((job) => [job.number, job]));
    // JSON has no undefined.
    const put = (job: FleetJob): void => this.#put({ ...job, pipeline: job.pipeline, hold: job.hold });
    for (const number of held) {
      put(byNumber.get(number)!);
      byNumber.delete(number);
    }
    for (const job of byNumber.values()) put(job);
  }

  /** The machines as they are known now. */
  get resources(): Resources {
    return this.#resources;
  }

  /** All that it knows of jobs, as JSON holds it. */
  state(): SchedulerState {
    const fits = this.#resources.learning?.fits;
    return {
      ...(fits === undefined ? {} : { fits }),
      policy: this.#policy.name,
      memory: this.#memory,
      nowNs: this.#nowNs,
      line: this.#line,
      changes: this.#changes,
      jobs: [...this.#jobs.values()],
      held: [...this.#held.keys()],
      between: [...this.#between],
      grown: [...this.#grown],
      served: Object.fromEntries(this.#served),
    };
  }

  /** Jobs that are to train, the soonest first: those on pipelines, then those that wait, as the policy has them. */
  *coming(): Generator<number> {
    for (const { number } of this.#placed) yield number;
    for (const { number } of this.#waiting) yield number;
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
    const before = this.#changes;
    for (const event of events) {
      this.#take(event);
      if (event.kind !== "progress") this.#changes += 1;
    }
    const decisions = this.#decide(this.#changes > before);
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
      case "restored": {
        const { request, predicted, done } = event;
        const standing = done > 0 ? "preempted" : "waiting";
        // What was thought of those that trained is void.
        this.#memory = this.#policy.initial;
        this.#grown.delete(number);
        this.#put({ ...request, number, predicted, done, standing, pipeline: undefined, hold: undefined });
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
        const why = event.why === undefined ? {} : { why: event.why };
        this.#put({ ...job, hold: event.kind === "pause" ? { kind: "pause", ...why } : undefined });
        return;
      }
      case "priority":
        this.#put({ ...this.job(number), priority: event.priority });
        return;
      case "measured":
        this.#measure(this.job(number), event.bytes);
        return;
      case "predicted":
        this.#put({ ...this.job(number), predicted: event.predicted });
        return;
    }
  }

  #measure(job: FleetJob, bytes: readonly number[]): void {
    const { number, pipeline, reserved, measured } = job;
    if (pipeline === undefined) throw new InvariantError({ expected: "a job that trains", got: number });
    this.#resources = this.#resources.learning?.learn(job, bytes) ?? this.#resources;
    const known = measured?.pipeline === pipeline ? measured.bytes : [];
    const most = bytes.map((each, stage) => Math.max(each, known[stage] ?? 0));
    const growth = maximum(most.map((each, stage) => each - (reserved?.[stage] ?? each)));
    if (growth > 0) this.#grown.set(number, growth);
    this.#put({ ...job, measured: { pipeline, bytes: most }, reserved: reserved && most });
  }

  /** Jobs that turned out so large that those on their pipelines have no room, with the reason. */
  #outgrown(): ReadonlyMap<number, string> {
    const grown = [...this.#grown].map(([number, bytes]): GrownJob => ({ job: this.job(number), bytes }));
    if (grown.length === 0) return new Map();
    const outgrown = outgrownJobs(grown, [...this.#placed, ...this.#held.values()], this.#resources);
    for (const { job } of grown) if (!outgrown.has(job.number)) this.#grown.delete(job.number);
    return outgrown;
  }

  #servedBy(user: string): number {
    return this.#served.get(user) ?? 0;
  }

  /** It has ended, in one way or another. */
  #drop(job: FleetJob): void {
    this.#jobs.delete(job.number);
    this.#countLeaving(job, undefined);
    this.#queueOf(job)?.remove(job);
    this.#place(job, undefined);
    this.#held.delete(job.number);
    this.#between.delete(job.number);
    this.#grown.delete(job.number);
  }

  #countLeaving(before: FleetJob | undefined, now: FleetJob | undefined): void {
    this.#leaving += Number(now?.standing === "leaving") - Number(before?.standing === "leaving");
  }

  #queueOf({ pipeline, hold }: FleetJob): JobQueue | undefined {
    if (hold !== undefined) return undefined;
    return pipeline === undefined ? this.#waiting : this.#placed;
  }

  /** Tells the places of a job as it was, and as it is. */
  #place(before: FleetJob | undefined, now: FleetJob | undefined): void {
    if (!this.#isFixed) return;
    const [from, to] = [before && this.#queueOf(before), now && this.#queueOf(now)];
    if (from === to) {
      if (to === this.#placed) this.#places.replace(before!, now!);
      return;
    }
    if (from === this.#waiting) this.#places.wait(before!, -1);
    else if (from === this.#placed) this.#places.remove(before!);
    if (to === this.#waiting) this.#places.wait(now!, 1);
    else if (to === this.#placed) this.#places.add(now!);
  }

  /** A job as it is from now on. */
  #put(job: FleetJob): void {
    const before = this.#jobs.get(job.number);
    this.#countLeaving(before, job);
    const queue = this.#queueOf(job);
    const queueBefore = before === undefined ? undefined : this.#queueOf(before);
    if (queueBefore === queue) {
      queue?.replace(before!, job);
    } else {
      queueBefore?.remove(before!);
      queue?.add(job);
    }
    this.#place(before, job);
    if (job.hold !== undefined && (job.pipeline !== undefined || job.hold.kind === "stop"))
      this.#held.set(job.number, job);
    else this.#held.delete(job.number);
    this.#jobs.set(job.number, job);
  }

  #decide(isChanged: boolean): readonly Decision[] {
    const decisions: Decision[] = [];
    const say: Say = (kind, { number, name }, why, pipeline) => {
      decisions.push({ kind, number, name, ...(pipeline === undefined ? {} : { pipeline }), why });
    };
    for (const job of this.#held.values()) this.#letGo(job, say);
    if (isChanged && this.#resources.learning !== undefined) this.#refuseTooLarge(say);
    const outgrown = this.#outgrown();
    // Whoever trains stays.
    const isQuiet = this.#waiting.size === 0 && this.#leaving === 0 && outgrown.size === 0;
    if (this.#policy.watches === "changes" && isQuiet) return decisions;
    const placed = this.#placed.toArray();
    const view = this.#view(placed, outgrown);
    const choice = this.#policy.decide(view, this.#memory);
    this.#memory = choice.memory;
    for (const { job, why } of choice.refusals ?? []) {
      this.#drop(job);
      say("refuse", job, why);
    }
    const newcomers = (choice.moves?.joins ?? choice.wishes).filter(({ job }) => job.pipeline === undefined);
    const { begins, concerned, stays, denied } = this.#admit(choice, placed, outgrown);
    for (const job of concerned) {
      const stayWhy = stays(job);
      if (stayWhy !== undefined) {
        if (job.standing === "leaving") {
          this.#put({ ...job, standing: "running" });
          say("stay", job, stayWhy(job), job.pipeline);
        }
        continue;
      }
      const first = newcomers.find(({ pipeline }) => pipeline === job.pipeline) ?? newcomers[0];
      const why =
        outgrown.get(job.number) ??
        denied.get(job.number) ??
        (first === undefined ? "others go before it" : `for ${first.job.name}: ${first.why(first.job)}`);
      if (this.#between.has(job.number)) {
        this.#preempt(job);
        say("preempt", job, why, job.pipeline);
        if (outgrown.has(job.number)) this.#refuseTooLarge(say);
      } else if (job.standing !== "leaving") {
        this.#put({ ...job, standing: "leaving" });
        say("leave", job, why, job.pipeline);
      }
    }
    for (const { job, pipeline, why } of begins) {
      const reserved = this.#resources.learning?.reserve(pipeline, job);
      this.#put({ ...job, standing: "running", pipeline, reserved });
      say(job.done > 0 ? "resume" : "start", job, why(job), pipeline);
    }
    return decisions;
  }

  /** What the policy decides by: one that is kept, since it is asked at every trigger. */
  #view(placed: readonly FleetJob[], outgrown: ReadonlyMap<number, string>): FleetView {
    const waiting = this.#waiting;
    this.#kept ??= {
      nowNs: 0,
      // A list of all of them only where a policy asks for it.
      get waiting() {
        return waiting.toArray();
      },
      placed: [],
      resources: this.#resources,
      places: this.#isFixed ? this.#places : undefined,
      changes: 0,
      served: (user) => this.#servedBy(user),
      state: () => this.state(),
    };
    this.#places.view = this.#kept;
    this.#kept.nowNs = this.#nowNs;
    this.#kept.placed = outgrown.size === 0 ? placed : placed.filter(({ number }) => !outgrown.has(number));
    this.#kept.resources = this.#resources;
    this.#kept.changes = this.#changes;
    return this.#kept;
  }

  #admit(choice: Choice, placed: readonly FleetJob[], outgrown: ReadonlyMap<number, string>): Admission {
    const on: OnPipelines = {
      resources: this.#resources,
      placed,
      outgrown,
      held: this.#held.values(),
      places: this.#places,
      isBetween: ({ number }) => this.#between.has(number),
    };
    const { moves } = choice;
    if (moves === undefined) return admitWishes(choice.wishes, on);
    if (this.#between.size === 0) return admitMoves(moves, on, this.#leaving > 0);
    const left = new Set(moves.leaves.map(({ number }) => number));
    const isStaying = (number: number): boolean => {
      const job = this.#jobs.get(number);
      return job?.pipeline !== undefined && job.hold === undefined && !left.has(number);
    };
    if ([...this.#between].some(isStaying)) return admitWishes(choice.wishes, on);
    return admitMoves(moves, on, this.#leaving > 0);
  }

  /** A job that is held leaves its pipeline; one that is to end has ended when it is on none. */
  #letGo(job: FleetJob, say: Say): void {
    const { hold, pipeline } = job;
    const isOff = pipeline === undefined || this.#between.has(job.number);
    const why = hold!.why ?? "paused";
    if (!isOff) {
      if (job.standing === "leaving") return;
      this.#put({ ...job, standing: "leaving" });
      say("leave", job, why, pipeline);
    } else if (hold!.kind === "stop") {
      this.#drop(job);
      say("stop", job, why, pipeline);
    } else {
      this.#preempt(job);
      say("preempt", job, why, pipeline);
    }
  }

  /** Jobs that wait and that no pipeline has room for, by what was learned. */
  #refuseTooLarge(say: Say): void {
    for (const job of this.#waiting.toArray()) {
      const missing = tooLarge(job, this.#resources);
      if (missing === undefined) continue;
      this.#drop(job);
      say("refuse", job, `too large even alone: ${missing}`);
    }
  }

  #preempt(job: FleetJob): void {
    this.#grown.delete(job.number);
    this.#put({ ...job, standing: "preempted", pipeline: undefined, reserved: undefined });
  }
}
