import { formatSeconds, PlanError, sum } from "../core/index.ts";
import {
  actionDurations,
  type Calibration,
  type CostModel,
  createCostModel,
  type PlanBody,
  restOfPlan,
} from "../plan/index.ts";
import { planOfPart, type RunPart } from "../traces/index.ts";
import { BegunWork, type Rhythm } from "./begun-work.ts";
import type { ComputeColumns } from "./run/device.ts";
import { PlanRun } from "./run/plan-run.ts";
import { deviceTimes, type RunTimes } from "./run/run-plan.ts";
import { blockingRuns } from "./simulate-blocking.ts";
import { hasBlockingLinks } from "./tasks/blocking-tasks.ts";

/** When a machine is taken away, and what that takes. All in seconds. */
export interface Interruptions {
  /** From the first action of a start to its notice. */
  readonly everySeconds: number;
  /** From a notice to the end of the machine. */
  readonly noticeSeconds: number;
  /** Writing one checkpoint. */
  readonly checkpointSeconds: number;
  /** From an end to the first action of the next start. */
  readonly restartSeconds: number;
  /** From one checkpoint to the next while nobody interrupts; 0 for none by time. */
  readonly checkpointEverySeconds: number;
  /** The same in steps of some job; 0 for none by steps. */
  readonly checkpointEverySteps: number;
}

/** What makes an interrupted run longer. */
export const INTERRUPTION_CAUSES = ["drain", "checkpoint", "restart", "lost", "fill"] as const;
export type InterruptionCause = (typeof INTERRUPTION_CAUSES)[number];

/** Whole nanoseconds. `totalNs` is `makespanNs` and all causes. */
export interface InterruptedRun {
  /** Without interruptions. */
  readonly makespanNs: number;
  readonly totalNs: number;
  /** Interruptions before the end. */
  readonly count: number;
  /**
   * `drain`: devices wait for others to finish what has begun; `fill`: they wait for their first work after a start.
   * What running takes more with interruptions is divided between these two as devices are idle there.
   */
  readonly causesNs: Readonly<Record<InterruptionCause, number>>;
}

export interface InterruptedInput {
  readonly plan: PlanBody;
  readonly calibration: Calibration;
  readonly interruptions: Interruptions;
  /** Times of actions and messages are as many times those of the calibration; 1 when absent. */
  readonly slower?: number;
}

/** Each start is planned and simulated, which takes time that grows with the plan. */
const MOST_INTERRUPTIONS = 1000;

const HINT =
  "A longer notice, more checkpoints (--checkpoint-minutes, --checkpoint-steps) or smaller mini-batches would help.";

function slowedTimes(plan: PlanBody, costModel: CostModel, slower: number): RunTimes {
  const own = actionDurations(plan, costModel);
  const { gapNs, ...ofDevices } = deviceTimes(costModel);
  return {
    ...ofDevices,
    gapNs: Math.round((gapNs ?? 0) * slower),
    action: (stage, letter, microBatch) =>
      Math.round(own(stage, letter, microBatch) * slower) as ReturnType<typeof own>,
    links: {
      linkCost(link) {
        const { latencySeconds, bytesPerSecond } = costModel.linkCost(link);
        return {
          latencySeconds: latencySeconds * slower,
          bytesPerSecond: bytesPerSecond === null ? null : bytesPerSecond / slower,
        };
      },
    },
  };
}

/** By stage, the actions that have ended by some time, in their order. @throws PlanError as `PlanRun.finish` */
function endedActions(plan: PlanBody, times: RunTimes, untilNs: number): readonly ComputeColumns[] {
  if (hasBlockingLinks(plan))
    return blockingRuns(
      plan,
      "marked",
    )(times).devices.map(({ compute }) => {
      const after = compute.endNs.findIndex((endNs) => endNs > untilNs);
      const length = after < 0 ? compute.endNs.length : after;
      return { ...compute, startNs: compute.startNs.subarray(0, length), endNs: compute.endNs.subarray(0, length) };
    });
  const run = new PlanRun(plan, times);
  run.append(plan, () => times.action);
  if (untilNs < Number.POSITIVE_INFINITY) run.advance(untilNs);
  const { devices } = untilNs < Number.POSITIVE_INFINITY ? run.take() : run.finish();
  return devices.map(({ compute }) => compute);
}

/** The end of each stage's last action; undefined for one that has none. */
function lastEnds(stages: readonly ComputeColumns[]): readonly (number | undefined)[] {
  return stages.map(({ endNs }) => endNs.at(-1));
}

function latest(ends: readonly (number | undefined)[]): number {
  return ends.reduce<number>((end, own) => Math.max(end, own ?? 0), 0);
}

/** A run that is interrupted again and again, as far as it has got. */
class Course {
  readonly #interruptions: Interruptions;
  readonly #rhythm: Rhythm;
  readonly #timesOf: (plan: PlanBody) => RunTimes;
  readonly #everyNs: number;
  readonly #noticeNs: number;
  readonly #checkpointNs: number;
  readonly #restartNs: number;
  count = 0;
  totalNs = 0;
  /** Of `totalNs`, what devices were given for work that was kept. */
  runningNs = 0;
  lostNs = 0;
  checkpointNs = 0;
  restartNs = 0;
  /** Idle times of devices, together. */
  drainedNs = 0;
  filledNs = 0;

