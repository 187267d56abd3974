import path from "node:path";
import { canonicalJson } from "../../core/index.ts";
import { type Evaluated, listener, type RunListener, type StepMetrics } from "../../exec/index.ts";
import { EventFile } from "./event-file.ts";
import { scalarRecord, textRecord } from "./event-records.ts";
import type { LoggedJob } from "./logged-job.ts";
import { endScalars, evaluationScalars, type Scalar, stepScalars } from "./trainer-tags.ts";

/** What is added is written this often: TensorBoard itself looks every few seconds. */
const WRITE_EVERY_SECONDS = 1;

interface OpenJob {
  readonly job: LoggedJob;
  readonly file: EventFile;
  made: number;
  loss: number;
  /** When its first step began. */
  beganSeconds: number | undefined;
  /** Whether all its steps were finite. */
  allFinite: boolean;
}

export interface TensorBoardOptions {
  /** The folder for the jobs' folders. */
  readonly folder: string;
  /** What all jobs train. */
  readonly model: object;
  /** The disk does not take a file; told once. */
  readonly onFailure: (why: string) => void;
  /** Seconds since 1970. */
  readonly now?: () => number;
}

/** Writes what a run tells to TensorBoard's event files, a folder for each job, as Hugging Face's Trainer would. */
export class TensorBoardLog implements Disposable {
  readonly #options: TensorBoardOptions;
  readonly #now: () => number;
  readonly #coming = new Map<string, LoggedJob>();
  readonly #open = new Map<string, OpenJob>();
  #writtenSeconds = Number.NEGATIVE_INFINITY;
  #isRefused = false;

  constructor(options: TensorBoardOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => Date.now() / 1000);
  }

  /** Nothing is written of a job before its first step. */
  came(job: LoggedJob): void {
    this.#coming.set(job.name, job);
  }

  /** A job makes no step any more. */
  over(name: string): void {
    this.#coming.delete(name);
    const open = this.#open.get(name);
    if (open === undefined) return;
    const { job, made, loss, beganSeconds, allFinite } = open;
    if (job.done + made === job.steps && allFinite) {
      const seconds = this.#now() - beganSeconds!;
      const scalars = endScalars({ seconds, steps: made, rows: made * job.batchSize, loss }, epochAt(job, job.steps));
      this.#add(open, job.steps, scalars);
    }
    this.#write([open]);
    this.#open.delete(name);
  }

  /** Hears what an execution tells of steps and evaluations. */
  readonly hear: RunListener = listener({
    stepped: ({ metrics }) => this.#stepped(metrics),
    evaluated: (evaluated) => this.#evaluated(evaluated),
    completed: () => {
      if (this.#now() - this.#writtenSeconds >= WRITE_EVERY_SECONDS) this.write();
    },
    // What a checkpoint has is not made again.
    states: () => this.write(),
  });

  write(): void {
    this.#writtenSeconds = this.#now();
    this.#write(this.#open.values());
  }

  [Symbol.dispose](): void {
    for (const name of [...this.#open.keys()]) this.over(name);
  }

  #stepped(metrics: StepMetrics): void {
    const open = this.#opened(metrics.job);
    if (open === undefined) return;
    open.beganSeconds ??= this.#now() - metrics.seconds;
    open.made += 1;
    open.loss += metrics.loss;
    open.allFinite &&= Number.isFinite(metrics.loss) && Number.isFinite(metrics.gradNorm);
    const step = metrics.step + 1;
    this.#add(open, step, stepScalars(metrics, epochAt(open.job, step)));
  }

  #evaluated(evaluated: Evaluated): void {
    const open = this.#opened(evaluated.metrics.job);
    if (open === undefined) return;
    const step = evaluated.metrics.step + 1;
    this.#add(open, step, evaluationScalars(evaluated, epochAt(open.job, step)));
  }

  #opened(name: string): OpenJob | undefined {
    const known = this.#open.get(name);
    const job = this.#coming.get(name);
    if (known !== undefined || job === undefined) return known;
    this.#coming.delete(name);
    const { folder, model } = this.#options;
    const now = this.#now();
    const file = new EventFile(path.join(folder, name), now, job.done + 1);
    file.add(textRecord(now, 0, "args/text_summary", asText(job.settings)));
    file.add(textRecord(now, 0, "model_config/text_summary", asText(model)));
    const open = { job, file, made: 0, loss: 0, beganSeconds: undefined, allFinite: true };
    this.#open.set(name, open);
    return open;
  }

  #add({ file }: OpenJob, step: number, scalars: readonly Scalar[]): void {
    const now = this.#now();
    for (const [tag, value] of scalars) file.add(scalarRecord(now, step, tag, value));
  }

  #write(jobs: Iterable<OpenJob>): void {
    for (const { file, job } of jobs) {
      file.write();
      if (file.refusal === undefined || this.#isRefused) continue;
      this.#isRefused = true;
      this.#options.onFailure(`${job.name}: ${file.refusal.message}`);
    }
  }
}

/** Passes over the job's rows so far. */
function epochAt({ batchSize, trainingRows }: LoggedJob, step: number): number {
  return (step * batchSize) / trainingRows;
}

/** JSON as a block of Markdown. */
function asText(value: object): string {
  const lines = JSON.stringify(JSON.parse(canonicalJson(value)), null, 2).split("\n");
  return lines.map((line) => `    ${line}`).join("\n");
}
