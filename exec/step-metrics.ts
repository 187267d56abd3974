import { InvariantError } from "../core/index.ts";
import { activeJobs, type LiveWork, learningRateAt, type MicroBatch, type MiniBatch } from "../plan/index.ts";
import { lossParts, plainLosses } from "./loss-parts.ts";
import type { MiniBatchTable } from "./mini-batch-facts.ts";
import {
  comparedLoss,
  divergenceFrom,
  otherRows,
  type PreferenceMeasures,
  type SeenRow,
  seenRows,
} from "./preference-measures.ts";
import type { StoppedJobs } from "./stopped-jobs.ts";

/** A line of metrics.jsonl: one job's optimizer step. */
export interface StepMetrics {
  readonly job: string;
  /** From 0. */
  readonly step: number;
  /** Sum of token losses / scored tokens of the mini-batch; or what the job's loss makes of the answers in it. */
  readonly loss: number;
  /** Over the whole adapter, before clipping. */
  readonly gradNorm: number;
  /** Of A, where B has another one. */
  readonly learningRate: number;
  /** Of the job's rows in the mini-batch. */
  readonly tokens: number;
  /**
   * From the start of the mini-batch's first forward to the end of its last backward, both on its pipeline's first
   * stage.
   */
  readonly seconds: number;
  /** Of a job whose loss compares answers. */
  readonly preference?: PreferenceMeasures;
}

interface OpenStep {
  loss: number;
  /** Of a job whose loss compares answers. */
  readonly rows: SeenRow[];
  readonly squares: Float64Array;
  /** That its rows are of, once there are any. */
  group?: number;
  step?: number;
}

/** Adds losses up in the order of the parts and squares in the order of the stages, so equal runs give equal bytes. */
export class StepMetricsCollector {
  readonly #numStages: number;
  readonly #live: LiveWork;
  readonly #table: MiniBatchTable;
  /** By job, of its one step in flight. */
  readonly #open = new Map<number, OpenStep>();
  readonly #began = new Map<MiniBatch, number>();

  readonly #stopped: Pick<StoppedJobs, "has">;

  constructor(numStages: number, live: LiveWork, table: MiniBatchTable, stopped: Pick<StoppedJobs, "has">) {
    this.#stopped = stopped;
    this.#numStages = numStages;
    this.#live = live;
    this.#table = table;
  }

  /** Losses of a micro-batch's parts, from its pipeline's last stage. */
  addLosses(microBatch: MicroBatch, losses: ArrayLike<number>): void {
    const parts = lossParts(microBatch, (job) => this.#live.jobs[job]!);
    for (const [job, loss] of plainLosses(parts, losses)) this.#entry(job).loss += loss;
    for (const [job, row] of seenRows(microBatch, parts, losses)) {
      const open = this.#entry(job);
      open.rows.push(row);
      open.group = microBatch.group;
      open.step = microBatch.step;
    }
  }

  /** `kl` of a job in the step of a micro-batch, once all of it with answers to other prompts have ended. */
  divergenceOf(job: number, { group, step }: Pick<MicroBatch, "group" | "step">): number | undefined {
    const { loss, batchSize } = this.#live.jobs[job]!;
    const open = this.#open.get(job);
    if (loss === undefined || open?.group !== group || open.step !== step) return undefined;
    return otherRows(open.rows).length < batchSize ? undefined : divergenceFrom(loss, open.rows);
  }

  /** Squared gradient norms of a mini-batch's jobs on one stage. */
  addSquares(stage: number, jobs: readonly number[], squares: ArrayLike<number>): void {
    jobs.forEach((job, i) => {
      this.#entry(job).squares[stage] = squares[i]!;
    });
  }

  /** On its pipeline's first stage: the mini-batch's first forward began. */
  began(miniBatch: MiniBatch, timeNs: number): void {
    this.#began.set(miniBatch, timeNs);
  }

  /** The mini-batch's last backward ended there. Returns what is complete now, of jobs that were not stopped before. */
  ended(miniBatch: MiniBatch, timeNs: number): readonly (StepMetrics & { readonly number: number })[] {
    const { group, step: groupStep } = miniBatch;
    const beganNs = this.#began.get(miniBatch);
    if (beganNs === undefined)
      throw new InvariantError({ expected: `a beginning of step ${groupStep} of group ${group}`, got: "none" });
    this.#began.delete(miniBatch);
    const { jobs } = this.#table.of(miniBatch);
    return activeJobs(this.#live, group, groupStep).flatMap((job) => {
      if (this.#stopped.has(job)) {
        this.#open.delete(job);
        return [];
      }
      const { name, optimizer, steps, loss: spec } = this.#live.jobs[job]!;
      const { step, tokens, scored } = jobs.get(job)!;
      const { loss, rows, squares } = this.#entry(job);
      this.#open.delete(job);
      const metrics = {
        number: job,
        job: name,
        step,
        ...(spec === undefined ? { loss: scored === 0 ? 0 : loss / scored } : comparedLoss(spec, rows)),
        gradNorm: Math.sqrt(squares.reduce((sum, value) => sum + value, 0)),
        learningRate: learningRateAt(optimizer, step, steps),
        tokens,
        seconds: (timeNs - beganNs) / 1e9,
      };
      return [metrics];
    });
  }

  #entry(job: number): OpenStep {
    const known = this.#open.get(job) ?? { loss: 0, rows: [], squares: new Float64Array(this.#numStages) };
    this.#open.set(job, known);
    return known;
  }
}
