import { InvariantError } from "../core/index.ts";
import { activeMembers, jobStep, type MiniBatch, microBatchTokens, type Plan } from "../plan/index.ts";
import { learningRateAt } from "./learning-rate.ts";

/** A line of metrics.jsonl: one job's optimizer step. */
export interface StepMetrics {
  readonly job: string;
  /** From 0. */
  readonly step: number;
  /** Sum of token losses / scored tokens of the mini-batch. */
  readonly loss: number;
  /** Over the whole adapter, before clipping. */
  readonly gradNorm: number;
  readonly learningRate: number;
  /** Of the job's rows in the mini-batch. */
  readonly tokens: number;
  /**
   * From the start of the mini-batch's first forward to the end of its last backward, both on its pipeline's first
   * stage.
   */
  readonly seconds: number;
}

export interface StepMetricsCollector {
  /** Losses of a micro-batch's segments, from its pipeline's last stage. */
  addLosses(microBatch: number, jobs: readonly number[], losses: ArrayLike<number>): void;
  /** Squared gradient norms of a mini-batch's jobs on one stage. */
  addSquares(stage: number, miniBatch: MiniBatch, jobs: readonly number[], squares: ArrayLike<number>): void;
  /**
   * On its pipeline's first stage: the mini-batch's first forward began, its last backward ended. Returns what is
   * complete now.
   */
  began(miniBatch: MiniBatch, timeNs: number): void;
  ended(miniBatch: MiniBatch, timeNs: number): readonly StepMetrics[];
}

interface OpenStep {
  loss: number;
  readonly squares: Float64Array;
}

/** Adds losses up in the order of the parts and squares in the order of the stages, so equal runs give equal bytes. */
export function collectStepMetrics(plan: Plan, scored: readonly Float64Array[]): StepMetricsCollector {
  const open = new Map<string, OpenStep>();
  /** By group and step: callers have mini-batches of different tables. */
  const began = new Map<string, number>();
  const keyOf = ({ group, step }: MiniBatch): string => `${group} ${step}`;
  const numStages = plan.stages.length;
  const entry = (job: number, step: number): OpenStep => {
    const key = `${job} ${step}`;
    let value = open.get(key);
    if (value === undefined) {
      value = { loss: 0, squares: new Float64Array(numStages) };
      open.set(key, value);
    }
    return value;
  };
  const tokensOf = (miniBatch: MiniBatch, job: number): number => {
    let tokens = 0;
    for (const index of miniBatch.microBatches)
      tokens += microBatchTokens({ rows: plan.microBatches[index]!.rows.filter((row) => row[0] === job) });
    return tokens;
  };
  return {
    addLosses(microBatch, jobs, losses) {
      const own = plan.microBatches[microBatch]!;
      jobs.forEach((job, i) => {
        entry(job, jobStep(plan.groups, job, own)).loss += losses[i]!;
      });
    },
    addSquares(stage, miniBatch, jobs, squares) {
      jobs.forEach((job, i) => {
        entry(job, jobStep(plan.groups, job, miniBatch)).squares[stage] = squares[i]!;
      });
    },
    began: (miniBatch, timeNs) => void began.set(keyOf(miniBatch), timeNs),
    ended(miniBatch, timeNs) {
      const beganNs = began.get(keyOf(miniBatch));
      if (beganNs === undefined)
        throw new InvariantError({ expected: `a beginning of mini-batch ${keyOf(miniBatch)}`, got: "none" });
      const seconds = (timeNs - beganNs) / 1e9;
      began.delete(keyOf(miniBatch));
      return activeMembers(plan.groups, miniBatch.group, miniBatch.step).map(({ job, firstStep }): StepMetrics => {
        const { name, optimizer, steps } = plan.jobs[job]!;
        const step = firstStep + miniBatch.step;
        const { loss, squares } = entry(job, step);
        open.delete(`${job} ${step}`);
        const count = scored[job]![step]!;
        return {
          job: name,
          step,
          loss: count === 0 ? 0 : loss / count,
          gradNorm: Math.sqrt(squares.reduce((sum, value) => sum + value, 0)),
          learningRate: learningRateAt(optimizer, step, steps),
          tokens: tokensOf(miniBatch, job),
          seconds,
        };
      });
    },
  };
}
