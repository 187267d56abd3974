import type {
  AskedEvent,
  FleetEvent,
  FleetPlan,
  FleetStep,
  FleetWork,
  JobRequest,
  Setting,
  StateBytes,
} from "../plan/index.ts";
import type { AdapterState } from "./adapters.ts";
import type { DueInput, JobInput } from "./job-input.ts";
import type { JobState } from "./job-states.ts";
import type { LostPipeline } from "./lost-pipeline.ts";
import type { RunEvent } from "./run-event.ts";
import { Session } from "./session.ts";
import { SAMPLE_EVERY_NS, type SessionInput } from "./session-input.ts";
import { localHost, type StageHost } from "./stage-host.ts";
import { held, letGo, StatePages, type StatePagesInput } from "./state-pages.ts";

/** A fleet may train for months: what devices sample is taken from them this often. */
const SPEEDS_EVERY_NS = 1e9;

export interface FleetExecutionInput
  extends Pick<SessionInput, "model" | "onEvent" | "wantsStates" | "statesEverySteps"> {
  readonly setting: Setting;
  /** Where the stages run, given back at the end; this machine's devices when absent. */
  readonly host?: StageHost | undefined;
  /** What the fleet's clock shows when its devices are ready: 0, but for one that was cut off and goes on. */
  readonly startNs?: number;
  /** Who decides, and makes the plan; it has seen nothing yet. */
  readonly plan: FleetPlan;
  /** Where states of jobs that are on no device are kept; in memory, all of them, when absent. */
  readonly pages?: Omit<StatePagesInput, "order">;
  /** Whether devices sample their speed, which is told (`speeds`). */
  readonly samplesSpeed?: boolean;
}

/** What a fleet has taken: of its stages' devices, and for states of jobs on none, of memory and of disk. */
export interface FleetBytes {
  readonly devices: readonly number[];
  readonly states: StateBytes;
}

/**
 * Jobs over time on this machine's devices: what the devices report drives the plan that grows (`FleetPlan`), whose next
 * segments they get while others run. Jobs and what is asked of them come at any time; pipelines without work stay warm.
 */
export class FleetExecution implements Disposable {
  readonly #input: FleetExecutionInput;
  readonly #host: StageHost;
  readonly #session: Session;
  readonly #pipelineOf: ReadonlyMap<number, number>;
  readonly #pages: StatePages | undefined;
  /** By number in the fleet, of jobs that are in no session. */
  readonly #inputs = new Map<number, DueInput>();
  /** From numbers in the plan, and to them. */
  readonly #numbers = new Map<number, number>();
  readonly #planned = new Map<number, number>();
  /** Jobs that are stopped, and have not left the devices. */
  readonly #stopped = new Set<number>();
  #nextPlanned = 0;
  #originNs: number | undefined;
  #lastNs = 0;
  #sampledNs = 0;
  #isClosed = false;
  /** Whether a step is being carried out, and something was asked for meanwhile: it waits for the step's end. */
  #isFollowing = false;
  #isAsked = false;

  /** Sets the devices up. @throws DeviceError when one cannot do what the setting asks for */
  static async open(input: FleetExecutionInput): Promise<FleetExecution> {
    const host = input.host ?? localHost();
    try {
      const { plan: _plan, host: _host, startNs: _startNs, pages: _pages, samplesSpeed = false, ...options } = input;
      const execution: FleetExecution = new FleetExecution(
        input,
        host,
        await Session.open(host, {
          ...options,
          ...(samplesSpeed ? { sampleEveryNs: SAMPLE_EVERY_NS } : {}),
          keep: (planned, state) => execution.#keep(execution.#numbers.get(planned)!, state),
          // Weights are loaded before there is an execution.
          onEvent: (event) => (event.kind === "loaded" ? input.onEvent?.(event) : execution.#heard(event)),
        }),
      );
      return execution;
    } catch (error) {
      host[Symbol.dispose]();
      throw error;
    }
  }

  private constructor(input: FleetExecutionInput, host: StageHost, session: Session) {
    this.#input = input;
    this.#host = host;
    this.#session = session;
    const { pages, plan } = input;
    this.#pages = pages && new StatePages({ ...pages, order: () => plan.coming() });
    this.#pipelineOf = new Map(input.setting.pipelines.map(({ firstStage }, pipeline) => [firstStage, pipeline]));
  }

  /** Nanoseconds since the devices were ready first; the clock stands still while nobody carries the fleet out. */
  get nowNs(): number {
    return this.#originNs === undefined ? this.#startNs : Math.round(this.#host.nowNs() - this.#originNs);
  }

  get #startNs(): number {
    return this.#input.startNs ?? 0;
  }

