import { counted, formatSeconds, maximum, mean } from "../core/index.ts";
import { type FleetHistory, timesOf } from "../plan/index.ts";
import { fleetComparison } from "../reports/index.ts";
import { compareFleet, readRun } from "../runs/index.ts";
import { type Arguments, optionalNumber, optionalText } from "./command.ts";
import { storyText } from "./describe-story.ts";
import type { Io } from "./io.ts";
import { note, percent, printResult, signedPercent, table, wrapped } from "./output.ts";
import { policyOption } from "./simulate-fleet.ts";
import { partedFacts } from "./write-live-fleet.ts";

/** How far off the simulator is: simulated / executed - 1, of jobs that have ended in both. */
interface FleetErrors {
  /** Of turnarounds, of either sign; null where no job has ended in both. */
  readonly mean: number | null;
  readonly worst: { readonly job: string; readonly error: number } | null;
  /** From the first arrival to the last end of these jobs. */
  readonly makespan: number | null;
}

type Judged = Readonly<
  Record<"asCalibrated" | "speedOut", ReturnType<typeof fleetComparison> & { readonly errors: FleetErrors }>
>;

function endNs({ endNs: end }: FleetHistory["jobs"][number]): number {
  return end ?? 0;
}

function errorsOf(executed: FleetHistory, simulated: FleetHistory, errors: readonly (number | null)[]): FleetErrors {
  const judged = executed.jobs.flatMap((job, at) => {
    const error = errors[at];
    return error === null || error === undefined ? [] : [{ job, error }];
  });
  if (judged.length === 0) return { mean: null, worst: null, makespan: null };
  const most = maximum(judged.map(({ error }) => Math.abs(error)));
  const worst = judged.find(({ error }) => Math.abs(error) === most)!;
  const again = new Map(simulated.jobs.map((job) => [job.number, job]));
  const from = executed.startNs;
  const [was, is] = [
    maximum(judged.map(({ job }) => endNs(job))),
    maximum(judged.map(({ job }) => endNs(again.get(job.number)!))),
  ];
  return {
    mean: mean(judged.map(({ error }) => Math.abs(error))),
    worst: { job: worst.job.request.name, error: worst.error },
    makespan: (is - from) / (was - from) - 1,
  };
}

function signed(ratio: number | null): string {
  return ratio === null ? "-" : signedPercent(ratio);
}

function errorCells(name: string, { mean: average, worst, makespan }: FleetErrors): readonly string[] {
  const of = worst === null ? "-" : `${signed(worst.error)} (${worst.job})`;
  return [name, average === null ? "-" : percent(average), of, signed(makespan)];
}

type OwnWork = NonNullable<ReturnType<typeof compareFleet>["ownWork"]>;

function workFacts({ actions, segments, decided, seconds, mainSeconds, waitedSeconds, otherSeconds, cores }: OwnWork) {
  return { actions, segments, decided, seconds, mainSeconds, waitedSeconds, otherSeconds, cores };
}

function workLines({ seconds, segments, waitedSeconds, otherSeconds }: OwnWork): readonly string[] {
  return [
    `JavaScript had the cores for ${formatSeconds(seconds)}, ${formatSeconds(seconds / Math.max(1, segments))} for each of ` +
      `${counted(segments, "segment")} of the plan, which is planned.`,
    `It waited ${formatSeconds(waitedSeconds)} for a core; other programs had them for ${formatSeconds(otherSeconds)}.`,
  ].flatMap(wrapped);
}

/** `compare RUN`: a live fleet beside what the simulator makes of it, with its decisions and with those of its own. */
export async function compareFleetRun(io: Io, args: Arguments, folder: string): Promise<number> {
  const text = optionalText(args, "policy");
  const policy = text === undefined ? undefined : await policyOption(io, "policy", text);
  const run = readRun(io, folder, "fleet");
  const { executed, decidedAnew, decidedSame, decisions, ownWork } = compareFleet(run, policy);
  const judge = (simulated: FleetHistory) => {
    const comparison = fleetComparison(executed, simulated, decisions);
    return { ...comparison, errors: errorsOf(executed, simulated, comparison.error) };
  };
  const [anew, same] = [decidedAnew, decidedSame].map(({ asCalibrated, speedOut }) => ({
    asCalibrated: judge(asCalibrated),
    speedOut: judge(speedOut),
  })) as [Judged, Judged];
  const jobs = executed.jobs.map((job, at) => ({
    job: job.request.name,
    turnaroundSeconds: job.endNs === undefined ? null : timesOf(job).turnaroundNs / 1e9,
    decidedAnew: anew.speedOut.error[at] ?? null,
    decidedSame: same.speedOut.error[at] ?? null,
  }));
  const errors = (of: Judged) => ({ asCalibrated: of.asCalibrated.errors, speedOut: of.speedOut.errors });
  const document = {
    ...{ state: run.state, decisions: decisions.counts[0], sameDecisions: decisions.numSame },
    ...(ownWork === undefined ? {} : { ownWork: workFacts(ownWork) }),
    ...{ parted: partedFacts(decisions.parted), decidedAnew: errors(anew), decidedSame: errors(same), jobs },
  };
  printResult(io, args, document, () =>
    [
      table(
        ["simulated", "turnarounds", "worst", "all jobs"],
        [
          errorCells("decided anew", anew.asCalibrated.errors),
          errorCells("  with the machine's speed taken out", anew.speedOut.errors),
          errorCells("with the run's decisions", same.asCalibrated.errors),
          errorCells("  with the machine's speed taken out", same.speedOut.errors),
        ],
      ),
      "",
      ...(ownWork === undefined ? [] : [...workLines(ownWork), ""]),
      "With the machine's speed taken out:",
      table(
        ["job", "turnaround", "decided anew", "the run's decisions"],
        jobs.map(({ job, turnaroundSeconds, ...own }) => [
          job,
          turnaroundSeconds === null ? "-" : formatSeconds(turnaroundSeconds),
          signed(own.decidedAnew),
          signed(own.decidedSame),
        ]),
      ),
      "",
      storyText(anew.speedOut.story),
    ].join("\n"),
  );
  const limit = optionalNumber(args, "max-error");
  const own = same.speedOut.errors.mean;
  if (limit === undefined || (own !== null && own <= limit)) return 0;
  note(
    io,
    args,
    own === null
      ? "no job has ended whose turnaround could be compared."
      : `with the run's decisions turnarounds are ${percent(own)} off on average, above ${percent(limit)}.`,
  );
  return 1;
}
