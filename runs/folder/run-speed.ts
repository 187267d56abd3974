import path from "node:path";
import { groupBy, maximum, type Nanos, sum } from "../../core/index.ts";
import { type SeenCompletion, shareOfOthers } from "../../exec/index.ts";
import { linesOfFile } from "../../files/index.ts";
import {
  actionDurations,
  createCostModel,
  dependencyTable,
  FORWARD,
  fleetPlanBody,
  type JournalLine,
  type OwnWorkCosts,
  PLANNED_LETTERS,
  type PlanBody,
  parseAction,
  pipelineTable,
} from "../../plan/index.ts";
import { DeviceClock, decidedTimes, type GrownFleet } from "../../sim/index.ts";
import { ownWorkCounted, ownWorkLost } from "./own-work.ts";
import { checkAllReported, readCompletions, wholeSegments } from "./read-completions.ts";
import type { RunOfFleet } from "./read-run.ts";
import { RUN_FILES } from "./run-files.ts";

/** A device's speed is one figure for so long; a virtual machine's moves within seconds. */
const WINDOW_NS = 500e6;

/** How fast the devices of a fleet were while it ran, by what its actions took. */
export interface RunSpeed {
  /** By stage. */
  readonly clocks: readonly DeviceClock[];
  /**
   * Of an action of the fleet's plan: its predicted time at the speed that its device had in half a second, and what it
   * lost while its thread was without a core. Of a message beside its bytes: its latency, and what it lost.
   */
  readonly times: NonNullable<GrownFleet["times"]>;
  /**
   * What devices lost beside that, by JavaScript on their cores; undefined where nobody counted. Together with what other
   * programs took it is all that they lost.
   */
  readonly ownWork: OwnWorkCosts | undefined;
  /** From the first line of the journal until the first action began. */
  readonly firstNs: number;
}

interface TimedAction {
  readonly stage: number;
  readonly window: number;
  readonly tookNs: number;
  readonly lostNs: number;
  readonly predictedNs: number;
}

/** How many times what was predicted of some actions they took. */
function slowerBy(actions: readonly TimedAction[], lost: 0 | 1): number {
  return (
    sum(actions.map(({ tookNs, lostNs }) => tookNs + lost * lostNs)) / sum(actions.map((each) => each.predictedNs))
  );
}

/** By stage, one figure for each window of time. A device that did nothing in one says nothing of it. */
function byWindow(actions: readonly TimedAction[], stages: number, lost: 0 | 1): readonly (readonly number[])[] {
  const numWindows = maximum(actions.map(({ window }) => window)) + 1;
  const byStage = groupBy(actions, ({ stage }) => stage);
  return Array.from({ length: stages }, (_, stage) => {
    const own = byStage.get(stage) ?? actions;
    const windows = groupBy(own, ({ window }) => window);
    const whole = slowerBy(own, lost);
    return Array.from({ length: numWindows }, (__, window) => {
      const some = windows.get(window);
      return some === undefined ? whole : slowerBy(some, lost);
    });
  });
}

/**
 * When all was there that an action, or its message, waits for beside its thread and JavaScript; and the fleet's time 0
 * on the same clock, where the journal tells it.
 */
function readyTimes(
  plan: PlanBody,
  journal: readonly JournalLine[],
  completions: readonly SeenCompletion[],
): { readonly readyNs: (stream: string, key: string) => number; readonly fleetNs: number | undefined } {
  const ends = new Map<string, number>();
  const before = new Map<string, string>();
  const last = new Map<string, string>();
  for (const { stage, done } of completions) {
    const [key, line] = [`${done.stream} ${plan.actions[stage]![done.id]!}`, `${stage} ${done.stream}`];
    ends.set(key, done.endNs);
    if (last.has(line)) before.set(key, last.get(line)!);
    last.set(line, key);
  }
  const { dependenciesOf } = dependencyTable(plan);
  const { isFirst } = pipelineTable(plan);
  const endOf = (key: string | undefined): number => ends.get(key ?? "") ?? 0;
  const { heldNs, originNs: fleetNs } = decidedTimes(plan, journal, (action) => ends.get(`compute ${action}`));
  const readyNs = (stream: string, key: string): number => {
    const own = endOf(before.get(`${stream} ${key}`));
    if (stream !== "compute") return Math.max(own, endOf(`compute ${key}`));
    const { letter, microBatch, stage } = parseAction(key);
    const held = letter === "F" && isFirst(stage) ? heldNs.get(microBatch) : undefined;
    const decidedNs = held === undefined ? 0 : held + (fleetNs ?? Number.POSITIVE_INFINITY);
    const others = dependenciesOf(parseAction(key)).map(({ action, message }) =>
      Math.max(endOf(`compute ${action}`), message === "none" ? 0 : endOf(`send ${action}`)),
    );
    return Math.max(own, decidedNs, ...others);
  };
  return { readyNs, fleetNs };
}