  /** When the fleet's clock was 0, on the clock of the completions. */
  get originNs(): number {
    return this.#originNs ?? 0;
  }

  /** What was asked for, and waits for the next decision. */
  get pending(): readonly FleetEvent[] {
    return this.#input.plan.pending;
  }

  /**
   * Bytes that a job takes of each device of a pipeline, by the devices' own counts. It is there on all of them from
   * the end of its first iteration there until it is taken or has ended.
   */
  takenBy(number: number, pipeline: number): readonly number[] {
    const { firstStage, endStage } = this.#input.setting.pipelines[pipeline]!;
    const planned = this.#planned.get(number)!;
    return this.#session.runners.slice(firstStage, endStage).map(({ adapters }) => adapters.takenBy(planned));
  }

  /** A job comes now: its number. Its request's arrival is set to that. */
  submit(work: FleetWork, request: JobRequest, input: DueInput): number {
    const number = this.#input.plan.submit(work, { ...request, arrivalNs: this.nowNs });
    this.#come(number, input);
    this.#decideIfIdle();
    return number;
  }

  /** A job that had come before the fleet was cut off is there again: where it goes on from, if that is there already. */
  restore(
    work: FleetWork,
    event: Extract<FleetEvent, { kind: "restored" }>,
    input: DueInput,
  ): AdapterState | undefined {
    this.#input.plan.restore(work, event);
    return this.#come(event.number, input);
  }

