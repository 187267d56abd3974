import { DeviceError } from "../core/index.ts";
import type { Completion } from "../native/index.ts";
import { actionsAhead, isSample, type MiniBatch, sampledSequences } from "../plan/index.ts";
import type { SeenAction } from "./executed-trace.ts";
import type { JobInput } from "./job-input.ts";
import type { LoweredAction, LoweredSend, Lowering } from "./lowering.ts";
import { messageOf } from "./message-of.ts";
import type { MiniBatchTable } from "./mini-batch-facts.ts";
import type { ExecutionRecord } from "./record-completions.ts";
import { backwardInput, type RunInput, runInput } from "./run-input.ts";
import { newStageQueue, type StageQueue } from "./stage-queue.ts";
import type { StageRunner } from "./stage-runner.ts";
import { type EarlyEnd, endEarly } from "./stop-early.ts";
import type { StoppedJobs } from "./stopped-jobs.ts";
import type { WatchedStage } from "./watchdog.ts";

/** What a run is fed with that computes nothing. */
const NO_ROWS: RunInput = {
  rows: 1,
  ids: Int32Array.of(0),
  targets: Int32Array.of(-1),
  sequences: Int32Array.of(0, 1),
  segments: [],
  rowKeys: Int32Array.of(0),
};

export interface DeviceQueuesInput {
  readonly runners: readonly StageRunner[];
  readonly record: ExecutionRecord;
  readonly lowering: Lowering;
  readonly stopped: StoppedJobs;
  readonly table: MiniBatchTable;
  readonly jobs: ReadonlyMap<number, JobInput>;
  /** Report the time of each operator of each run. */
  readonly profile: boolean;
  /** What fails in it fails the run. */
  readonly guarded: (work: () => void) => void;
}

/** What the devices have to do: what is in their queues, each filled as far as it keeps its device busy, and what comes. */
export class DeviceQueues {
  readonly #input: DeviceQueuesInput;
  readonly #stages: StageQueue[];
  readonly #stageOf: ReadonlyMap<string, number>;
  readonly #begun = new WeakSet<MiniBatch>();
  readonly #lost = new Set<number>();
  /** Messages to other ranks of which one side is over. */
  readonly #halves = new Set<LoweredSend>();
  /** Prompts that are being answered. */
  readonly #samplings = new Set<Promise<void>>();
  #early: EarlyEnd | undefined;
  #numActions = 0;

  constructor(input: DeviceQueuesInput) {
    this.#input = input;
    this.#stages = input.runners.map(newStageQueue);
    this.#stageOf = new Map(input.runners.map(({ device }, stage) => [device.name, stage]));
  }

  /** Actions that have ended, are queued or come; those that are left out of an early end are none of them. */
  get numActions(): number {
    return this.#numActions;
  }

  get hasEndedEarly(): boolean {
    return this.#early !== undefined;
  }

  /** Whether devices have anything to do. */
  get isBusy(): boolean {
    return this.#stages.some(({ queued }) => queued.size > 0);
  }

