import { InputError } from "../../core/index.ts";
import {
  type AdapterState,
  type BestEvaluation,
  FleetExecution,
  type LostPipeline,
  listener,
  listeners,
  type RunListener,
  type TakenJob,
} from "../../exec/index.ts";
import {
  type AskedEvent,
  type FleetEvent,
  FleetPlan,
  type FleetWork,
  type Job,
  type JobRequest,
  type JournalLine,
  measurementOf,
  type Policy,
  Scheduler,
  type Setting,
  type Spent,
  SweepHalving,
  settingHash,
} from "../../plan/index.ts";
import type { FleetState } from "../../sim/index.ts";
import { Checkpoints } from "../checkpoints/checkpoints.ts";
import { hearWeights } from "../checkpoints/known-weights.ts";
import { FleetFolder } from "../folder/fleet-folder.ts";
import { failed, type JournalEvent, jobEnded } from "../folder/journal.ts";
import { jobOfWork } from "../loggers/logged-job.ts";
import { type FleetThatGoesOn, pastNotices, pastSweeps, takeUp } from "../resume/restore-jobs.ts";
import { beginFleetAgain, FLEET_ENDS } from "../resume/resume-fleet.ts";
import { FleetAccounts } from "./fleet-accounts.ts";
import { FleetLoss } from "./fleet-loss.ts";
import { judgeAdapter, judgeDivergence, judgeEnd, judgeEvaluation, judgeStep } from "./judge-losses.ts";
import { forgetLosses, jobRequest, type KeptJob, keepDecision, keepEvent, newKeptJob } from "./kept-job.ts";
import { KeptJobs } from "./kept-jobs.ts";
import { type LiveFleetInput, pagesIn, startEvents } from "./live-fleet-input.ts";
import { LiveHalving } from "./live-halving.ts";
import { type LiveJob, type LiveNotice, type LiveSubmission, OVER } from "./live-job.ts";

/**
 * Jobs over time on this machine: comes and goes of jobs, what is asked of them, and the folder that tells of it. The
 * devices stay warm while nobody trains.
 */
export class LiveFleet implements Disposable {
  readonly #input: LiveFleetInput;
  readonly #folder: FleetFolder;
  readonly #scheduler: Scheduler;
  readonly #execution: FleetExecution;
  readonly #jobs = new KeptJobs();
  readonly #listeners = new Set<(notice: LiveNotice) => void>();
  readonly #accounts: FleetAccounts;
  readonly #sweeps: SweepHalving;
  readonly #halving: LiveHalving;
  readonly #checkpoints: Checkpoints;
  /** What it has lost of its devices. */
  readonly loss = new FleetLoss();
  #past: readonly LiveNotice[] = [];
  #isDraining = false;
  #isEnding = false;

  /** Sets the devices up. @throws InputError for the folder, DeviceError */
  static async open(input: LiveFleetInput): Promise<LiveFleet> {
    const { place, folder, setting, costs, model, host, policy, resources, sharing, goesOn, probed } = input;
    const written = new FleetFolder(place, folder, {
      ...{ setting, model: model.folder, mostBytes: input.mostBytes, spent: goesOn?.found.spent, probed, policy },
      prepare: goesOn && (() => beginFleetAgain(goesOn.found, goesOn.restored)),
    });
    try {
      for (const event of startEvents(input)) written.records.happened(event);
      const known = goesOn && { ...goesOn.restored.scheduler, policy: policy.name, memory: policy.initial };
      const scheduler = new Scheduler(policy, resources, known);
      const startNs = goesOn?.found.clockNs ?? 0;
      const weights = { folder: model.folder, planned: setting.model.weightsDigest, before: goesOn?.found.weights };
      const fleet: LiveFleet = new LiveFleet(
        input,
        written,
        scheduler,
        await FleetExecution.open({
          ...{ setting, model, host, startNs, samplesSpeed: probed !== undefined },
          plan: new FleetPlan({
            ...{ setting, costs, scheduler, sharing, numBefore: goesOn?.jobs.length ?? 0 },
            follow: (number) => fleet.#follows(number),
          }),
          pages: pagesIn(written.records.folder, setting),
          onEvent: listeners([
            hearWeights(weights, written.records, goesOn && { atNs: startNs }),
            written.records.hear,
            ...(input.log === undefined ? [written.hear] : [written.hear, input.log.hear]),
            // Weights are loaded before there is a fleet.
            (event) => event.kind !== "loaded" && fleet.#hear(event),
          ]),
          wantsStates: () => fleet.#checkpoints.isDue,
          statesEverySteps: input.rhythm.steps,
        }),
      );
      if (goesOn !== undefined) fleet.#goOn(goesOn);
      return fleet;
    } catch (error) {
      if (goesOn === undefined) written.abandon();
      else written[Symbol.dispose]();
      throw error;
    }
  }

