import type { Completion } from "../native/index.ts";
import {
  type Action,
  actionShares,
  activeJobs,
  isSample,
  type JobShare,
  type LiveWork,
  type MicroBatch,
  mayBeBest,
  microBatchTokens,
  pipelineTable,
  type Setting,
} from "../plan/index.ts";
import { divergenceOf } from "./divergence.ts";
import { EarlyStops } from "./early-stops.ts";
import { Evaluations } from "./evaluations.ts";
import type { SeenAction } from "./executed-trace.ts";
import type { Sampled } from "./generation/stage-sampler.ts";
import type { JobInput } from "./job-input.ts";
import { JobStates } from "./job-states.ts";
import type { LoweredAction } from "./lowering.ts";
import type { MiniBatchTable } from "./mini-batch-facts.ts";
import type { Progress, RunListener } from "./run-event.ts";
import { Samples } from "./samples.ts";
import { StepMetricsCollector } from "./step-metrics.ts";
import type { StoppedJobs } from "./stopped-jobs.ts";
import { toldJobs } from "./told-parts.ts";

/** Times of a run's operators, in the order of its program. */
export interface RunProfile {
  readonly action: Action;
  readonly seconds: number;
  readonly operatorSeconds: readonly number[];
  /** Of an action whose prompts were answered: the runs of that. */
  readonly runs?: Sampled["runs"];
}

/** The times of a run's operators, where the device told. */
export function profileOf({ lowered, done, sampled }: SeenAction): readonly RunProfile[] {
  const { startNs, endNs, opNs } = done;
  if (sampled !== undefined && sampled.runs.length > 0) {
    const seconds = (endNs - startNs) / 1e9;
    return [{ action: lowered.action, seconds, operatorSeconds: [], runs: sampled.runs }];
  }
  if (opNs === undefined) return [];
  const operatorSeconds = Array.from(opNs, (ns) => ns / 1e9);
  return [{ action: lowered.action, seconds: (endNs - startNs) / 1e9, operatorSeconds }];
}

/** Counts what the devices report, and makes step metrics of it. */
export class ExecutionRecord {
  readonly #isFirst: (stage: number) => boolean;
  readonly #isLast: (stage: number) => boolean;
  readonly #live: LiveWork;
  readonly #collector: StepMetricsCollector;
  readonly #setting: Setting;
  readonly #evaluations: Evaluations;
  readonly #samples: Samples;
  readonly #states: JobStates;
  readonly #stops: EarlyStops;
  readonly #ended: number[];
  readonly #computedNs: number[];
  #originNs: number | undefined;
  #lastNs = 0;
  #tokens = 0;

  constructor(
    setting: Setting,
    {
      live,
      table,
      stopped,
    }: { readonly live: LiveWork; readonly table: MiniBatchTable; readonly stopped: StoppedJobs },
    tell: RunListener,
    statesEverySteps = 0,
  ) {
    const pipelines = pipelineTable(setting);
    this.#isFirst = pipelines.isFirst;
    this.#isLast = (stage) => pipelines.ofStage(stage).endStage === stage + 1;
    this.#live = live;
    this.#collector = new StepMetricsCollector(setting.stages.length, live, table, stopped);
    this.#setting = setting;
    this.#evaluations = new Evaluations(live);
    this.#samples = new Samples(live);
    this.#states = new JobStates(setting, live, (job) => this.#evaluations.bestOf(job), statesEverySteps);
    this.#stops = new EarlyStops(tell, (job) => this.#evaluations.bestOf(job));
    this.#ended = setting.stages.map(() => 0);
    this.#computedNs = setting.stages.map(() => 0);
  }

  /** When the first action began, on the clock of the completions; pipelines may report in another order. */
  get originNs(): number | undefined {
    return this.#originNs;
  }

  /** A job has come. */
  begin(job: number, { best, watch, isStopped = false }: JobInput): void {
    this.#evaluations.begin(job, best);
    const { pipeline } = Object.values(this.#live.groups).find(({ members }) =>
      members.some((one) => one.job === job),
    )!;
    const { firstStage, endStage } = this.#setting.pipelines[pipeline]!;
    if (isStopped) this.#stops.wasEnded(job);
    else if (watch !== undefined) this.#stops.begin(job, this.#live.jobs[job]!, endStage - firstStage, watch);
  }

  /** Nothing of a job comes any more. */
  forget(job: number): void {
    this.#evaluations.forget(job);
    this.#states.ended(job);
    this.#stops.forget(job);
  }

  /** What evaluations have said of jobs that have not been forgotten. */
  get evaluations(): Evaluations {
    return this.#evaluations;
  }

  /** `kl` of a job in the step of a micro-batch, once it is known. */
  divergenceOf(job: number, microBatch: Pick<MicroBatch, "group" | "step">): number | undefined {
    return this.#collector.divergenceOf(job, microBatch);
  }

