import type { Plan } from "../plan/index.ts";
import type { AtMachineSpeed, SeenWay, Trace } from "../traces/index.ts";
import type { SampleRecord } from "./samples-data.ts";

/** One line of a run's metrics, as far as the page reads it. */
export interface LossRecord {
  readonly job: string;
  readonly step: number;
  readonly loss: number;
  readonly gradNorm?: number;
  readonly learningRate?: number;
}

/** One evaluation of a run, as far as the page reads it. */
export interface EvaluationRecord {
  readonly job: string;
  readonly step: number;
  readonly evaluationLoss: number;
}

/** What a page is made from. */
export interface ReportInput {
  readonly title: string;
  /** When the run was made, for people. */
  readonly date?: string;
  /** Without it the header and the jobs hold only what the traces say. */
  readonly plan?: Plan;
  /** One trace, or a simulated and an executed one of the same plan. */
  readonly traces: readonly Trace[];
  /** What is known of the way of each trace, as far as it is; its critical path is drawn. */
  readonly ways?: readonly (SeenWay | undefined)[];
  /** What the first trace would have been on the machine as it was during the second. */
  readonly machine?: AtMachineSpeed;
  /** Without it the loss counters of the executed trace are drawn. */
  readonly losses?: readonly LossRecord[];
  /** Losses on held-out rows. */
  readonly evaluations?: readonly EvaluationRecord[];
  /** What was answered to prompts. */
  readonly samples?: readonly SampleRecord[];
}
