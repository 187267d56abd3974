import { maximum, sum } from "../../core/index.ts";
import {
  actionDurations,
  type CostModel,
  type MicroBatch,
  messageBytes,
  microBatchTokens,
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

/** Sizes of micro-batches that are looked at for what a token takes at least. */
const MOST_SIZES = 64;

/** Numbers of rows that are looked at are powers of two: one between them takes less by this at most. */
const BETWEEN_POWERS = (Math.SQRT2 + Math.SQRT1_2) / 2;

/** So many tokens in 1, 2, 4 rows and so on, to a token a row: each time of lengths as equal as can be. */
function waysToDivide(tokens: number): readonly (readonly number[])[] {
  const counts = Array.from({ length: Math.floor(Math.log2(tokens)) + 1 }, (_, power) => 2 ** power);
  return counts.map((count) => {
    const longer = tokens % count;
    return Array.from({ length: count }, (_, row) => Math.floor(tokens / count) + (row < longer ? 1 : 0));
  });
}

const NOTHING: readonly (readonly PlannedRow[])[] = [];

/** An idle link's time for a message. */
function transferNs(costs: CostModel, link: NonNullable<Setting["links"][number]>, bytes: number): number {
  const { latencySeconds, bytesPerSecond } = costs.linkCost(link);
  return 1e9 * (latencySeconds + (bytesPerSecond === null ? 0 : bytes / bytesPerSecond));
}

/**
 * For how long each stage of a pipeline works on a token at least, forward and backward, whoever shares its micro-batch:
 * on one that is as large as is best, in rows that are as long as is best (many rows take time for each, long ones for
 * their attention), without adapters. A larger micro-batch takes no less time, so that sizes between two that are looked
 * at are bounded by the time of the smaller one.
 */
export function tokenBoundNs(
  setting: Setting,
  costs: CostModel,
  pipeline: number,
  { job }: Pick<ExampleWork, "job">,
): readonly number[] {
  const { firstStage, endStage, room } = setting.pipelines[pipeline]!;
  const strideTokens = Math.ceil(room.maxTokens / MOST_SIZES);
  const sizes = Array.from({ length: Math.ceil(room.maxTokens / strideTokens) }, (_, at) => 1 + at * strideTokens);
  const ways = sizes.flatMap((tokens) => waysToDivide(tokens).map((lengths) => ({ tokens, lengths })));
  const microBatches = ways.map(({ lengths }, index): MicroBatch => {
    const rows = lengths.map((length, row): PlannedRow => [0, row, length, 1]);
    return { index, group: 0, step: index, part: 0, after: [], rows };
  });
  const groups = { 0: { pipeline, members: [{ job: 0, firstStep: 0, endStep: ways.length }] } };
  const jobs = { 0: { ...job, adapter: { ...job.adapter, targets: [] }, steps: ways.length } };
  const timeNs = timesAlone({ ...setting, groups, jobs, microBatches }, costs);
  return Array.from({ length: endStage - firstStage }, (_, at) =>
    Math.min(
      ...microBatches.map((each, way) => {
        const mostTokens = Math.min(room.maxTokens, ways[way]!.tokens + strideTokens - 1);
        const ns = timeNs(firstStage + at, "F", each) + timeNs(firstStage + at, "B", each);
        return ns / mostTokens / BETWEEN_POWERS;
      }),
    ),
  );
}

/** Times of actions while nobody else works: they can be faster then than by the cost model. */
function timesAlone(plan: Parameters<typeof actionDurations>[0], costs: CostModel) {
  const durations = actionDurations(plan, costs);
  const alone = (letter: Pass): number => Math.min(1, costs.contention?.alone[letter] ?? 1);
  return (stage: number, letter: PlannedLetter, { index }: MicroBatch): number =>
    alone(passOf(letter)) * durations(stage, PLANNED_LETTERS.indexOf(letter), index);
}

/**
 * Whichever stage one looks at: some forward has to get there before it can work, it has to do all forwards and backwards
 * of the mini-batch, and from the last of them a backward has to get back to the first stage, which updates then. So
 * long the iteration takes; and other jobs cannot have a stage while it works on this one. What it is evaluated on goes
 * through every stage behind the update, and is on the first one before the next iteration begins.
 *
 * `tokensNs`: jobs may share micro-batches, and a stage works on a token for at least so long (`tokenBoundNs`). Then
 * nothing is known of who is in a micro-batch but that one with some row takes no less than the row alone, and an update
 * may be of several jobs.
 */
export function iterationBound(
  setting: Setting,
  costs: CostModel,
  pipeline: number,
  { job, steps, evaluated }: ExampleWork,
  evaluatedShare = evaluated?.share ?? 0,
  tokensNs?: readonly number[],
): IterationBound {
  const { firstStage, endStage } = setting.pipelines[pipeline]!;
  const pieces = tokensNs === undefined ? steps : steps.map((parts) => parts.flat().map((row) => [row]));
  // What it is evaluated on as a step of its own, behind the others.
  const all = [...pieces, evaluated?.parts ?? NOTHING];
  const microBatches = all
    .flatMap((parts, step) => parts.map((rows, part) => ({ step, part, rows })))
    .map(({ step, part, rows }, index): MicroBatch => {
      const own = rows.map(([, ...row]): PlannedRow => [0, ...row]);
      return { index, group: 0, step, part, after: [], rows: own };
    });
  const members = [{ job: 0, firstStep: 0, endStep: all.length }];
  const groups = { 0: { pipeline, members } };
  const jobs = { 0: { ...job, steps: all.length } };
  const timeNs = timesAlone({ ...setting, groups, jobs, microBatches }, costs);
  const bytesOf = messageBytes({ ...setting, microBatches });
  const stages = Array.from({ length: endStage - firstStage }, (_, at) => firstStage + at);
  const ofSteps = steps.map((_, step) => {
    const own = microBatches.filter((microBatch) => microBatch.step === step);
    const updatesNs = stages.map((stage) => timeNs(stage, "U", own[0]!));
    const piecesNs = stages.map((stage) => own.map((each) => timeNs(stage, "F", each) + timeNs(stage, "B", each)));
    const tokens = sum(own.map(microBatchTokens));
    const workNs = piecesNs.map((ns, at) => (tokensNs === undefined ? sum(ns) : tokens * tokensNs[at]!));
    let reachNs = own.map(() => 0);
    let backNs = own.map(() => 0);
    const wholeNs = stages.map((stage, at) => {
      const thereNs = Math.max(workNs[at]!, maximum(piecesNs[at]!));
      const ns = Math.min(...reachNs) + thereNs + Math.min(...backNs) + updatesNs[0]!;
      const link = setting.links[stage];
      const overNs = own.map(({ index }) =>
        link === null || link === undefined ? 0 : transferNs(costs, link, bytesOf(stage, index)),
      );
      reachNs = own.map((each, i) => reachNs[i]! + timeNs(stage, "F", each) + overNs[i]!);
      backNs = own.map((each, i) => backNs[i]! + timeNs(stage, "B", each) + overNs[i]!);
      return ns;
    });
    return {
      leastNs: maximum(wholeNs),
      stagesNs: workNs.map((ns, at) => ns + (tokensNs === undefined ? updatesNs[at]! : 0)),
    };
  });
  const over = (values: readonly number[]): number => sum(values) / steps.length;
  const held = microBatches.filter(({ step }) => step === steps.length);
  const heldNs = stages.map((stage) => evaluatedShare * sum(held.map((each) => timeNs(stage, "E", each))));
  return {
    leastNs: over(ofSteps.map(({ leastNs }) => leastNs)) + heldNs[0]!,
    stagesNs: stages.map((_, at) => over(ofSteps.map(({ stagesNs }) => stagesNs[at]!)) + heldNs[at]!),
  };
}