  constructor(interruptions: Interruptions, timesOf: (plan: PlanBody) => RunTimes) {
    const ns = (seconds: number): number => Math.round(1e9 * seconds);
    this.#interruptions = interruptions;
    this.#timesOf = timesOf;
    this.#everyNs = ns(interruptions.everySeconds);
    this.#noticeNs = ns(interruptions.noticeSeconds);
    this.#checkpointNs = ns(interruptions.checkpointSeconds);
    this.#restartNs = ns(interruptions.restartSeconds);
    this.#rhythm = {
      everyNs: ns(interruptions.checkpointEverySeconds),
      everySteps: interruptions.checkpointEverySteps,
    };
  }

  /** One start of what is left; what is left behind it, undefined where that is nothing. @throws PlanError */
  start(plan: PlanBody): PlanBody | undefined {
    const ended = endedActions(plan, this.#timesOf(plan), this.#everyNs);
    if (this.count > 0) for (const { startNs } of ended) this.filledNs += startNs[0] ?? 0;
    if (ended.every(({ endNs }, stage) => endNs.length === plan.actions[stage]!.length))
      return this.#finish(latest(lastEnds(ended)));
    const work = new BegunWork(plan, ended, this.#everyNs);
    const begun = work.begun();
    const { endNs, idleNs } = this.#drained(plan, begun);
    const needsNs = endNs - this.#everyNs + (work.isAll ? 0 : this.#checkpointNs);
    if (needsNs > this.#noticeNs) return this.#fallBack(plan, work, needsNs);
    if (work.isAll) return this.#finish(endNs);
    this.drainedNs += idleNs;
    this.#spend(endNs, this.#checkpointNs);
    return restOfPlan(plan, begun.steps);
  }

  /** When a part of a plan has ended, and how long devices that have more to do are idle before that, together. */
  #drained(plan: PlanBody, part: RunPart): { readonly endNs: number; readonly idleNs: number } {
    const own = planOfPart(plan, part);
    const ends = lastEnds(endedActions(own, this.#timesOf(own), Number.POSITIVE_INFINITY));
    const endNs = latest(ends);
    const waiting = ends.filter((_, stage) => own.actions[stage]!.length < plan.actions[stage]!.length);
    return { endNs, idleNs: sum(waiting.map((end = 0) => endNs - end)) };
  }

  #finish(endNs: number): undefined {
    this.totalNs += endNs;
    this.runningNs += endNs;
  }

  #spend(runningNs: number, checkpointNs: number): void {
    this.count += 1;
    this.runningNs += runningNs;
    this.checkpointNs += checkpointNs;
    this.restartNs += this.#restartNs;
    this.totalNs += runningNs + checkpointNs + this.#restartNs;
  }

  /** The machine is taken away before the checkpoint is there. @throws PlanError where nothing of the start is kept */
  #fallBack(plan: PlanBody, work: BegunWork, needsNs: number): PlanBody | undefined {
    const kept = work.lastCheckpoint(this.#rhythm, this.#everyNs);
    const { everySeconds, noticeSeconds } = this.#interruptions;
    if (kept === undefined)
      throw new PlanError({
        expected:
          "progress between two interruptions: a checkpoint within the notice of " +
          `${formatSeconds(noticeSeconds)}, or before it`,
        got:
          `${formatSeconds(needsNs / 1e9)} to finish what has begun and write one, and none in the ` +
          `${formatSeconds(everySeconds)} before`,
        hint: HINT,
      });
    const { endNs: keptNs } = this.#drained(plan, kept);
    const lostNs = this.#everyNs + this.#noticeNs - keptNs;
    this.lostNs += lostNs;
    this.totalNs += lostNs;
    this.#spend(keptNs, 0);
    return restOfPlan(plan, kept.steps);
  }
}

/**
 * A plan's run on a machine that is taken away again and again, in virtual time. A start runs until its notice; then it
 * does what the executor does: it finishes the mini-batches that have begun, writes a checkpoint and ends. The next
 * start goes on with the rest of the plan, or if that did not fit into the notice, from the last checkpoint before.
 * @throws PlanError where a start keeps nothing of its work, or interruptions are too many
 */
export function interruptedRun({ plan, calibration, interruptions, slower = 1 }: InterruptedInput): InterruptedRun {
  const costModel = createCostModel(calibration, plan.model.dtype);
  const timesOf = (part: PlanBody): RunTimes => slowedTimes(part, costModel, slower);
  const makespanNs = latest(lastEnds(endedActions(plan, timesOf(plan), Number.POSITIVE_INFINITY)));
  if (makespanNs / 1e9 / interruptions.everySeconds > MOST_INTERRUPTIONS)
    throw new PlanError({
      expected: `at most ${MOST_INTERRUPTIONS} interruptions in a run of ${formatSeconds(makespanNs / 1e9)}`,
      got: `one every ${formatSeconds(interruptions.everySeconds)}`,
    });
  const course = new Course(interruptions, timesOf);
  for (let rest = course.start(plan); rest !== undefined; ) rest = course.start(rest);
  const { count, totalNs, runningNs, lostNs, checkpointNs, restartNs, drainedNs, filledNs } = course;
  const moreNs = runningNs - makespanNs;
  const idleNs = drainedNs + filledNs;
  const drain = idleNs === 0 ? 0 : Math.round((moreNs * drainedNs) / idleNs);
  const causesNs = { drain, checkpoint: checkpointNs, restart: restartNs, lost: lostNs, fill: moreNs - drain };
  return { makespanNs, totalNs, count, causesNs };
}