  #come(number: number, due: DueInput): AdapterState | undefined {
    if (typeof due === "function") {
      this.#inputs.set(number, due);
      return undefined;
    }
    const { start, reference, ...input } = due;
    const kept = this.#keep(number, start);
    const compared = reference === start ? held(kept) : reference && this.#keep(number, reference);
    this.#inputs.set(number, { ...input, start: kept, reference: compared });
    return kept;
  }

  #keep(number: number, state: AdapterState): AdapterState {
    return this.#pages?.keep(number, state) ?? state;
  }

  /** The most bytes at any time. */
  get mostBytes(): FleetBytes {
    return {
      devices: this.#session.runners.map(({ device }) => device.statistics().memory.peakBytes),
      states: this.#pages?.peak ?? { memory: 0, disk: 0 },
    };
  }

  /** Whether the devices have nothing to do. */
  get isIdle(): boolean {
    return this.#session.numAhead === 0;
  }

  /** Asks for something of a job; whether it had not ended. */
  ask(event: AskedEvent): boolean {
    if (!this.#input.plan.has(event.number)) return false;
    this.#input.plan.ask(this.#originNs === undefined ? event : { ...event, askedNs: this.nowNs });
    this.#decideIfIdle();
    return true;
  }

  /** No job comes any more: `run` returns when all have ended. */
  close(): void {
    this.#isClosed = true;
    this.#closeIfOver();
  }

  /** Ends as soon as nothing is queued, whoever waits or is paused. */
  end(): void {
    this.#session.close();
  }

  /** Trains what comes, until the fleet is closed and all jobs have ended. @throws DeviceError */
  async run(): Promise<void> {
    await this.#session.run();
    this.#tellSpeeds();
    for (const { error } of this.#session.lost) throw error;
  }

  [Symbol.dispose](): void {
    this.#host[Symbol.dispose]();
    this.#pages?.[Symbol.dispose]();
  }

  /** What the session tells, with the fleet's numbers. */
  #heard(event: RunEvent): void {
    switch (event.kind) {
      case "ready":
        this.#start();
        break;
      case "completed":
        this.#complete(event);
        break;
      case "ended":
        this.#endJob(event);
        break;
      case "diverged":
        this.#tell({ ...event, job: this.#numbers.get(event.job)! });
        break;
      case "taken":
        this.#taken(event);
        break;
      case "states":
        this.#tellStates(event.states);
        break;
      case "lost":
        this.#lose(event.lost);
        break;
      default:
        this.#tell(event);
    }
  }

  #tell(event: RunEvent): void {
    this.#input.onEvent?.(event);
  }

  #start(): void {
    this.#originNs = this.#host.nowNs() - this.#startNs;
    this.#lastNs = this.#startNs;
    this.#tell({ kind: "ready" });
    this.#decideIfIdle();
    this.#closeIfOver();
  }

  #decideIfIdle(): void {
    if (this.#originNs === undefined) return;
    this.#isAsked = this.#isFollowing;
    if (this.#isFollowing) return;
    const step = this.#input.plan.decideIfIdle(this.#atNs(this.nowNs));
    if (step !== undefined) this.#follow(step);
  }

  /** Times of decisions do not go back, though devices report in another order. */
  #atNs(ns: number): number {
    this.#lastNs = Math.max(this.#lastNs, ns);
    return this.#lastNs;
  }

  /** It is told after what was decided on it. */
  #complete(event: Extract<RunEvent, { kind: "completed" }>): void {
    const passed = event.batch.flatMap(({ stage, done }) => {
      const pipeline = this.#pipelineOf.get(stage);
      return done.stream !== "compute" || pipeline === undefined ? [] : [{ pipeline, endNs: done.endNs }];
    });
    passed.sort((a, b) => a.endNs - b.endNs);
    for (const { pipeline, endNs } of passed)
      this.#follow(this.#input.plan.passed(pipeline, this.#atNs(Math.round(endNs - this.originNs))));
    this.#tell(event);
    if (this.nowNs - this.#sampledNs >= SPEEDS_EVERY_NS) this.#tellSpeeds();
    this.#closeIfOver();
  }

  #tellSpeeds(): void {
    if (this.#input.samplesSpeed !== true) return;
    this.#sampledNs = this.nowNs;
    for (const [stage, { device }] of this.#session.runners.entries())
      this.#tell({ kind: "speeds", stage, samples: device.takeSpeedSamples() });
  }

  #lose(lost: LostPipeline): void {
    const jobs = lost.jobs.map((planned) => this.#numbers.get(planned)!);
    this.#tell({ kind: "lost", lost: { ...lost, jobs } });
    this.#closeIfOver();
  }

  #follow(step: FleetStep): void {
    this.#isFollowing = true;
    this.#carryOut(step);
    this.#isFollowing = false;
    if (this.#isAsked) this.#decideIfIdle();
  }

  #carryOut({ lines, taken, pieces }: FleetStep): void {
    for (const line of lines) {
      this.#tell({ kind: "decided", line });
      for (const { kind, number } of line.decisions)
        if (kind === "stop" || kind === "refuse") this.#stop(number, taken.includes(number));
    }
    for (const number of taken) this.#session.take(this.#planned.get(number)!);
    for (const { segment, newJobs } of pieces) {
      this.#tell({ kind: "planned", segment });
      for (const number of newJobs) {
        this.#numbers.set(this.#nextPlanned, number);
        this.#planned.set(number, this.#nextPlanned);
        this.#nextPlanned += 1;
      }
      this.#session.append(
        segment,
        newJobs.map((number) => this.#take(number)),
      );
    }
    this.#closeIfOver();
  }

  /** What a job trains on and from, which its session has from now on. */
  #take(number: number): JobInput {
    const input = this.#inputs.get(number)!;
    this.#inputs.delete(number);
    return typeof input === "function" ? input() : input;
  }

  /** A job is over before its last iteration: at once where it is on no device. */
  #stop(number: number, isTaken: boolean): void {
    const planned = this.#planned.get(number);
    if (planned === undefined) {
      const input = this.#inputs.get(number)!;
      this.#inputs.delete(number);
      if (typeof input === "function") return;
      const { start, reference, best } = input;
      // It has trained before the fleet was cut off.
      if (start.firstMoment !== undefined) this.#tell({ kind: "taken", job: number, state: start, isOver: true, best });
      for (const each of [start, reference]) letGo(each);
    } else {
      this.#stopped.add(number);
      const state = isTaken ? undefined : this.#session.stateOf(planned);
      if (state !== undefined) this.#taken({ job: planned, state, best: this.#session.bestOf(planned) });
    }
  }

  #closeIfOver(): void {
    if (this.#originNs === undefined) return;
    // Who waits for a pipeline that has stopped waits for ever.
    const isOver = this.#session.lost.length > 0 ? this.isIdle : this.#isClosed && this.#input.plan.isOver;
    if (isOver) this.#session.close();
  }

  #endJob(event: Extract<RunEvent, { kind: "ended" }>): void {
    const number = this.#numbers.get(event.job)!;
    this.#forget(number);
    this.#tell({ ...event, job: number });
  }

  #taken({ job: planned, state, best }: Pick<Extract<RunEvent, { kind: "taken" }>, "job" | "state" | "best">): void {
    const number = this.#numbers.get(planned)!;
    const isOver = this.#stopped.delete(number);
    this.#tell({ kind: "taken", job: number, state, isOver, best });
    if (!isOver) return;
    this.#session.drop(planned);
    this.#forget(number);
  }

  #tellStates(states: ReadonlyMap<number, JobState>): void {
    const known = [...states].flatMap(([planned, state]) => {
      const number = this.#numbers.get(planned);
      return number === undefined ? [] : [[number, state] as const];
    });
    this.#tell({ kind: "states", states: new Map(known) });
  }

  #forget(number: number): void {
    const planned = this.#planned.get(number);
    this.#planned.delete(number);
    if (planned !== undefined) this.#numbers.delete(planned);
  }
}
