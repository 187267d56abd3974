import { DeviceError } from "../core/index.ts";
import type { Completion } from "../native/index.ts";
import { computeDtype, type Work } from "../plan/index.ts";
import type { StageState } from "./adapter-room.ts";
import type { AdapterState } from "./adapters.ts";
import { createStageRunners } from "./create-stage-runners.ts";
import { DeviceQueues } from "./device-queues.ts";
import type { BestEvaluation } from "./evaluations.ts";
import { EventNumbers } from "./event-numbers.ts";
import type { SeenAction } from "./executed-trace.ts";
import { Failure } from "./failure.ts";
import { stopTokensIn } from "./generation/stop-tokens.ts";
import { JobEnds } from "./job-ends.ts";
import type { JobInput } from "./job-input.ts";
import { type Later, whenAllThere } from "./later.ts";
import type { LostPipeline } from "./lost-pipeline.ts";
import { Lowering } from "./lowering.ts";
import { MiniBatchTable } from "./mini-batch-facts.ts";
import { NormCells } from "./norm-cells.ts";
import type { AdapterPair } from "./peft.ts";
import { ExecutionRecord } from "./record-completions.ts";
import type { RunEvent } from "./run-event.ts";
import type { SessionInput } from "./session-input.ts";
import { SessionJobs } from "./session-jobs.ts";
import type { SessionParts } from "./session-parts.ts";
import type { StageHost } from "./stage-host.ts";
import type { StageRunner } from "./stage-runner.ts";
import { StoppedJobs } from "./stopped-jobs.ts";
import { standstill, watch } from "./watchdog.ts";
import { weightsDigest } from "./weights-digest.ts";

/**
 * A plan on its devices: what was set up, what is in their queues, and what has ended. Segments are appended one by one,
 * while others run; what they number is used again.
 */
export class Session {
  readonly #input: SessionInput;
  readonly #host: StageHost;
  readonly #events: EventNumbers;
  readonly #lowering: Lowering;
  readonly #runners: readonly StageRunner[];
  readonly #startEvent: number;
  readonly #record: ExecutionRecord;
  readonly #jobEnds: JobEnds;
  readonly #queues: DeviceQueues;
  readonly #jobs: SessionJobs;
  readonly #cells: NormCells;
  readonly #stopped: StoppedJobs;
  readonly #lost = new Map<number, LostPipeline>();
  /** What is being read of devices of other ranks. */
  readonly #readings = new Set<Promise<void>>();
  #isClosed = false;
  #hasBegun = false;
  readonly #failure = new Failure();
  #wake: () => void = () => {};

  /** Sets the devices up. @throws DeviceError when one cannot do what the setting asks for */
  static async open(host: StageHost, input: SessionInput): Promise<Session> {
    const { setting, model, measureProducts } = input;
    host.prepare({ setting, model, measureProducts });
    const events = new EventNumbers(host);
    const startEvent = events.take();
    const lowering = new Lowering(setting, events);
    const cells = new NormCells(host, setting.stages.length);
    const jobs = new SessionJobs();
    let record: ExecutionRecord | undefined;
    const runners = await createStageRunners({
      setting,
      host,
      live: lowering.live,
      inputOf: (job) => jobs.of(job),
      isAtHand: (job) => !jobs.leaving.has(job),
      made: (job, numStages) => jobs.made(job, numStages),
      normCell: (job, stage) => cells.of(job, stage),
      tellsState: (miniBatch) => record!.states.tells(miniBatch),
      profile: input.profile ?? false,
      stopTokens: stopTokensIn(setting, model),
    });
    const weights = await weightsDigest(model);
    if (weights !== undefined) input.onEvent?.({ kind: "loaded", weights });
    const session = new Session(host, input, { events, startEvent, lowering, cells, jobs, runners });
    record = session.#record;
    return session;
  }

