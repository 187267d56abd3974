import type { Device, Handle, Runtime } from "../native/index.ts";
import { computeDtype, microBatchTokens } from "../plan/index.ts";
import { assignDevices } from "./assign-devices.ts";
import { createStageRunners } from "./create-stage-runners.ts";
import type { SeenCompletion } from "./executed-trace.ts";
import type { ExecuteInput, ExecuteResult } from "./execution.ts";
import { JobEnds } from "./job-ends.ts";
import { type LoweredAction, type LoweredPlan, lowerPlan } from "./lower-plan.ts";
import type { AdapterPair } from "./peft.ts";
import { type ExecutionRecord, recordCompletions } from "./record-completions.ts";
import { type RunInput, rowNumbers, runInput, scoredTokens } from "./run-input.ts";
import type { StageRunner } from "./stage-runner.ts";
import { type EarlyEnd, endEarly } from "./stop-early.ts";

/**
 * Actions that a stage's queue may hold ahead: many, so that JavaScript seldom takes a device's core to fill it; not
 * all, so that it never holds a long run; and of long ones fewer, since a run that is to end early runs what is queued.
 * The least is above that at which a device asks for more (native/src/runtime/stream.cc).
 */
const AHEAD = { least: 40, most: 256, seconds: 1 } as const;

/** A plan on its devices: what was set up, what is in their queues, and what has ended. */
export class Session {
  readonly #input: ExecuteInput;
  readonly #runtime: Runtime;
  readonly #lowered: LoweredPlan;
  readonly #runners: readonly StageRunner[];
  readonly #firstEvent: number;
  readonly #scored: readonly Float64Array[];
  /** By micro-batch and row. */
  readonly #rowNumbers: readonly Int32Array[];
  /** By stage, of micro-batches between forward and backward. */
  readonly #runInputs: readonly Map<number, RunInput>[];
  readonly #record: ExecutionRecord;
  readonly #jobEnds: JobEnds;
  /** By stage: the next action of its order, and how many the device got. */
  readonly #next: number[];
  readonly #numEnqueued: number[];
  #early: EarlyEnd | undefined;
  #totalActions: number;
  #fail: (error: unknown) => void = () => {};
  readonly #failure: Promise<never>;

