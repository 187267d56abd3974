import { counted, groupBy, sum } from "../../core/index.ts";
import type { FleetHistory, JobHistory } from "./fleet-history.ts";
import { isOnPipeline, percentText, timesOf, timeText } from "./job-story.ts";
import { meanwhile, namesOf } from "./who-trained.ts";

/** Jobs, and reasons, that a list names. */
const LISTED = 5;

/** A part of a fleet's story: a sentence, and what it is made of. */
export interface StoryPart {
  readonly heading: string;
  readonly lines: readonly string[];
}

function outcomes({ jobs }: FleetHistory): string {
  const counts = groupBy(jobs, ({ outcome }) => outcome);
  const said = {
    ended: "ended",
    stopped: "stopped early",
    refused: "refused",
    unfinished: "not at their end",
  } as const;
  return (Object.keys(said) as (keyof typeof said)[])
    .flatMap((outcome) => {
      const count = counts.get(outcome)?.length ?? 0;
      return count === 0 ? [] : [`${count} ${said[outcome]}`];
    })
    .join(", ");
}

function opening(history: FleetHistory): StoryPart {
  const { jobs, numPipelines, endNs, numLines } = history;
  const arrivals = jobs.map(({ request }) => request.arrivalNs);
  const [first, last] = [arrivals[0] ?? 0, arrivals.at(-1) ?? 0];
  const came = first === last ? `at ${timeText(first)}` : `from ${timeText(first)} to ${timeText(last)}`;
  return {
    heading:
      `${counted(jobs.length, "job")} came ${came} and trained on ${counted(numPipelines, "pipeline")}: ` +
      `${outcomes(history)} at ${timeText(endNs)}, after ${counted(numLines, "trigger")}.`,
    lines: [],
  };
}

/** The first few of a list, and how many are left out. */
function listed<T>(values: readonly T[], text: (value: T) => string): readonly string[] {
  const left = values.length - LISTED;
  return [...values.slice(0, LISTED).map(text), ...(left > 0 ? [`and ${left} more`] : [])];
}

function waits(history: FleetHistory): StoryPart | undefined {
  const times = history.jobs.map((job) => ({ job, ...timesOf(job) }));
  const waiting = times.filter(({ waitedNs }) => waitedNs > 0).sort((a, b) => b.waitedNs - a.waitedNs);
  if (waiting.length === 0) return undefined;
  const share = sum(times.map(({ waitedNs }) => waitedNs)) / sum(times.map(({ turnaroundNs }) => turnaroundNs));
  return {
    heading: `Waiting was ${percentText(share)} of all time in the fleet. Who waited most:`,
    lines: waiting.slice(0, LISTED).map(({ job, waitedNs, turnaroundNs }) => {
      const off = job.spans.filter((span) => !isOnPipeline(span));
      const others = meanwhile(history, off);
      return (
        `${job.request.name}: ${timeText(waitedNs)} of ${timeText(turnaroundNs)}` +
        `${off.length > 1 ? ` in ${off.length} waits` : ""}${others === "" ? "" : `, ${others}`}`
      );
    }),
  };
}

function preemptions({ jobs }: FleetHistory): StoryPart | undefined {
  const preempted = jobs.filter((job) => job.preemptions > 0).sort((a, b) => b.preemptions - a.preemptions);
  if (preempted.length === 0) return undefined;
  const count = sum(preempted.map((job) => job.preemptions));
  return {
    heading: `${counted(count, "preemption")} of ${counted(preempted.length, "job")}:`,
    lines: listed(preempted, ({ request, preemptions: times, spans }) => {
      const reasons = [...new Set(spans.filter(({ kind }) => kind === "preempted").map(({ why }) => why))];
      return `${request.name}, ${counted(times, "time")}${reasons.length === 0 ? "" : `: ${namesOf(reasons, 2)}`}`;
    }),
  };
}

function gone(jobs: readonly JobHistory[], what: string): StoryPart | undefined {
  if (jobs.length === 0) return undefined;
  return {
    heading: `${counted(jobs.length, "job")} ${jobs.length === 1 ? "was" : "were"} ${what}:`,
    lines: listed(jobs, ({ request, why, iterations, outcome }) => {
      const far = outcome === "stopped" ? ` after ${iterations} of ${counted(request.iterations, "iteration")}` : "";
      return `${request.name}${far}: ${why}`;
    }),
  };
}

function cutOffs({ jobs }: FleetHistory): StoryPart | undefined {
  const times = [...new Set(jobs.flatMap(({ cutOffNs }) => cutOffNs))].sort((a, b) => a - b);
  if (times.length === 0) return undefined;
  const first = times.slice(0, LISTED).map(timeText);
  const others = times.length > LISTED ? ` and ${times.length - LISTED} more` : "";
  return { heading: `It was cut off and gone on with at ${first.join(", ")}${others}.`, lines: [] };
}

/** What happened to a fleet: who waited most and while who trained, preemptions, stops and refusals with their reasons. */
export function fleetStory(history: FleetHistory): readonly StoryPart[] {
  const of = (outcome: JobHistory["outcome"]): readonly JobHistory[] =>
    history.jobs.filter((job) => job.outcome === outcome);
  return [
    opening(history),
    cutOffs(history),
    waits(history),
    preemptions(history),
    gone(of("stopped"), "stopped"),
    gone(of("refused"), "refused"),
  ].filter((part) => part !== undefined);
}