  private constructor(host: StageHost, input: SessionInput, parts: SessionParts) {
    const { setting } = input;
    this.#input = input;
    this.#host = host;
    this.#events = parts.events;
    this.#startEvent = parts.startEvent;
    this.#lowering = parts.lowering;
    this.#cells = parts.cells;
    this.#jobs = parts.jobs;
    this.#runners = parts.runners;
    const { live } = this.#lowering;
    const table = new MiniBatchTable(live);
    const { profile = false } = input;
    this.#stopped = new StoppedJobs(live);
    this.#record = new ExecutionRecord(
      setting,
      { live, table, stopped: this.#stopped },
      (event) => {
        if (event.kind === "diverged" || event.kind === "ended") this.#stop(event.job);
        this.#tell(event);
      },
      input.statesEverySteps,
    );
    this.#jobEnds = new JobEnds(setting, live);
    const { runners, lowering, jobs } = parts;
    const [record, stopped] = [this.#record, this.#stopped];
    const guarded = (work: () => void): void => this.#guarded(work);
    this.#queues = new DeviceQueues({ runners, record, lowering, stopped, table, jobs: jobs.inputs, profile, guarded });
    host.onError((error, pipeline) => this.#guarded(() => this.#lose(pipeline, error)));
    host.onFailure((error) => this.#failure.fail(this.#withHeads(error)));
    host.onComplete((batch) => this.#guarded(() => this.#complete(batch)));
  }

  #tell(event: RunEvent): void {
    this.#input.onEvent?.(event);
  }

  get runners(): readonly StageRunner[] {
    return this.#runners;
  }

  get hasEndedEarly(): boolean {
    return this.#queues.hasEndedEarly;
  }

  /** Pipelines whose devices have stopped while others went on: what they had to do was not done. */
  get lost(): readonly LostPipeline[] {
    return [...this.#lost.values()];
  }

  /** When the first action began, on the clock of the completions. */
  get originNs(): number {
    return this.#record.originNs ?? 0;
  }

  /** Actions that were appended and have not ended. */
  get numAhead(): number {
    return this.#queues.numActions - this.#record.progress().doneActions;
  }

  /** Adds the next segment behind those that it has. `inputs`: of the jobs that are new in it, in order. */
  append(work: Work, inputs: readonly JobInput[]): void {
    if (this.hasEndedEarly) return;
    const { nextJob } = this.#lowering.live;
    inputs.forEach((input, i) => {
      this.#jobs.begin(nextJob + i, input);
    });
    this.#queues.append(this.#lowering.append(work, this.#startEvent));
    inputs.forEach((input, i) => {
      this.#record.begin(nextJob + i, input);
      if (input.isStopped === true) this.#stop(nextJob + i);
    });
    if (this.#hasBegun) this.#queues.fill();
    this.#wake();
  }

  /** A job trains no further: what comes of it is left out. */
  #stop(job: number): void {
    this.#stopped.add(job);
    this.#record.states.stopped(job);
  }

  /** No segment comes any more. */
  close(): void {
    this.#isClosed = true;
    this.#wake();
  }

  /** Runs what is appended, until the session is closed and all of it has ended, or as far as it is let. */
  async run(): Promise<void> {
    const { setting, sampleEveryNs, stop } = this.#input;
    this.#runners.forEach(({ adapters }) => {
      adapters.fill(0);
    });
    // What is set up runs on the devices' threads as well: none starts the plan while another still packs its weights.
    await this.#idle();
    if (sampleEveryNs !== undefined)
      for (const { device } of this.#runners) device.sampleSpeed(computeDtype(setting.model.dtype), sampleEveryNs);
    this.#hasBegun = true;
    this.#queues.fill();
    this.#tell({ kind: "ready" });
    this.#host.signal(this.#startEvent);
    const end = (): void => this.#guarded(() => this.#endEarly());
    if (stop?.aborted) end();
    else stop?.addEventListener("abort", end);
    using _watchdog = this.#watch();
    try {
      while (!this.#isOver()) await this.#idle();
      await this.#host.idle();
      await Promise.all(this.#readings);
      await this.#host.settle();
    } finally {
      stop?.removeEventListener("abort", end);
    }
  }

  /**
   * Takes a job that has not ended from the devices, so that others have its room, as soon as what was appended of it has
   * ended. A group of it that comes later goes on from its state.
   */
  take(job: number): void {
    this.#jobs.leave(job);
    for (const { adapters } of this.#runners) adapters.leave(job);
    this.#takeThoseThatLeft();
  }

  /** The state of a job that was taken and has not come again; undefined while it is being taken. */
  stateOf(job: number): AdapterState | undefined {
    return this.#jobs.leaving.has(job) ? undefined : this.#jobs.of(job).start;
  }

  /** The state of a job that is on its devices, as it is; nothing that is queued may use it. */
  stateNow(job: number): Later<AdapterState> {
    return whenAllThere(
      this.#runners.map(({ adapters }) => adapters.readState(job)),
      wholeState,
    );
  }

  /** Nobody will go on with a job that was taken. */
  drop(job: number): void {
    this.#record.forget(job);
    this.#stopped.forget(job);
    this.#jobs.forget(job);
    this.#cells.giveBack(job);
  }

  #takeThoseThatLeft(): void {
    for (const job of this.#jobs.leaving) {
      if (!this.#runners.every(({ adapters }, stage) => adapters.hasLeft(job, this.#record.ended(stage)))) continue;
      const parts = this.#runners.map(({ adapters }) => adapters.evict(job));
      this.#whenRead(whenAllThere(parts, (read) => this.#taken(job, read)));
    }
  }

  /** It is on no device any more. */
  #taken(job: number, parts: readonly StageState[]): void {
    // It was to come again, and nothing of it was appended: it is as it was when it was taken last.
    const isAsBefore = parts.every(({ parameters }) => parameters.length === 0);
    if (!isAsBefore) this.#record.states.left(job);
    const { keep = (_job, state) => state } = this.#input;
    this.#jobs.taken(job, isAsBefore ? undefined : keep(job, wholeState(parts)));
    this.#tell({ kind: "taken", job, state: this.#jobs.of(job).start, isOver: false, best: this.bestOf(job) });
  }

  /** What follows on what is read: later where that comes from another rank, whose devices have no more to tell then. */
  #whenRead(done: Later<void>): void {
    if (done === undefined) return;
    const reading = done.then(
      () => this.#guarded(() => this.#queues.fill()),
      (error: unknown) => this.#failure.fail(error),
    );
    this.#readings.add(reading);
    void reading.then(() => {
      this.#readings.delete(reading);
      this.#wake();
    });
  }

  /** A job's adapter on all stages, as it is; nothing that is queued may use it. */
  adapterOf(job: number): Later<readonly AdapterPair[]> {
    return whenAllThere(
      this.#runners.map(({ adapters }) => adapters.read(job)),
      (parts) => parts.flat(),
    );
  }

  /** What was best of a job so far; undefined before its first evaluation. */
  bestOf(job: number): BestEvaluation | undefined {
    return this.#record.evaluations.bestOf(job);
  }

  #isOver(): boolean {
    return (this.#isClosed || this.hasEndedEarly) && this.numAhead === 0;
  }

  /** Until the devices have nothing to do; where that is so already and more may come, until it does. */
  async #idle(): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    await this.#failure.unless(this.#queues.sampled());
    await this.#failure.unless(this.#host.idle());
    if (this.#hasBegun && this.numAhead === 0 && !this.#isOver()) await this.#failure.unless(woken);
  }

  /** Fails the run where nothing ends: a device that does not answer is not waited for when it is given back either. */
  #watch(): Disposable {
    return watch({
      numEnded: () => this.#record.progress().doneActions + this.#queues.numSampleRuns,
      isBusy: () => this.#queues.isBusy,
      stages: () => this.#queues.watched(),
      onStall: (error) => [this.#host.abandon(), this.#failure.fail(error)],
    });
  }

  /** Devices of a pipeline have stopped, all of them. */
  #lose(pipeline: number, error: DeviceError): void {
    const { setting } = this.#input;
    const { live } = this.#lowering;
    const groups = Object.values(live.groups).filter((group) => group.pipeline === pipeline);
    const members = new Set(groups.flatMap((group) => group.members.map(({ job }) => job)));
    const jobs = [...members].filter((job) => this.#jobs.has(job));
    const lost = { pipeline, error, jobs, names: jobs.map((job) => live.jobs[job]!.name) };
    this.#lost.set(pipeline, lost);
    if (this.#lost.size === setting.pipelines.length) {
      this.#failure.fail(error);
      return;
    }
    const { firstStage, endStage } = setting.pipelines[pipeline]!;
    for (let stage = firstStage; stage < endStage; stage += 1) this.#queues.lose(stage);
    for (const job of lost.jobs) this.#record.states.lost(job);
    this.#tell({ kind: "lost", lost });
    this.#wake();
  }

  /** The error with what each device of a run over several machines was at. */
  #withHeads({ facts }: DeviceError): DeviceError {
    const { lines } = standstill(this.#queues.watched());
    const detail = [...(facts.detail === undefined ? [] : [facts.detail]), ...lines].join("\n");
    return new DeviceError({ ...facts, ...(detail === "" ? {} : { detail }) });
  }

  /** What fails where nobody waits fails the run. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#failure.fail(error);
    }
  }

  #complete(batch: readonly Completion[]): void {
    const seen = this.#queues.seen(batch);
    if (seen.length === 0) return;
    this.#tell({ kind: "spent", shares: this.#record.sharesOf(seen) });
    for (const each of seen) this.#record.add(each);
    if (this.#input.wantsStates?.() === true) this.#record.states.ask();
    this.#queues.fill();
    this.#tell({ kind: "completed", batch: seen });
    for (const each of seen) this.#leave(each);
    if (this.#jobs.leaving.size > 0) {
      this.#takeThoseThatLeft();
      this.#queues.fill();
    }
    for (const states of this.#record.states.take()) if (!this.hasEndedEarly) this.#tell({ kind: "states", states });
    this.#events.renew();
    this.#tell({ kind: "progressed", progress: { ...this.#record.progress(), totalActions: this.#queues.numActions } });
  }

  /** An action or the message that it sends is over. */
  #leave(seen: SeenAction): void {
    const { done, lowered } = seen;
    if (done.stream === "compute") {
      for (const job of this.#jobEnds.after(lowered)) this.#endJob(job);
      this.#lowering.ended(lowered);
      this.#lowering.live.end(lowered.action.microBatch);
    }
    const isOver = this.#queues.leave(seen);
    if (isOver && lowered.send !== undefined) this.#lowering.ended(lowered.send);
  }

  #endJob(job: number): void {
    if (!this.#record.stops.has(job)) {
      const best = this.bestOf(job);
      const adapter = this.adapterOf(job);
      const tell = (read: readonly AdapterPair[]): void => this.#tell({ kind: "ended", job, adapter: read, best });
      this.#whenRead(adapter instanceof Promise ? adapter.then(tell) : tell(adapter));
    }
    this.#record.forget(job);
    this.#stopped.forget(job);
    this.#record.states.ended(job);
    for (const { adapters } of this.#runners) adapters.forget(job);
    this.#jobs.forget(job);
    this.#cells.giveBack(job);
  }

  #endEarly(): void {
    this.#host.ending();
    this.#queues.endEarly();
    this.#queues.fill();
    this.#wake();
  }
}

function wholeState(parts: readonly StageState[]): AdapterState {
  return {
    parameters: parts.flatMap(({ parameters }) => parameters),
    firstMoment: parts.flatMap(({ firstMoment }) => firstMoment),
    secondMoment: parts.flatMap(({ secondMoment }) => secondMoment),
  };
}