  private constructor(input: LiveFleetInput, folder: FleetFolder, scheduler: Scheduler, execution: FleetExecution) {
    // What was before is held no longer than it is needed.
    this.#input = { ...input, goesOn: undefined };
    this.#folder = folder;
    this.#scheduler = scheduler;
    this.#execution = execution;
    this.#accounts = new FleetAccounts(input, folder.records.spending);
    this.#sweeps = new SweepHalving(input.sweeps, input.goesOn && pastSweeps(input.goesOn));
    const ask = (event: AskedEvent): void => void this.#execution.ask(event);
    this.#halving = new LiveHalving({ sweeps: this.#sweeps, jobs: this.#jobs, journal: this.#journal, ask });
    const { setting, rhythm, onFailure = () => {} } = input;
    const known = { records: folder.records, planHash: settingHash(setting), model: setting.model };
    this.#checkpoints = new Checkpoints({ ...known, rhythm, onFailure });
  }

  /** Takes up what was there when the fleet was cut off. */
  #goOn(goesOn: FleetThatGoesOn): void {
    for (const kept of goesOn.jobs) this.#jobs.add(kept);
    const spent = this.#accounts.goOn(goesOn);
    this.#past = pastNotices(goesOn);
    for (const { comer, event, rows, input, asked } of takeUp(goesOn, this.#checkpoints, this.#sweeps, this.#journal)) {
      const state = this.#execution.restore(comer, event, input);
      if (event.done > 0) this.#jobs.of(event.number).state = state;
      this.#input.log?.came(jobOfWork(comer, rows.length, event.done));
      for (const each of asked) this.#execution.ask(each);
    }
    for (const event of spent) this.#execution.ask(event);
    for (const submission of goesOn.again) this.#add(submission, this.requestOf(submission.job, submission.work));
  }

  /** What happened before the fleet was cut off, if it was; told once. */
  takePast(): readonly LiveNotice[] {
    const past = this.#past;
    this.#past = [];
    return past;
  }

  get folder(): string {
    return this.#folder.records.folder;
  }