/** Which shares of what devices lost, and of how late they were fed, are other programs' doing. */
function sharesOfOthers(work: ReturnType<typeof ownWorkCounted>): { readonly ofLost: number; readonly ofLate: number } {
  if (work === undefined) return { ofLost: 1, ofLate: 0 };
  const { mainSeconds, waitedSeconds } = work;
  const ofLost = shareOfOthers(work);
  return { ofLost, ofLate: (ofLost * waitedSeconds) / (waitedSeconds + mainSeconds) };
}

/**
 * The speed of a fleet's devices without what JavaScript did on their cores; undefined where none of its actions has
 * ended. All of its plan has to be there. @throws InputError where an ended fleet has not reported all actions
 */
export function runSpeed({ folder, setting, segments, lines, events, state }: RunOfFleet): RunSpeed | undefined {
  const plan = fleetPlanBody(setting, segments);
  const costs = createCostModel(setting.calibration, setting.model.dtype);
  const durations = actionDurations(plan, costs);
  const file = path.join(folder, RUN_FILES.completions);
  // What was written last of a fleet that goes on can be of a segment that is not written yet.
  const reported = state === "unfinished" ? wholeSegments(file, plan) : linesOfFile(file);
  const completions = [...readCompletions(reported, file, plan)];
  if (state === "ended") checkAllReported(file, plan, completions);
  if (completions.length === 0) return undefined;
  const originNs = -maximum(completions.map(({ done }) => -done.startNs));
  const timed = new Map<string, TimedAction>();
  const lostOfMessages = new Map<string, number>();
  const { readyNs, fleetNs } = readyTimes(plan, lines, completions);
  const work = ownWorkCounted(events);
  const { ofLost, ofLate } = sharesOfOthers(work);
  let ownLostNs = 0;
  for (const { stage, done } of completions) {
    const key = plan.actions[stage]![done.id]!;
    const { stream, startNs, endNs, interruptedNs = 0, delayedNs = 0 } = done;
    // A thread that waits for another device loses nothing meanwhile.
    const lateNs = Math.max(0, startNs - readyNs(stream, key));
    const withoutCoreNs = Math.min(delayedNs, lateNs);
    const lostNs = ofLost * (interruptedNs + withoutCoreNs) + ofLate * (lateNs - withoutCoreNs);
    if (stream === "send") lostOfMessages.set(key, lostNs);
    if (stream !== "compute") continue;
    if (startNs > originNs) ownLostNs += interruptedNs + lateNs - lostNs;
    const { letter, microBatch } = parseAction(key);
    timed.set(key, {
      ...{ stage, lostNs, tookNs: endNs - startNs - interruptedNs },
      window: Math.floor((startNs - originNs) / WINDOW_NS),
      predictedNs: durations(stage, PLANNED_LETTERS.indexOf(letter), microBatch),
    });
  }
  const actions = [...timed.values()];
  const own = byWindow(actions, setting.stages.length, 0);
  const keyOf = (stage: number, letter: number, microBatch: number): string =>
    `${stage}${PLANNED_LETTERS[letter]}${microBatch}`;
  return {
    ownWork:
      work && ownWorkLost(ownLostNs / 1e9, { actions: actions.length, segments: segments.length, cores: work.cores }),
    firstNs: fleetNs === undefined ? 0 : Math.max(0, originNs - fleetNs - lines[0]!.atNs),
    clocks: byWindow(actions, setting.stages.length, 1).map((slower) => new DeviceClock(WINDOW_NS, slower)),
    times: {
      action(stage, letter, microBatch) {
        const seen = timed.get(keyOf(stage, letter, microBatch));
        if (seen === undefined) return durations(stage, letter, microBatch);
        return Math.round(seen.predictedNs * own[stage]![seen.window]! + seen.lostNs) as Nanos;
      },
      message(stage, letter, microBatch) {
        const { latencySeconds } = costs.linkCost(setting.links[letter === FORWARD ? stage : stage - 1]!);
        return Math.round(1e9 * latencySeconds + (lostOfMessages.get(keyOf(stage, letter, microBatch)) ?? 0)) as Nanos;
      },
    },
  };
}
