import { maximum, sum } from "../../core/index.ts";
import {
  actionDurations,
  type CostModel,
  type MicroBatch,
  messageBytes,
  type Pass,
  PLANNED_LETTERS,
  type PlannedLetter,
  type PlannedRow,
  passOf,
  type Setting,
} from "../../plan/index.ts";
import type { ExampleWork } from "./kinds-of-work.ts";

/** Of an iteration of a job on average, in nanoseconds: what it takes at least, whoever trains beside it. */
export interface IterationBound {
  readonly leastNs: number;
  /** For how long each stage of the pipeline works on it. */
  readonly stagesNs: readonly number[];
}

const NOTHING: readonly (readonly PlannedRow[])[] = [];

/** An idle link's time for a message. */
function transferNs(costs: CostModel, link: NonNullable<Setting["links"][number]>, bytes: number): number {
  const { latencySeconds, bytesPerSecond } = costs.linkCost(link);
  return 1e9 * (latencySeconds + (bytesPerSecond === null ? 0 : bytes / bytesPerSecond));
}

/**
 * Whichever stage one looks at: some forward has to get there before it can work, it has to do all forwards and backwards
 * of the mini-batch, and from the last of them a backward has to get back to the first stage, which updates then. So
 * long the iteration takes; and other jobs cannot have a stage while it works on this one. What it is evaluated on goes
 * through every stage behind the update, and is on the first one before the next iteration begins.
 */
export function iterationBound(
  setting: Setting,
  costs: CostModel,
  pipeline: number,
  { job, steps, evaluated }: ExampleWork,
  evaluatedShare = evaluated?.share ?? 0,
): IterationBound {
  const { firstStage, endStage } = setting.pipelines[pipeline]!;
  // What it is evaluated on as a step of its own, behind the others.
  const all = [...steps, evaluated?.parts ?? NOTHING];
  const microBatches = all
    .flatMap((parts, step) => parts.map((rows, part) => ({ step, part, rows })))
    .map(({ step, part, rows }, index): MicroBatch => {
      const own = rows.map(([, ...row]): PlannedRow => [0, ...row]);
      return { index, group: 0, step, part, after: [], rows: own };
    });
  const members = [{ job: 0, firstStep: 0, endStep: all.length }];
  const groups = { 0: { pipeline, members } };
  const jobs = { 0: { ...job, steps: all.length } };
  const durations = actionDurations({ ...setting, groups, jobs, microBatches }, costs);
  // While others do not work an action can be faster than by the cost model.
  const alone = (letter: Pass): number => Math.min(1, costs.contention?.alone[letter] ?? 1);
  const timeNs = (stage: number, letter: PlannedLetter, { index }: MicroBatch): number =>
    alone(passOf(letter)) * durations(stage, PLANNED_LETTERS.indexOf(letter), index);
  const bytes = messageBytes({ microBatches, model: setting.model });
  const stages = Array.from({ length: endStage - firstStage }, (_, at) => firstStage + at);
  const ofSteps = steps.map((_, step) => {
    const own = microBatches.filter((microBatch) => microBatch.step === step);
    const updatesNs = stages.map((stage) => timeNs(stage, "U", own[0]!));
    const workNs = stages.map((stage) => sum(own.map((each) => timeNs(stage, "F", each) + timeNs(stage, "B", each))));
    let reachNs = own.map(() => 0);
    let backNs = own.map(() => 0);
    const wholeNs = stages.map((stage, at) => {
      const ns = Math.min(...reachNs) + workNs[at]! + Math.min(...backNs) + updatesNs[0]!;
      const link = setting.links[stage];
      const overNs = own.map(({ index }) =>
        link === null || link === undefined ? 0 : transferNs(costs, link, bytes[index]!),
      );
      reachNs = own.map((each, i) => reachNs[i]! + timeNs(stage, "F", each) + overNs[i]!);
      backNs = own.map((each, i) => backNs[i]! + timeNs(stage, "B", each) + overNs[i]!);
      return ns;
    });
    return { leastNs: maximum(wholeNs), stagesNs: stages.map((_stage, at) => workNs[at]! + updatesNs[at]!) };
  });
  const over = (values: readonly number[]): number => sum(values) / steps.length;
  const held = microBatches.filter(({ step }) => step === steps.length);
  const heldNs = stages.map((stage) => evaluatedShare * sum(held.map((each) => timeNs(stage, "E", each))));
  return {
    leastNs: over(ofSteps.map(({ leastNs }) => leastNs)) + heldNs[0]!,
    stagesNs: stages.map((_, at) => over(ofSteps.map(({ stagesNs }) => stagesNs[at]!)) + heldNs[at]!),
  };
}