  /** By stage, the next actions. */
  append(orders: readonly (readonly LoweredAction[])[]): void {
    orders.forEach((actions, stage) => {
      if (this.#lost.has(stage)) return;
      const { coming } = this.#stages[stage]!;
      for (const action of actions) coming.add(action);
      this.#numActions += actions.length;
      this.#input.runners[stage]!.adapters.expect(actions);
    });
  }

  /** Puts into each device's queue what it may hold. */
  fill(): void {
    const { runners, record } = this.#input;
    for (const [stage, { adapters }] of runners.entries()) {
      const queue = this.#stages[stage]!;
      if (queue.isSampling) continue;
      const ended = record.ended(stage);
      const most = ended + actionsAhead(record.meanSeconds(stage));
      for (let next = queue.coming.first; next !== undefined; next = queue.coming.first) {
        const isLeftOut = this.#early?.skips(next) ?? false;
        if (!isLeftOut) {
          if (queue.numEnqueued >= most || !adapters.admits(next.id, ended) || this.#waits(stage, next)) break;
          // An answer is made of what the devices have given, so that nothing else may be queued.
          if (isSample(next.microBatch) && queue.numEnqueued > ended) break;
          this.#enqueue(stage, queue, next);
        }
        queue.coming.take();
        if (queue.isSampling) break;
      }
    }
  }

  /** Whether a forward needs what other micro-batches of its step have not told: `kl` of KTO, where the losses are. */
  #waits(stage: number, { action, microBatch }: LoweredAction): boolean {
    const { runners, record, stopped } = this.#input;
    if (action.letter !== "F" || !runners[stage]!.stage.head) return false;
    return microBatch.rows.some(
      ([job, , , , compared]) =>
        compared?.part === "own" &&
        !stopped.has(job) &&
        !microBatch.rows.some(([other, , , , beside]) => other === job && beside?.part === "other") &&
        record.divergenceOf(job, microBatch) === undefined,
    );
  }

  /** What devices have reported, as the actions that it is of. */
  seen(batch: readonly Completion[]): readonly SeenAction[] {
    return batch.flatMap((done): readonly SeenAction[] => {
      const stage = this.#stageOf.get(done.device)!;
      if (this.#input.runners[stage]!.sampler?.heard(done) === true) return [];
      const { queued, sampled: answered } = this.#stages[stage]!;
      const lowered = queued.get(done.id)!;
      const sampled = answered.get(done.id);
      if (sampled === undefined) return [{ stage, done, lowered }];
      answered.delete(done.id);
      const { startNs, interruptedNs } = sampled;
      return [
        {
          stage,
          done: { ...done, startNs, ...(interruptedNs === undefined ? {} : { interruptedNs }) },
          lowered,
          sampled,
        },
      ];
    });
  }

  /** Once no prompts are being answered. */
  async sampled(): Promise<void> {
    while (this.#samplings.size > 0) await Promise.all(this.#samplings);
  }

  /** Runs that have made answers. */
  get numSampleRuns(): number {
    return this.#input.runners.reduce((sum, { sampler }) => sum + (sampler?.numEnded ?? 0), 0);
  }

  /** A stage's device has stopped: what is not over of its order, and what comes of it, never is. */
  lose(stage: number): void {
    const queue = this.#stages[stage]!;
    const isCounted = (action: LoweredAction): boolean => this.#early?.skips(action) !== true;
    const ended = this.#input.record.ended(stage);
    this.#numActions -= queue.numEnqueued - ended + [...queue.coming].filter(isCounted).length;
    this.#stages[stage] = { ...newStageQueue(), numEnqueued: ended };
    this.#lost.add(stage);
    this.#input.runners[stage]!.sampler?.fail(
      new DeviceError({ expected: "the stage's device to go on", got: "none" }),
    );
  }

  /** A task of an action is over: itself, or its message, or a side of that. Whether nothing of the action is left. */
  leave({ stage, done, lowered }: SeenAction): boolean {
    const { send } = lowered;
    if (send !== undefined && done.stream === "compute") return false;
    // Its sides are told of in any order.
    const isHalf = send?.receiveWaits !== undefined && !this.#halves.delete(send);
    if (isHalf) this.#halves.add(send);
    else this.#stages[stage]!.queued.delete(lowered.id);
    return !isHalf;
  }

  /** Mini-batches that have begun are finished, no other begins. */
  endEarly(): void {
    this.#early = endEarly(
      this.#stages.map(({ coming }) => coming),
      (miniBatch) => this.#begun.has(miniBatch),
    );
    this.#numActions = this.#early.numActions;
    for (const { numEnqueued } of this.#stages) this.#numActions += numEnqueued;
    for (const { adapters } of this.#input.runners) adapters.close();
  }

  /** What of each stage is not over. */
  watched(): readonly WatchedStage[] {
    const { runners, record } = this.#input;
    return this.#stages.map(({ coming, queued }, stage) => ({
      device: runners[stage]!.device.name,
      queued: [...queued.values()].map((lowered) => ({ lowered, isComputed: lowered.id < record.ended(stage) })),
      coming,
    }));
  }

  #enqueue(stage: number, queue: StageQueue, planned: LoweredAction): void {
    const { runners, record, stopped, profile } = this.#input;
    const runner = runners[stage]!;
    const leftOut = stopped.leftOutOf(planned);
    const own = leftOut === undefined ? planned : { ...planned, leftOut };
    const lowered = this.#early?.without(own) ?? own;
    queue.queued.set(planned.id, own);
    queue.numEnqueued += 1;
    this.#begun.add(planned.miniBatch);
    if (planned.action.letter === "U") record.states.enqueued(planned.miniBatch);
    const end = (): void => runner.enqueue(lowered, this.#inputOf(stage, queue, planned), profile);
    if (isSample(planned.microBatch) && leftOut?.all !== true) this.#answer(stage, queue, own, end);
    else end();
    if (lowered.send !== undefined) runner.device.enqueueSend(messageOf(runner, runners, lowered));
  }

  /** Answers the prompts of an action; it ends with a task that does nothing. */
  #answer(stage: number, queue: StageQueue, { id, microBatch, leftOut }: LoweredAction, end: () => void): void {
    const { runners, jobs, guarded } = this.#input;
    const asked = sampledSequences(microBatch).filter(({ asker }) => leftOut?.jobs.has(asker) !== true);
    queue.isSampling = true;
    const answered = runners[stage]!.sampler!.answer(asked, (job, row) => jobs.get(job)!.rows[row]!.inputIds)
      .then(
        (sampled) => {
          queue.isSampling = false;
          queue.sampled.set(id, sampled);
          guarded(end);
        },
        (error: unknown) => {
          // Of a device that has stopped nobody waits for answers.
          if (!this.#lost.has(stage))
            guarded(() => {
              throw error;
            });
        },
      )
      .finally(() => this.#samplings.delete(answered));
    this.#samplings.add(answered);
  }

  /** What forward and backward of a micro-batch are fed with, made once for both. */
  #inputOf(stage: number, { inputs }: StageQueue, lowered: LoweredAction): RunInput | undefined {
    const { runners, table, lowering, jobs } = this.#input;
    const { action, microBatch, miniBatch } = lowered;
    if (action.letter === "U") return undefined;
    if (isSample(microBatch)) return NO_ROWS;
    const { adapters } = runners[stage]!;
    const known =
      inputs.get(microBatch.index) ??
      runInput(microBatch, table.of(miniBatch), {
        jobOf: (job) => lowering.live.jobs[job]!,
        rowOf: (job, row) => jobs.get(job)!.rows[row],
        adapterOf: (job) => adapters.handleOf(job),
        referenceOf: (job) => adapters.referenceOf(job),
        divergenceOf: (job) => this.#input.record.divergenceOf(job, microBatch),
      });
    if (action.letter === "B") {
      inputs.delete(microBatch.index);
      return backwardInput(known, microBatch);
    }
    if (action.letter === "F") inputs.set(microBatch.index, known);
    return known;
  }
}
