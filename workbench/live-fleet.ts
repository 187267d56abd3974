import { InputError, sum } from "../core/index.ts";
import {
  type AdapterState,
  type BestEvaluation,
  type EvaluationMetrics,
  FleetExecution,
  type ModelFolder,
  type StepMetrics,
  type TakenJob,
} from "../exec/index.ts";
import {
  type AskedEvent,
  type CostModel,
  type Decision,
  type FleetEvent,
  FleetOutcomes,
  FleetPlan,
  type FleetWork,
  type HalvedSweep,
  halvingEvents,
  type Job,
  type JobRequest,
  type JournalLine,
  type Policy,
  type Resources,
  Scheduler,
  type Setting,
  type Sharing,
  SweepHalving,
  type SweepVerdict,
} from "../plan/index.ts";
import type { FleetState } from "../sim/index.ts";
import type { Place } from "./context.ts";
import { FleetFolder } from "./fleet-folder.ts";
import { jobEnded } from "./journal.ts";
import { judgeLosses } from "./judge-losses.ts";
import { type KeptJob, newKeptJob } from "./kept-job.ts";
import { type LiveJob, type LiveNotice, type LiveSubmission, OVER } from "./live-job.ts";
import { runVersions } from "./train-plan.ts";

export interface LiveFleetInput {
  readonly place: Place;
  /** New, or empty. */
  readonly folder: string;
  readonly setting: Setting;
  readonly costs: CostModel;
  readonly model: ModelFolder;
  readonly policy: Policy;
  readonly resources: Resources;
  /** How jobs share micro-batches under the policy; absent where each has its own. */
  readonly sharing: Sharing | undefined;
  /** By the jobs' numbers, empty: where the resources look, and the jobs that come are added. */
  readonly works: FleetWork[];
  /** The most jobs that train at once on a pipeline; as many as there is room for when absent. */
  readonly jobsAtOnce?: number;
  /** Jobs that are compared with each other while they train, by the names that they will come with. */
  readonly sweeps: readonly HalvedSweep[];
  readonly onNotice?: (notice: LiveNotice) => void;
}

/** Of an iteration that is under way, what is left where nobody knows. */
const HALF = 0.5;

/**
 * Jobs over time on this machine: comes and goes of jobs, what is asked of them, and the folder that tells of it. The
 * devices stay warm while nobody trains.
 */
export class LiveFleet implements Disposable {
  readonly #input: LiveFleetInput;
  readonly #folder: FleetFolder;
  readonly #scheduler: Scheduler;
  readonly #execution: FleetExecution;
  readonly #jobs: KeptJob[] = [];
  readonly #listeners = new Set<(notice: LiveNotice) => void>();
  readonly #outcomes = new FleetOutcomes();
  readonly #halving: SweepHalving;
  #decidedNs = 0;
  #isDraining = false;
  #isEnding = false;