  /** Jobs that end as their losses say. */
  get stops(): EarlyStops {
    return this.#stops;
  }

  /** States of jobs that are asked for while they train. */
  get states(): JobStates {
    return this.#states;
  }

  add({ stage, done, lowered, sampled }: SeenAction): void {
    this.#originNs = Math.min(this.#originNs ?? Number.POSITIVE_INFINITY, done.startNs);
    this.#lastNs = Math.max(this.#lastNs, done.endNs);
    if (sampled !== undefined) this.#samples.add(lowered, sampled);
    if (done.stream === "compute") this.#finishCompute(stage, done, lowered);
  }

  /** What their actions took, by job. */
  sharesOf(batch: readonly SeenAction[]): readonly JobShare[] {
    return batch.flatMap(({ done, lowered: { action, microBatch } }) =>
      done.stream === "compute"
        ? actionShares(this.#setting, this.#live, action, microBatch, Math.round(done.endNs) - Math.round(done.startNs))
        : [],
    );
  }

  /** Actions of a stage that have ended: all in front of this one in its order. */
  ended(stage: number): number {
    return this.#ended[stage]!;
  }

  /** Of a stage's actions that have ended; 0 before the first. */
  meanSeconds(stage: number): number {
    return this.#ended[stage] === 0 ? 0 : this.#computedNs[stage]! / this.#ended[stage]! / 1e9;
  }

  progress(): Progress {
    return {
      doneActions: this.#ended.reduce((sum, count) => sum + count, 0),
      tokens: this.#tokens,
      seconds: (this.#lastNs - (this.#originNs ?? this.#lastNs)) / 1e9,
    };
  }

  #finishCompute(stage: number, done: Completion, lowered: LoweredAction): void {
    const { microBatch, ends, action, leftOut } = lowered;
    this.#ended[stage]! += 1;
    this.#computedNs[stage]! += done.endNs - done.startNs;
    if (action.letter === "U") this.#finishUpdate(stage, lowered, done.parameters);
    else if (action.letter === "E") this.#finishEvaluation(stage, lowered, done);
    else if (done.losses !== undefined) this.#collector.addLosses(microBatch, done.losses);
    if (done.sumSquares !== undefined && ends !== undefined)
      this.#collector.addSquares(
        stage,
        activeJobs(this.#live, ends.group, ends.step).filter((job) => leftOut?.jobs.has(job) !== true),
        done.sumSquares,
      );
    if (this.#isFirst(stage)) this.#finishFirstStage(lowered, done);
  }

  #finishEvaluation(stage: number, lowered: LoweredAction, done: Completion): void {
    const { microBatch, miniBatch } = lowered;
    if (!isSample(microBatch)) this.#evaluations.began(miniBatch, done.startNs);
    if (!this.#isLast(stage)) return;
    const evaluated = this.#evaluations.addLosses(lowered, done.losses ?? [], done.endNs);
    if (evaluated === undefined) return;
    this.#states.passed(miniBatch);
    for (const each of evaluated) this.#stops.hear({ kind: "evaluated", ...each });
    for (const sample of this.#samples.take(miniBatch)) this.#stops.hear({ kind: "sampled", sample });
  }

  #finishUpdate(stage: number, { miniBatch, leftOut }: LoweredAction, vectors: Float32Array | undefined): void {
    const tellsState = this.#states.tells(miniBatch);
    if (vectors !== undefined) {
      for (const { job, step, parts } of toldJobs(this.#setting, this.#live, stage, miniBatch, {
        vectors,
        tellsState,
        leftOut,
      })) {
        const { parameters = [], firstMoment = [], secondMoment = [] } = parts;
        if (tellsState) this.#states.add(stage, miniBatch, job, { parameters, firstMoment, secondMoment });
        if (miniBatch.evaluation !== undefined && mayBeBest(this.#live.jobs[job]!, step))
          this.#evaluations.addParameters(stage, job, parameters);
        this.#stops.addParameters(job, stage, step, parameters);
      }
    }
    this.#states.passed(miniBatch);
  }

  #finishFirstStage({ action, microBatch, miniBatch, ends }: LoweredAction, done: Completion): void {
    if (action.letter === "F" && microBatch.part === 0) this.#collector.began(miniBatch, done.startNs);
    if (action.letter !== "B") return;
    this.#tokens += microBatchTokens(microBatch);
    if (ends === undefined) return;
    for (const { number, ...metrics } of this.#collector.ended(ends, done.endNs)) {
      this.#stops.hear({ kind: "stepped", metrics, endNs: done.endNs });
      const divergence = divergenceOf(metrics);
      if (divergence === undefined) continue;
      this.#evaluations.stop(number, metrics.step);
      this.#stops.hear({ kind: "diverged", job: number, divergence });
    }
  }
}