  private constructor(runtime: Runtime, input: ExecuteInput, lowered: LoweredPlan, runners: readonly StageRunner[]) {
    const { plan } = input;
    this.#input = input;
    this.#runtime = runtime;
    this.#lowered = lowered;
    this.#runners = runners;
    this.#firstEvent = runtime.createEvents(lowered.numEvents);
    this.#scored = scoredTokens(plan);
    this.#rowNumbers = rowNumbers(plan);
    this.#runInputs = plan.stages.map(() => new Map());
    this.#record = recordCompletions({
      plan,
      lowered,
      runners: this.#runners,
      scored: this.#scored,
      versions: input.versions,
      ...(input.onStep === undefined ? {} : { onStep: input.onStep }),
    });
    this.#jobEnds = new JobEnds(plan);
    this.#next = plan.stages.map(() => 0);
    this.#numEnqueued = plan.stages.map(() => 0);
    this.#totalActions = lowered.stages.reduce((sum, order) => sum + order.length, 0);
    this.#failure = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    // Whoever waits for it hears of it; nobody has to.
    this.#failure.catch(() => {});
    runtime.onError((error) => this.#fail(error));
    runtime.onComplete((batch) => this.#guarded(() => this.#complete(this.#record.add(batch))));
  }

  /** Sets the devices up. @throws DeviceError when one cannot do what the plan asks for */
  static async open(runtime: Runtime, input: ExecuteInput): Promise<Session> {
    const devices = assignDevices(input.plan);
    const lowered = lowerPlan(input.plan);
    return new Session(runtime, input, lowered, await createStageRunners({ ...input, runtime, devices, lowered }));
  }

  /** Runs the plan, to its end or as far as it is let. */
  async run(): Promise<ExecuteResult> {
    const { plan, sampleEveryNs, onStart, stop } = this.#input;
    // What is set up runs on the devices' threads as well: none starts the plan while another still packs its weights.
    await this.#idle();
    if (sampleEveryNs !== undefined)
      for (const device of this.#devices) device.sampleSpeed(computeDtype(plan.model.dtype), sampleEveryNs);
    this.#fill();
    onStart?.();
    this.#runtime.signal(this.#firstEvent + this.#lowered.startEvent);
    const end = (): void => this.#guarded(() => this.#endEarly());
    if (stop?.aborted) end();
    else stop?.addEventListener("abort", end);
    try {
      while (this.#record.progress().doneActions < this.#totalActions) await this.#idle();
      await this.#runtime.idle();
    } finally {
      stop?.removeEventListener("abort", end);
    }
    return {
      ...this.#record.finish(),
      endedEarly: this.#early !== undefined,
      adapters: plan.jobs.map((_, job) => this.#adapterOf(job)),
      operators: this.#runners.map((runner) => runner.operators),
      statistics: this.#devices.map((device) => device.statistics()),
    };
  }

  get #devices(): readonly Device[] {
    return this.#runners.map(({ device }) => device);
  }

  #idle(): Promise<void> {
    return Promise.race([this.#runtime.idle(), this.#failure]);
  }

  /** What fails where nobody waits fails the run. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#fail(error);
    }
  }

  #complete(seen: readonly SeenCompletion[]): void {
    const { onCompletions, onJobEnd, onProgress } = this.#input;
    this.#fill();
    onCompletions?.(seen);
    for (const { stage, done } of onJobEnd === undefined ? [] : seen) {
      if (done.stream !== "compute") continue;
      const ended = this.#jobEnds.after(this.#lowered.stages[stage]![done.id]!);
      for (const job of ended) onJobEnd!(job, this.#adapterOf(job));
    }
    onProgress?.({ ...this.#record.progress(), totalActions: this.#totalActions });
  }

  #endEarly(): void {
    this.#early = endEarly(this.#input.plan, this.#lowered, this.#next);
    this.#totalActions = this.#early.numActions;
    for (const { adapters } of this.#runners) adapters.close();
    this.#fill();
  }

  #adapterOf(job: number): readonly AdapterPair[] {
    return this.#runners.flatMap(({ adapters }) => adapters.read(job));
  }

  #aheadOf(stage: number): number {
    const mean = this.#record.meanSeconds(stage);
    const wanted = mean === 0 ? AHEAD.least : Math.ceil(AHEAD.seconds / mean);
    return Math.min(AHEAD.most, Math.max(AHEAD.least, wanted));
  }

  /** Puts into each device's queue what it may hold. */
  #fill(): void {
    for (const [stage, { adapters }] of this.#runners.entries()) {
      const order = this.#lowered.stages[stage]!;
      const ended = this.#record.ended(stage);
      const most = ended + this.#aheadOf(stage);
      while (this.#next[stage]! < order.length && this.#numEnqueued[stage]! < most) {
        const id = this.#next[stage]!;
        const planned = order[id]!;
        if (!this.#early?.skips(planned)) {
          if (!adapters.admits(id, ended)) break;
          this.#enqueue(stage, id, this.#early?.without(planned) ?? planned);
          this.#numEnqueued[stage]! += 1;
        }
        this.#next[stage] = id + 1;
      }
    }
  }

  #enqueue(stage: number, id: number, action: LoweredAction): void {
    const { plan, profile = false } = this.#input;
    const runner = this.#runners[stage]!;
    runner.enqueue(id, action, this.#inputOf(stage, action), this.#firstEvent, profile);
    const { send } = action;
    if (send === undefined) return;
    const up = action.action.letter === "F";
    const target = this.#runners[send.toStage]!;
    runner.device.enqueueSend({
      id,
      source: runner.arena.buffer(up ? "activationOut" : "gradientOut", action.outBuffer!),
      bytes: microBatchTokens(plan.microBatches[action.action.microBatch]!) * runner.messageBytesPerToken,
      destination: target.device,
      destinationOffset: target.arena.buffer(up ? "activationIn" : "gradientIn", send.toBuffer),
      waits: send.waits.map((wait) => wait + this.#firstEvent),
      signal: send.event + this.#firstEvent,
    });
  }

  /** What forward and backward of a micro-batch are fed with, made once for both. */
  #inputOf(stage: number, { action: { letter, microBatch } }: LoweredAction): RunInput | undefined {
    if (letter === "U") return undefined;
    const { plan, rows } = this.#input;
    const { adapters } = this.#runners[stage]!;
    const known = this.#runInputs[stage]!;
    const handleOf = (job: number): Handle => adapters.handleOf(job);
    const run =
      known.get(microBatch) ??
      runInput(plan, plan.microBatches[microBatch]!, rows, this.#scored, this.#rowNumbers[microBatch]!, handleOf);
    if (letter === "B") known.delete(microBatch);
    else known.set(microBatch, run);
    return run;
  }
}