  get takenFrom(): number | undefined {
    return this.#folder.records.takenFrom;
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

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** In the order of arrival, with those that are over. */
  get jobs(): readonly LiveJob[] {
    return this.#jobs.all;
  }

  /** @throws InputError where none has the name */
  job(name: string): LiveJob {
    return this.#jobs.named(name);
  }

  /** Trains until the fleet is drained or ended. @throws DeviceError */
  async run(): Promise<void> {
    using _idle = this.#checkpoints.whileIdle(this.#execution);
    try {
      await this.#execution.run();
    } catch (error) {
      if (this.loss.isOf(error)) this.#checkpoints.write(new Map(), this.nowNs);
      this.#journal(failed(error));
      throw error;
    }
    if (this.#isEnding) this.#checkpoints.write(new Map(), this.nowNs);
    this.#folder.finish();
    this.#journal({ event: "memory", most: this.#execution.mostBytes });
    this.#journal({ event: this.#isEnding ? "ended early" : "ended" });
  }

  /** @throws InputError for a name that was used, or a fleet that takes no more */
  submit(submission: LiveSubmission): LiveJob {
    const { job, work, warm } = submission;
    if (this.#isDraining)
      throw new InputError({ expected: "a fleet that takes jobs", got: "one that ends when its jobs have ended" });
    if (this.#jobs.has(job.name))
      throw new InputError({ expected: "a job name that was not used yet", at: "name", got: job.name });
    const request = this.#accounts.check(this.requestOf(job, work));
    if (warm !== undefined) this.#folder.writeStart(work.job, warm);
    this.#folder.came({ number: this.#jobs.all.length, given: job, ...work });
    return this.#add(submission, request);
  }

  /** A job comes that the folder knows of. */
  #add({ job, work, rows, begin, warm }: LiveSubmission, request: JobRequest): LiveJob {
    this.#input.works.add(work);
    const kept = newKeptJob(this.#jobs.all.length, { job }, request);
    this.#jobs.add(kept);
    this.#checkpoints.came(kept.number, work.job);
    this.#input.log?.came(jobOfWork(work, rows.length, 0));
    this.#execution.submit(work, request, () => ({ rows, ...begin(), ...(warm && { start: warm }) }));
    return kept;
  }

  /** What a job has taken of devices so far. */
  spentBy(name: string): Spent {
    return this.#accounts.spentBy(name);
  }

  /** What would be asked for with a job that came now. */
  requestOf(job: Job, work: FleetWork): JobRequest {
    return jobRequest(job, work, this.nowNs, this.#accounts.of(job));
  }

  /** All that is known now, for a simulation of what is to come. */
  state(): FleetState {
    return this.#accounts.state(this.#execution, this.#scheduler.state(), this.#jobs);
  }

  /** @throws InputError where none has the name, or it is over */
  cancel(name: string): LiveJob {
    const kept = this.#jobs.open(name);
    return this.#asked(kept, { kind: "stop", number: kept.number, by: "user", why: "cancelled" });
  }

  /** @throws InputError where none has the name, or it is over */
  setPriority(name: string, priority: number): LiveJob {
    const kept = this.#jobs.open(name);
    kept.priority = priority;
    return this.#asked(kept, { kind: "priority", number: kept.number, priority });
  }

  /** @throws InputError where none has the name, or it is over or paused */
  pause(name: string): LiveJob {
    const kept = this.#jobs.unpaused(name);
    const isPaused = kept.pausedBy.size > 0;
    kept.pausedBy.add("user");
    return this.#asked(kept, { kind: "pause", number: kept.number }, isPaused);
  }

  /** @throws InputError where none has the name, or it is not paused */
  unpause(name: string): LiveJob {
    const kept = this.#jobs.paused(name);
    kept.pausedBy.delete("user");
    return this.#asked(kept, { kind: "unpause", number: kept.number }, kept.pausedBy.size > 0);
  }

  /**
   * The adapter of a job that is not training, as it is: of one that is paused, preempted, or over.
   * @throws InputError where it has none
   */
  adapterOf(name: string): AdapterState {
    const { adapter, number } = this.#jobs.named(name);
    if (adapter === undefined) return this.#jobs.stateOf(name);
    return this.#folder.readAdapter(this.#input.works.of(number).job);
  }

  /** Tells of what happens from now on; what ends that. */
  subscribe(listener: (notice: LiveNotice) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Takes no more jobs; `run` returns when all have ended. */
  drain(): void {
    this.#isDraining = true;
    this.#halving.drained();
    this.#execution.close();
  }

  /**
   * Ends soon: what is queued is trained, every job's adapter is written as it is then, and a checkpoint of all that
   * could go on. `notice`: why the machine is to be taken away, where it is.
   */
  end(notice?: string): void {
    this.#journal(notice === undefined ? { event: "asked to end" } : { event: "notice", why: notice });
    this.#end([]);
  }

  /** `lost`: jobs of which nothing comes any more. */
  #end(lost: readonly number[]): void {
    this.#isDraining = true;
    this.#isEnding = true;
    for (const { number, standing } of this.#jobs.all)
      if (!OVER.includes(standing) && !lost.includes(number))
        this.#execution.ask({ kind: "stop", number, by: "user", why: FLEET_ENDS });
    this.#execution.close();
  }

  /** Devices of a pipeline have stopped: jobs of the others end as they are, and all can go on from what is kept. */
  #lose(lost: LostPipeline): void {
    this.#input.onLost?.(lost);
    this.loss.add(this.setting, lost, this.#isDraining);
    if (!this.#isEnding) this.#end(lost.jobs);
  }

  [Symbol.dispose](): void {
    this.#execution[Symbol.dispose]();
    this.#folder[Symbol.dispose]();
  }

  /** A person asks for something: written down before they are told that it will be so. `isSo`: it is already. */
  #asked(kept: KeptJob, ask: AskedEvent, isSo = false): LiveJob {
    this.#journal({ event: "asked", job: kept.job.name, ask });
    if (!isSo) this.#execution.ask(ask);
    return kept;
  }

  readonly #journal = (event: JournalEvent): void => this.#folder.records.happened(event);

  readonly #notify = (notice: LiveNotice): void => this.#listeners.forEach((listener) => void listener(notice));

  /** What the devices tell, behind the folder. */
  readonly #hear: RunListener = listener({
    decided: ({ line }) => this.#decided(line),
    stepped: ({ metrics }) => {
      judgeStep(this.#jobs.named(metrics.job), metrics);
      this.#notify({ kind: "step", metrics });
      this.#halving.lost(metrics.job, "training", metrics.step + 1, metrics.loss);
    },
    evaluated: ({ metrics }) => {
      judgeEvaluation(this.#jobs.named(metrics.job), metrics);
      this.#notify({ kind: "evaluation", metrics });
      this.#halving.lost(metrics.job, "evaluation", metrics.step + 1, metrics.evaluationLoss);
    },
    sampled: ({ sample }) => this.#notify({ kind: "sample", lines: this.#folder.records.linesOf(sample) }),
    ended: ({ job, adapter, best }) => this.#over(job, { parameters: adapter }, best),
    diverged: ({ job, divergence }) => this.#journal(judgeDivergence(this.#jobs.of(job), divergence)),
    taken: (event) => this.#taken(event.job, event),
    lost: ({ lost }) => this.#lose(lost),
    states: ({ states }) => this.#checkpoints.write(states, this.nowNs),
  });

  #decided(line: JournalLine): void {
    this.#accounts.add(line);
    for (const event of line.events) keepEvent(this.#jobs.of(event.number), event, line.atNs);
    for (const decision of line.decisions) {
      const kept = this.#jobs.of(decision.number);
      keepDecision(kept, decision, line.atNs);
      // The others are over when they have left their devices.
      if (OVER.includes(kept.standing) && kept.startNs === undefined) this.#gone(kept);
    }
    this.#notify({ kind: "line", line });
  }

  /** A job is over. `isWritten`: what there is of it; one that is not is in checkpoints still. */
  #gone(kept: KeptJob, isWritten = true): void {
    forgetLosses(kept);
    this.#input.works.over(kept.number);
    this.#input.log?.over(kept.job.name);
    if (isWritten && kept.why !== FLEET_ENDS) this.#checkpoints.over(kept.number, kept.done);
    this.#notify({ kind: "end", job: kept });
    this.#halving.gone(kept.job.name);
  }

  #follows(number: number): readonly FleetEvent[] {
    const kept = this.#jobs.of(number);
    const { follows } = kept;
    kept.follows = [];
    const bytesOf = (pipeline: number) => this.#execution.takenBy(number, pipeline);
    return [...measurementOf(this.#scheduler, number, bytesOf), ...follows, ...this.#accounts.due()];
  }

  #taken(number: number, { state, isOver, best }: TakenJob): void {
    const kept = this.#jobs.of(number);
    if (!isOver || kept.why === FLEET_ENDS) this.#checkpoints.left(number, { step: kept.done, state, best });
    if (isOver) this.#over(number, state, best);
    else if (kept.pipeline === undefined) kept.state = state;
  }

  /** A job that was on devices is over: its adapter is written, if it has trained, and nothing else of it is held. */
  #over(number: number, state: AdapterState, best: BestEvaluation | undefined): void {
    const kept = this.#jobs.of(number);
    const diverged = judgeAdapter(kept, state.parameters);
    if (diverged !== undefined) this.#journal(diverged);
    if (kept.standing === "running" || kept.standing === "leaving") judgeEnd(kept);
    Object.assign(kept, { pipeline: undefined, state: undefined });
    const { job } = this.#input.works.of(number);
    const pairs = { adapter: kept.done > 0 && !kept.isDiverged ? state.parameters : undefined, best: best?.adapter };
    const written = this.#folder.ended(job, pairs, jobEnded(job.name, best));
    Object.assign(kept, { adapter: written?.adapter, bestAdapter: written?.best });
    this.#gone(kept, written !== undefined);
  }
}