  /** Sets the devices up. @throws InputError for the folder, DeviceError */
  static async open(input: LiveFleetInput): Promise<LiveFleet> {
    const { place, folder, setting, costs, model, policy, resources, sharing } = input;
    const written = new FleetFolder(place, folder, setting, model.folder);
    try {
      const scheduler = new Scheduler(policy, resources);
      const fleet: LiveFleet = new LiveFleet(
        input,
        written,
        scheduler,
        await FleetExecution.open({
          setting,
          model,
          plan: new FleetPlan({ setting, costs, scheduler, sharing, follow: (number) => fleet.#follows(number) }),
          onStart: () => written.happened({ event: "ready" }),
          onLine: (line) => fleet.#decided(line),
          onSegment: (segment) => written.planned(segment),
          onStep: (metrics) => fleet.#stepped(metrics),
          onEvaluation: (metrics) => fleet.#evaluated(metrics),
          onCompletions: (batch) => written.completed(batch),
          onJobEnd: (number, adapter, best) => fleet.#over(number, { parameters: adapter }, best),
          onTaken: (number, taken) => fleet.#taken(number, taken),
        }),
      );
      return fleet;
    } catch (error) {
      written[Symbol.dispose]();
      throw error;
    }
  }

  private constructor(input: LiveFleetInput, folder: FleetFolder, scheduler: Scheduler, execution: FleetExecution) {
    this.#input = input;
    this.#folder = folder;
    this.#scheduler = scheduler;
    this.#execution = execution;
    this.#halving = new SweepHalving(input.sweeps);
    if (input.onNotice !== undefined) this.#listeners.add(input.onNotice);
    const { setting, policy, jobsAtOnce } = input;
    const who = { policy: policy.name, ...(jobsAtOnce === undefined ? {} : { jobsAtOnce }) };
    folder.happened({ event: "started", versions: runVersions(setting), process: process.pid, ...who });
  }

  get folder(): string {
    return this.#folder.folder;
  }

  get setting(): Setting {
    return this.#input.setting;
  }

  get policy(): Policy {
    return this.#input.policy;
  }

  get nowNs(): number {
    return this.#execution.nowNs;
  }

  /** Whether it takes no more jobs. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** In the order of arrival, with those that are over. */
  get jobs(): readonly LiveJob[] {
    return this.#jobs;
  }

  /** @throws InputError where none has the name */
  job(name: string): LiveJob {
    return this.#named(name);
  }

  /** Trains until the fleet is drained or ended. @throws DeviceError */
  async run(): Promise<void> {
    await this.#execution.run();
    this.#folder.happened({ event: this.#isEnding ? "ended early" : "ended" });
  }

  /** @throws InputError for a name that was used, or a fleet that takes no more */
  submit({ job, work, rows, start }: LiveSubmission): LiveJob {
    if (this.#isDraining)
      throw new InputError({ expected: "a fleet that takes jobs", got: "one that ends when its jobs have ended" });
    if (this.#jobs.some((each) => each.job.name === job.name))
      throw new InputError({ expected: "a job name that was not used yet", at: "name", got: job.name });
    const request = this.requestOf(job, work);
    this.#input.works.push(work);
    const kept = newKeptJob(this.#jobs.length, { job }, request);
    this.#jobs.push(kept);
    this.#folder.came({ number: kept.number, ...work });
    this.#execution.submit(work, request, { rows, start });
    return kept;
  }

  /** What would be asked for with a job that came now. */
  requestOf({ name, user = "", priority, deadlineSeconds }: Job, work: FleetWork): JobRequest {
    const arrivalNs = this.nowNs;
    const tokens = sum(work.steps.flat(2).map(([, , count]) => count)) / work.steps.length;
    const deadlineNs = deadlineSeconds === undefined ? null : arrivalNs + Math.round(deadlineSeconds * 1e9);
    return { name, user, priority, arrivalNs, deadlineNs, iterations: work.job.steps, tokens };
  }

  /** All that is known now, for a simulation of what is to come. */
  state(): FleetState {
    const atNs = Math.max(this.nowNs, this.#decidedNs);
    const placed = this.#jobs
      .filter(({ pipeline }) => pipeline !== undefined)
      .map(({ number, done }) => ({ number, done, left: HALF }));
    const [scheduler, past, pending] = [this.#scheduler.state(), this.#outcomes.past(atNs), this.#execution.pending];
    return { atNs, scheduler, placed, past, pending, numJobs: this.#jobs.length };
  }

  /** @throws InputError where none has the name, or it is over */
  cancel(name: string): LiveJob {
    const kept = this.#open(name);
    this.#ask({ kind: "stop", number: kept.number, by: "user", why: "cancelled" });
    return kept;
  }

  /** @throws InputError where none has the name, or it is over */
  setPriority(name: string, priority: number): LiveJob {
    const kept = this.#open(name);
    kept.priority = priority;
    this.#ask({ kind: "priority", number: kept.number, priority });
    return kept;
  }

  /** @throws InputError where none has the name, or it is over or paused */
  pause(name: string): LiveJob {
    const kept = this.#open(name);
    if (kept.pausedBy.has("user")) throw new InputError({ expected: `a job that is not paused`, got: name });
    if (kept.pausedBy.size === 0) this.#ask({ kind: "pause", number: kept.number });
    kept.pausedBy.add("user");
    return kept;
  }

  /** @throws InputError where none has the name, or it is not paused */
  resume(name: string): LiveJob {
    const kept = this.#open(name);
    if (!kept.pausedBy.delete("user"))
      throw new InputError({
        expected: "a job that is paused",
        got: `${name}, which is ${kept.standing}`,
        ...(kept.pausedBy.has("halving") ? { hint: "It waits for others of its sweep, and goes on by itself." } : {}),
      });
    if (kept.pausedBy.size === 0) this.#ask({ kind: "unpause", number: kept.number });
    return kept;
  }

  /**
   * The adapter of a job that is not training, as it is: of one that is paused, preempted, or over.
   * @throws InputError where it has none
   */
  adapterOf(name: string): AdapterState {
    const { state, standing } = this.#named(name);
    if (state === undefined)
      throw new InputError({
        expected: "a job that has trained and is not training now",
        got: `${name}, which is ${standing}`,
        ...(standing === "running" || standing === "leaving" ? { hint: "Pause it first." } : {}),
      });
    return state;
  }

  /** Tells of what happens from now on; what ends that. */
  subscribe(listener: (notice: LiveNotice) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Takes no more jobs; `run` returns when all have ended. */
  drain(): void {
    this.#isDraining = true;
    for (const name of this.#halving.jobs)
      if (!this.#jobs.some(({ job }) => job.name === name)) this.#halve(this.#halving.gone(name));
    this.#execution.close();
  }

  /** Ends soon: what is queued is trained, and every job's adapter is written as it is then. */
  end(): void {
    this.#isDraining = true;
    this.#isEnding = true;
    this.#folder.happened({ event: "asked to end" });
    for (const { number, standing } of this.#jobs)
      if (!OVER.includes(standing)) this.#ask({ kind: "stop", number, by: "user", why: "the fleet was asked to end" });
    this.#execution.close();
  }

  [Symbol.dispose](): void {
    this.#execution[Symbol.dispose]();
    this.#folder[Symbol.dispose]();
  }

  #named(name: string): KeptJob {
    const kept = this.#jobs.find(({ job }) => job.name === name);
    if (kept === undefined) throw new InputError({ expected: "a job of the fleet", at: "name", got: name });
    return kept;
  }

  #open(name: string): KeptJob {
    const kept = this.#named(name);
    if (OVER.includes(kept.standing))
      throw new InputError({ expected: "a job that is not over", got: `${name}, which is ${kept.standing}` });
    return kept;
  }

  #ask(event: AskedEvent): void {
    this.#execution.ask(event);
  }

  #notify(notice: LiveNotice): void {
    for (const listener of this.#listeners) listener(notice);
  }

  #decided(line: JournalLine): void {
    this.#folder.decided(line);
    this.#outcomes.add(line);
    this.#decidedNs = line.atNs;
    for (const event of line.events) {
      const kept = this.#jobs[event.number]!;
      if (event.kind === "progress") kept.done = event.done;
      else if (event.kind === "pause" && kept.pipeline === undefined) kept.standing = "paused";
      else if (event.kind === "unpause" && kept.standing === "paused")
        kept.standing = kept.done > 0 ? "preempted" : "waiting";
      else if (event.kind === "stop") kept.stoppedBy = event.by;
      else if (event.kind === "ended") Object.assign(kept, { endNs: line.atNs, why: "it has trained all iterations" });
    }
    for (const decision of line.decisions) this.#follow(decision, line.atNs);
    this.#notify({ kind: "line", line });
  }

  #follow({ kind, number, pipeline, why }: Decision, atNs: number): void {
    const kept = this.#jobs[number]!;
    kept.why = why;
    if (kind === "start" || kind === "resume") {
      kept.startNs ??= atNs;
      Object.assign(kept, { standing: "running", pipeline, state: undefined });
    } else if (kind === "leave") kept.standing = "leaving";
    else if (kind === "stay") kept.standing = "running";
    else {
      kept.pipeline = undefined;
      if (kind === "preempt") {
        const isPaused = this.#scheduler.job(number).hold?.kind === "pause";
        kept.standing = isPaused ? "paused" : "preempted";
        return;
      }
      kept.endNs = atNs;
      kept.standing = kind === "refuse" ? "refused" : kept.stoppedBy === "user" ? "cancelled" : "stopped";
      if (kept.startNs === undefined) this.#gone(kept);
    }
  }

  #stepped(metrics: StepMetrics): void {
    this.#folder.stepped(metrics);
    const kept = this.#named(metrics.job);
    kept.loss = metrics.loss;
    kept.done = Math.max(kept.done, metrics.step + 1);
    judgeLosses(kept, { iteration: metrics.step + 1, training: metrics.loss });
    this.#notify({ kind: "step", metrics });
    this.#halve(this.#halving.lost(metrics.job, "training", metrics.step + 1, metrics.loss));
  }

  #evaluated(metrics: EvaluationMetrics): void {
    this.#folder.evaluated(metrics);
    const kept = this.#named(metrics.job);
    const { step, evaluationLoss, best } = metrics;
    kept.evaluationLoss = evaluationLoss;
    if (best) kept.best = { step, evaluationLoss };
    judgeLosses(kept, { iteration: step + 1, evaluation: evaluationLoss });
    this.#notify({ kind: "evaluation", metrics });
    this.#halve(this.#halving.lost(metrics.job, "evaluation", step + 1, evaluationLoss));
  }

  /** What halving says of jobs of a sweep. */
  #halve(verdicts: readonly SweepVerdict[]): void {
    for (const verdict of verdicts) {
      const { sweep, job, rung, kind, why } = verdict;
      this.#folder.happened({ event: "halving", sweep, job, rung, verdict: kind, why });
      const { number, pausedBy } = this.#named(job);
      if (kind === "pause") pausedBy.add("halving");
      else pausedBy.delete("halving");
      // What a person has paused stays so.
      if (kind === "stop" || pausedBy.has("user") === false)
        for (const event of halvingEvents(verdict, number)) this.#ask(event);
    }
  }

  /** A job is over. */
  #gone(kept: KeptJob): void {
    this.#notify({ kind: "end", job: kept });
    this.#halve(this.#halving.gone(kept.job.name));
  }

  #follows(number: number): readonly FleetEvent[] {
    const kept = this.#jobs[number]!;
    const { follows } = kept;
    kept.follows = [];
    return follows;
  }

  #taken(number: number, { state, isOver, best }: TakenJob): void {
    const kept = this.#jobs[number]!;
    if (isOver) this.#over(number, state, best);
    else if (kept.pipeline === undefined) kept.state = state;
  }

  /** A job that has trained is over: its adapter is written, and nothing else of it is held. */
  #over(number: number, state: AdapterState, best: BestEvaluation | undefined): void {
    const kept = this.#jobs[number]!;
    if (kept.standing === "running" || kept.standing === "leaving") kept.standing = "ended";
    kept.pipeline = undefined;
    kept.state = { parameters: state.parameters };
    const { job } = this.#input.works[number]!;
    kept.adapter = this.#folder.writeAdapter(job, state.parameters);
    if (best?.adapter !== undefined) kept.bestAdapter = this.#folder.writeBest(job, best.adapter);
    this.#folder.happened(jobEnded(job.name, best));
    this.#gone(kept);
  }
}
