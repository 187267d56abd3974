import { groupBy, maximum, mean, sum } from "../../core/index.ts";
import { type GoldenRun, outcomesOf, type RunSummary, requestsOf } from "./golden-run.ts";

/** A figure that a golden workload is judged by. */
export interface Figure {
  readonly label: string;
  readonly better: "less" | "more";
  readonly unit: "seconds" | "rate" | "bytes" | "share" | "count";
  /** It may get worse: of memory that is there more is used where that makes a run faster. */
  readonly isFree?: true;
}

/** By name; a figure that a run has not is not judged. */
export const FIGURES: Readonly<Record<string, Figure>> = {
  makespanSeconds: { label: "time", better: "less", unit: "seconds" },
  tokensPerSecond: { label: "tokens/s", better: "more", unit: "rate" },
  meanTurnaroundSeconds: { label: "mean turnaround", better: "less", unit: "seconds" },
  lateTurnaroundSeconds: { label: "turnaround of 95 %", better: "less", unit: "seconds" },
  weightedTurnaroundSeconds: { label: "turnaround by priority", better: "less", unit: "seconds" },
  worstUserSeconds: { label: "turnaround of the user who waits longest", better: "less", unit: "seconds" },
  fairness: { label: "fairness", better: "more", unit: "share" },
  refused: { label: "jobs refused", better: "less", unit: "count" },
  workSeconds: { label: "time of pipelines at work", better: "less", unit: "seconds", isFree: true },
  peakMemoryBytes: { label: "memory of the fullest device", better: "less", unit: "bytes", isFree: true },
  interruptedSeconds: { label: "time with interruptions", better: "less", unit: "seconds" },
  cpuSeconds: { label: "time of the processor", better: "less", unit: "seconds" },
  executedSeconds: { label: "time of a real run", better: "less", unit: "seconds" },
  twinError: { label: "error of the twin", better: "less", unit: "share" },
  processBytes: { label: "memory of the process", better: "less", unit: "bytes" },
};

/** Turnaround of the user for whom it is longest, on average over the user's jobs. */
function worstUser(run: GoldenRun, metrics: RunSummary): number | undefined {
  const requests = requestsOf(run);
  const ended = outcomesOf(metrics).flatMap(({ number, arrivalNs, endNs }) =>
    endNs === undefined ? [] : [{ user: requests.get(number)?.user ?? "", seconds: (endNs - arrivalNs) / 1e9 }],
  );
  const byUser = [...groupBy(ended, ({ user }) => user).values()];
  return byUser.length < 2 ? undefined : maximum(byUser.map((own) => mean(own.map(({ seconds }) => seconds))));
}

/** What pipelines cost: the time in which they train anything, together. */
function workSeconds({ utilisation, makespanSeconds }: RunSummary): number | undefined {
  return utilisation === undefined ? undefined : makespanSeconds * sum(utilisation);
}

/** What a run came to; empty where it was not simulated. */
export function figuresOf(run: GoldenRun): Readonly<Record<string, number>> {
  const { metrics, plan } = run;
  if (metrics === null) return {};
  const jobs = metrics.jobs.flatMap((job) => ("turnaroundSeconds" in job ? [job.turnaroundSeconds] : []));
  const memory = (metrics.devices ?? []).map(({ peakMemoryBytes }) => peakMemoryBytes);
  const planned = (plan?.stages ?? []).map(({ memory: { total } }) => total);
  const all: Readonly<Record<string, number | undefined>> = {
    makespanSeconds: metrics.makespanSeconds,
    tokensPerSecond: metrics.tokensPerSecond,
    meanTurnaroundSeconds: metrics.turnaroundSeconds?.mean ?? (jobs.length === 0 ? undefined : mean(jobs)),
    lateTurnaroundSeconds: metrics.turnaroundSeconds?.p95,
    weightedTurnaroundSeconds: metrics.weightedTurnaroundSeconds,
    worstUserSeconds: worstUser(run, metrics),
    fairness: metrics.fairness,
    refused: metrics.refused,
    workSeconds: workSeconds(metrics),
    interruptedSeconds: metrics.totalSeconds,
    peakMemoryBytes: memory.length + planned.length === 0 ? undefined : maximum([...memory, ...planned]),
  };
  return Object.fromEntries(
    Object.entries(all).filter((entry): entry is [string, number] => typeof entry[1] === "number"),
  );
}
