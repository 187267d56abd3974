import { counted, formatSeconds, maximum, mean, signedPercent } from "../core/index.ts";
import { type FleetHistory, timesOf } from "../plan/index.ts";
import { fleetComparison } from "../reports/index.ts";
import { compareFleet, readRun } from "../runs/index.ts";
import { type Arguments, optionalSize, optionalText } from "./command.ts";
import { deadlineLines } from "./describe-deadlines.ts";
import { storyText } from "./describe-story.ts";
import type { Io } from "./io.ts";
import { note, percent, printResult, table, wrapped } from "./output.ts";
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

function workFacts({ event: _, ...counted }: OwnWork) {
  return counted;
}

function workLines({ seconds, waitedSeconds, otherSeconds, lostSeconds }: OwnWork): readonly string[] {
  return [
    `JavaScript had the cores for ${formatSeconds(seconds)} and waited ${formatSeconds(waitedSeconds)} for one; ` +
      `other programs had them for ${formatSeconds(otherSeconds)}.`,
    ...(lostSeconds === undefined
      ? []
      : [`Devices had something to do and no core for ${formatSeconds(lostSeconds)}.`]),
  ].flatMap(wrapped);
}

/** Of a journal that is not whole. */
function journalFacts({ end, gaps }: ReturnType<typeof compareFleet>) {
  if (end === undefined && gaps.length === 0) return null;
  const { line = null, atNs, tornLine = null, goesOn = false } = end ?? {};
  return { endsAtLine: line, endsAtSeconds: atNs === undefined ? null : atNs / 1e9, tornLine, goesOn, missing: gaps };
}

/** What a person has to know before the figures. */
function journalText({ end, gaps, executed }: ReturnType<typeof compareFleet>): readonly string[] {
  const ended = executed.jobs.filter((job) => job.endNs !== undefined).length;
  const early = end && [
    `The journal ends at line ${end.line}, ${formatSeconds(end.atNs / 1e9)} after the fleet's start, ` +
      `${end.goesOn ? "and the fleet goes on" : "before the fleet does"}.`,
    ...(end.tornLine === null ? [] : [`Line ${end.tornLine} of the file was not written to its end.`]),
    `${ended} of ${counted(executed.jobs.length, "job")} were over by then; the errors are of these.`,
  ];
  const missing = gaps.map(([first, last]) => {
    const lines = first === last ? `Line ${first} is` : `Lines ${first} to ${last} are`;
    return `${lines} missing in the journal; the errors are of what is left.`;
  });
  return [...(early ?? []), ...missing].flatMap(wrapped);
}

/** `compare RUN`: a live fleet beside what the simulator makes of it, with its decisions and with those of its own. */
export async function compareFleetRun(io: Io, args: Arguments, folder: string): Promise<number> {
  const text = optionalText(args, "policy");
  const policy = text === undefined ? undefined : await policyOption(io, "policy", text);
  const run = readRun(io, folder, "fleet");
  const compared = compareFleet(run, policy);
  const { executed, decidedAnew, decidedSame, decisions, hung, ownWork } = compared;
  const judge = (simulated: FleetHistory) => {
    const comparison = fleetComparison(executed, simulated, decisions, hung);
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
    ...{
      state: run.state,
      journal: journalFacts(compared),
      decisions: decisions.counts[0],
      sameDecisions: decisions.numSame,
    },
    ...(ownWork === undefined ? {} : { ownWork: workFacts(ownWork) }),
    ...{ parted: partedFacts(decisions.parted, hung), decidedAnew: errors(anew), decidedSame: errors(same), jobs },
  };
  const incomplete = journalText(compared);
  const byWhom = text === undefined ? "" : ` by ${text}`;
  printResult(io, args, document, () =>
    [
      ...incomplete,
      ...(incomplete.length === 0 ? [] : [""]),
      table(
        ["simulated", "turnarounds", "worst", "all jobs"],
        [
          errorCells(`decided anew${byWhom}`, anew.asCalibrated.errors),
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
      ...deadlineLines(executed).flatMap((line) => ["", line]),
      "",
      `Decided anew${byWhom}, with the machine's speed taken out:`,
      storyText(anew.speedOut.story),
    ].join("\n"),
  );
  const limit = optionalSize(args, "max-error");
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
