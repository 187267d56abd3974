import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { VERSION } from "../files/index.ts";
import type { FleetControl, FleetStatus, JobStatus, Notice } from "./fleet-control.ts";
import type { Limits } from "./limits.ts";
import { isOver } from "./standing.ts";

/** Upper ends of a histogram's buckets, in seconds: steps of tiny models on a GPU, and of large ones on a CPU. */
const STEP_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60, 120, 300];

/** What steps have told of a job. */
interface JobTally {
  tokens: number;
  learningRate: number;
  gradNorm: number;
}

type JobLabel = "job";

/** A number that Prometheus shows; what was not finite is no number. */
const numberOr = (value: number | null): number => value ?? Number.NaN;

/** What `/metrics` says of a fleet. Names and units follow Prometheus' conventions: base units, `_total` of what only grows. */
export class PrometheusMetrics {
  readonly #control: FleetControl;
  readonly #limits: Limits;
  readonly #registry = new Registry();
  readonly #tallies = new Map<string, JobTally>();
  readonly #steps = this.#counter("loratwin_steps_total", "Optimizer steps of all jobs.");
  readonly #tokens = this.#counter("loratwin_tokens_total", "Tokens that all jobs have trained on.");
  readonly #evaluations = this.#counter("loratwin_evaluations_total", "Evaluations of all jobs.");
  readonly #stepSeconds = new Histogram({
    name: "loratwin_step_duration_seconds",
    help: "From the first forward of an optimizer step to its last backward.",
    buckets: STEP_BUCKETS,
    registers: [this.#registry],
  });
  readonly #uptime = this.#gauge(
    "loratwin_uptime_seconds",
    "On the fleet's clock, which stands still while nobody serves it.",
  );
  readonly #draining = this.#gauge("loratwin_draining", "1 if the fleet takes no more jobs.");
  readonly #jobs = this.#gauge("loratwin_jobs", "Jobs by where they are.", ["standing"]);
  readonly #queue = this.#gauge("loratwin_queue_jobs", "Jobs that wait for a pipeline, preempted and paused ones too.");
  readonly #queueLimit = this.#gauge("loratwin_queue_limit_jobs", "Jobs that may wait at most.");
  readonly #pipelines = this.#gauge("loratwin_pipeline_jobs", "Jobs that train on a pipeline.", [
    "pipeline",
    "devices",
  ]);
  readonly #jobSteps = this.#ofJob(
    Counter<JobLabel>,
    "loratwin_job_steps_total",
    "Optimizer steps that the job has made.",
  );
  readonly #jobTokens = this.#ofJob(
    Counter<JobLabel>,
    "loratwin_job_tokens_total",
    "Tokens that the job has trained on.",
  );
  readonly #jobPlanned = this.#ofJob(
    Gauge<JobLabel>,
    "loratwin_job_planned_steps",
    "Optimizer steps that the job asks for.",
  );
  readonly #jobLoss = this.#ofJob(Gauge<JobLabel>, "loratwin_job_loss", "Of the last step.");
  readonly #jobRate = this.#ofJob(Gauge<JobLabel>, "loratwin_job_learning_rate", "Of the last step.");
  readonly #jobNorm = this.#ofJob(Gauge<JobLabel>, "loratwin_job_grad_norm", "Of the last step, before clipping.");
  readonly #jobEvaluation = this.#ofJob(
    Gauge<JobLabel>,
    "loratwin_job_evaluation_loss",
    "On held-out rows, taken last.",
  );
  readonly #jobBest = this.#ofJob(Gauge<JobLabel>, "loratwin_job_best_evaluation_loss", "The lowest of these.");
  readonly #jobEnd = this.#ofJob(
    Gauge<JobLabel>,
    "loratwin_job_predicted_end_seconds",
    "When the job is predicted to end, on the clock of loratwin_uptime_seconds.",
  );
  readonly #memory = this.#gauge("process_resident_memory_bytes", "Resident memory of the server's process.");
  readonly #cpu = this.#counter("process_cpu_seconds_total", "Processor time of the server's process.");

  constructor(control: FleetControl, limits: Limits) {
    this.#control = control;
    this.#limits = limits;
    this.#gauge("loratwin_build_info", "1, with the version as a label.", ["version"]).set({ version: VERSION }, 1);
    this.#gauge("process_start_time_seconds", "Since 1970.").set(Date.now() / 1000 - process.uptime());
  }

  /** What the fleet tells. */
  add(notice: Notice): void {
    if (notice.kind === "evaluation") this.#evaluations.inc();
    if (notice.kind !== "step") return;
    const { name, tokens, gradNorm, learningRate, seconds } = notice;
    this.#steps.inc();
    this.#tokens.inc(tokens);
    this.#stepSeconds.observe(seconds);
    const before = this.#tallies.get(name)?.tokens ?? 0;
    this.#tallies.set(name, { tokens: before + tokens, learningRate, gradNorm: numberOr(gradNorm) });
  }

  /** All of it now, and the media type that it has. */
  async answer(): Promise<{ readonly text: string; readonly type: string }> {
    const [status, jobs] = await Promise.all([this.#control.status(), this.#control.jobs()]);
    this.#showFleet(status);
    this.#showJobs(jobs);
    this.#memory.set(process.memoryUsage.rss());
    const { user, system } = process.cpuUsage();
    this.#cpu.reset();
    this.#cpu.inc((user + system) / 1e6);
    return { text: await this.#registry.metrics(), type: this.#registry.contentType };
  }

  #showFleet({ uptimeSeconds, draining, counts, pipelines }: FleetStatus): void {
    this.#uptime.set(uptimeSeconds);
    this.#draining.set(Number(draining));
    for (const [standing, count] of Object.entries(counts)) this.#jobs.set({ standing }, count);
    this.#queue.set((counts.waiting ?? 0) + (counts.preempted ?? 0) + (counts.paused ?? 0));
    this.#queueLimit.set(this.#limits.waitingJobs);
    pipelines.forEach(({ devices, jobs }, pipeline) => {
      this.#pipelines.set({ pipeline: String(pipeline), devices: devices.join(",") }, jobs.length);
    });
  }

  /** Of jobs that are over only the latest: a fleet may train for months, and each job is a series of its own. */
  #showJobs(jobs: readonly JobStatus[]): void {
    const over = jobs.filter(isOver).sort((a, b) => (a.endSeconds ?? 0) - (b.endSeconds ?? 0));
    const forgotten = over.slice(0, Math.max(0, over.length - this.#limits.measuredOver)).map(({ name }) => name);
    for (const name of forgotten) this.#tallies.delete(name);
    const left = new Set(forgotten);
    const gauges = [this.#jobPlanned, this.#jobLoss, this.#jobRate, this.#jobNorm, this.#jobEvaluation];
    for (const each of [this.#jobSteps, this.#jobTokens, ...gauges, this.#jobBest, this.#jobEnd]) each.reset();
    for (const job of jobs) if (!left.has(job.name)) this.#showJob(job);
  }

  #showJob({ name: job, done, iterations, loss, evaluationLoss, best, predictedEnd }: JobStatus): void {
    this.#jobSteps.inc({ job }, done);
    this.#jobPlanned.set({ job }, iterations);
    if (best !== null) {
      this.#jobEvaluation.set({ job }, numberOr(evaluationLoss));
      this.#jobBest.set({ job }, best.loss);
    }
    if (predictedEnd !== null) this.#jobEnd.set({ job }, predictedEnd.seconds);
    const tally = this.#tallies.get(job);
    if (tally === undefined) return;
    this.#jobTokens.inc({ job }, tally.tokens);
    this.#jobLoss.set({ job }, numberOr(loss));
    this.#jobRate.set({ job }, tally.learningRate);
    this.#jobNorm.set({ job }, tally.gradNorm);
  }

  #gauge<Label extends string = never>(name: string, help: string, labelNames: readonly Label[] = []): Gauge<Label> {
    return new Gauge({ name, help, labelNames, registers: [this.#registry] });
  }

  #counter(name: string, help: string): Counter {
    return new Counter({ name, help, registers: [this.#registry] });
  }

  /** The adapter that a job trains has the job's name. */
  #ofJob<Metric>(
    kind: new (options: { name: string; help: string; labelNames: JobLabel[]; registers: Registry[] }) => Metric,
    name: string,
    help: string,
  ): Metric {
    return new kind({ name, help, labelNames: ["job"], registers: [this.#registry] });
  }
}
