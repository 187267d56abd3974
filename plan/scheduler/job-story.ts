import { counted, formatSeconds, sum } from "../../core/index.ts";
import { CUT_OFF, type FleetHistory, type JobHistory, type JobSpan } from "./fleet-history.ts";
import { meanwhile } from "./who-trained.ts";

/** Turns on a pipeline that are told one by one, at the beginning and at the end. */
const FIRST_TURNS = 6;
const LAST_TURNS = 3;

/** A point in time or a duration, for people. */
export function timeText(ns: number): string {
  return formatSeconds(ns / 1e9);
}

/** "62 %"; all but a little is 99 %. */
export function percentText(share: number): string {
  return `${share < 1 ? Math.min(99, Math.round(100 * share)) : 100} %`;
}

/** A reason at the end of a sentence. */
function reason(why: string): string {
  return why === "" ? "" : `: ${why}`;
}

export function isOnPipeline({ pipeline }: JobSpan): boolean {
  return pipeline !== undefined;
}

export function spanNs(spans: readonly JobSpan[]): number {
  return sum(spans.map(({ startNs, endNs }) => endNs - startNs));
}

/** Up to a job's end, or to the end of the journal: all of it, and what it was on no pipeline and on one. */
export function timesOf({ spans }: JobHistory): {
  readonly turnaroundNs: number;
  readonly waitedNs: number;
  readonly trainedNs: number;
} {
  const trainedNs = spanNs(spans.filter(isOnPipeline));
  const turnaroundNs = spanNs(spans);
  return { turnaroundNs, waitedNs: turnaroundNs - trainedNs, trainedNs };
}

/** Spans of a job, cut where it comes onto a pipeline: what lies before it, and what it does there. */
interface Turn {
  readonly before: readonly JobSpan[];
  readonly on: readonly JobSpan[];
}

function turnsOf(spans: readonly JobSpan[]): readonly Turn[] {
  const turns: { before: JobSpan[]; on: JobSpan[] }[] = [{ before: [], on: [] }];
  for (const span of spans) {
    let turn = turns.at(-1)!;
    if (!isOnPipeline(span) && turn.on.length > 0) {
      turn = { before: [], on: [] };
      turns.push(turn);
    }
    (isOnPipeline(span) ? turn.on : turn.before).push(span);
  }
  return turns;
}

function arrival({ request, firstPriority }: JobHistory): string {
  const { name, arrivalNs, iterations, user, deadlineNs } = request;
  const by = user === "" ? "" : `, of ${user}`;
  const deadline = deadlineNs === null ? "" : `, to end by ${timeText(deadlineNs)}`;
  const urgent = firstPriority === 0 ? "" : `, priority ${firstPriority}`;
  return `${name} came at ${timeText(arrivalNs)} with ${counted(iterations, "iteration")}${by}${urgent}${deadline}.`;
}

function pauses(before: readonly JobSpan[]): string {
  const paused = before.filter(({ kind }) => kind === "paused");
  return paused.length === 0 ? "" : `, ${timeText(spanNs(paused))} of it paused`;
}

function waitingText(history: FleetHistory, before: readonly JobSpan[]): string {
  const others = meanwhile(history, before);
  return `waited ${timeText(spanNs(before))}${pauses(before)}${others === "" ? "" : `, ${others}`}`;
}

/** How it came onto a pipeline, and what was said of it there. */
function turnSentences(
  history: FleetHistory,
  job: JobHistory,
  { before, on }: Turn,
  isFirst: boolean,
): readonly string[] {
  const [begun] = on;
  const given = (spans: readonly JobSpan[]): readonly string[] =>
    job.priorities
      .filter(({ atNs }) => spans.some(({ startNs, endNs }) => atNs >= startNs && atNs < endNs))
      .map(({ atNs, priority }) => `At ${timeText(atNs)} it was given priority ${priority}.`);
  if (begun === undefined)
    return before.length === 0
      ? []
      : [...given(before), `It ${job.outcome === "unfinished" ? "has " : ""}${waitingText(history, before)}.`];
  const halved = job.letGoOn
    .filter(({ atNs }) => before.length > 0 && atNs >= before[0]!.startNs && atNs <= begun.startNs)
    .map(({ atNs, why }) => `At ${timeText(atNs)} halving let it go on${reason(why)}.`);
  const where = `on pipeline ${begun.pipeline}${reason(begun.why)}`;
  const began =
    before.length === 0
      ? `It started at once ${where}.`
      : `It ${waitingText(history, before)}, and ${isFirst ? "started" : "went on"} at ${timeText(begun.startNs)} ${where}.`;
  const changes = on.slice(1).map(({ kind, startNs, why, done }) => {
    if (job.cutOffNs.includes(startNs))
      return `At ${timeText(startNs)} ${CUT_OFF}, and it went on from ${counted(done, "iteration")}${reason(why)}.`;
    const told = kind === "leaving" ? "was to leave after its iteration" : "could stay after all";
    return `At ${timeText(startNs)} it ${told}${reason(why)}.`;
  });
  return [...given(before), ...halved, began, ...changes, ...given(on)];
}

/** Why it left the pipeline, unless that was said when it was to leave. */
function leftSentence(turn: Turn, next: Turn | undefined): readonly string[] {
  const [left, last] = [next?.before[0], turn.on.at(-1)];
  if (left === undefined || last === undefined) return [];
  if (left.why === CUT_OFF)
    return [`At ${timeText(left.startNs)} ${CUT_OFF}; ${counted(left.done, "iteration")} of it are kept.`];
  const trained = counted(left.done - turn.on[0]!.done, "iteration");
  const what = left.kind === "paused" ? "was paused" : "was preempted";
  const why = last.why === left.why || left.why === "paused" ? "" : reason(left.why);
  return [`At ${timeText(left.startNs)} it ${what} after ${trained}${why}.`];
}

/** Turns that are not told one by one. */
function manyTurns(turns: readonly Turn[]): readonly string[] {
  const spans = turns.flatMap(({ before, on }) => [...before, ...on]);
  const [first, last] = [spans[0], spans.at(-1)];
  if (first === undefined || last === undefined) return [];
  const share = spanNs(spans.filter(isOnPipeline)) / spanNs(spans);
  return [
    `From ${timeText(first.startNs)} to ${timeText(last.endNs)} it had ${counted(turns.length, "more turn")}, ` +
      `on a pipeline ${percentText(share)} of that time.`,
  ];
}

function deadlineText({ request: { deadlineNs }, endNs }: JobHistory): string {
  if (deadlineNs === null || endNs === undefined) return "";
  const early = deadlineNs - endNs;
  return `, ${timeText(Math.abs(early))} ${early < 0 ? "after" : "before"} its deadline`;
}

function ending(job: JobHistory): string {
  const { outcome, why, stoppedBy, endNs, iterations, request, spans } = job;
  const { turnaroundNs, waitedNs, trainedNs } = timesOf(job);
  const share = turnaroundNs === 0 ? 0 : trainedNs / turnaroundNs;
  const parts = `turnaround ${timeText(turnaroundNs)}, of which ${percentText(share)} training`;
  switch (outcome) {
    case "ended":
      return `It waited ${timeText(waitedNs)} in all, and ended at ${timeText(endNs!)}${deadlineText(job)}: ${parts}.`;
    case "stopped": {
      // What is spent says so by itself.
      const by =
        stoppedBy === undefined || stoppedBy === "budget" ? "" : ` by ${stoppedBy === "user" ? "its user" : stoppedBy}`;
      const far = `${iterations} of ${counted(request.iterations, "iteration")}`;
      return `It was stopped${by} at ${timeText(endNs!)} after ${far}${reason(why)}; ${parts}.`;
    }
    case "refused":
      return `It was refused at ${timeText(spans.at(-1)?.endNs ?? request.arrivalNs)}${reason(why)}.`;
    case "unfinished":
      return (
        `The journal ends before it does: ${iterations} of ${counted(request.iterations, "iteration")} done, ` +
        `${timeText(waitedNs)} waited in all.`
      );
  }
}

/** What happened to a job from its arrival on, a sentence each. */
export function jobStory(history: FleetHistory, job: JobHistory): readonly string[] {
  const turns = turnsOf(job.spans);
  const isLong = turns.length > FIRST_TURNS + LAST_TURNS + 1;
  const tell = (turn: Turn): readonly string[] => {
    const index = turns.indexOf(turn);
    return [...turnSentences(history, job, turn, index === 0), ...leftSentence(turn, turns[index + 1])];
  };
  const told = isLong
    ? [
        ...turns.slice(0, FIRST_TURNS).flatMap(tell),
        ...manyTurns(turns.slice(FIRST_TURNS, -LAST_TURNS)),
        ...turns.slice(-LAST_TURNS).flatMap(tell),
      ]
    : turns.flatMap(tell);
  // One that was refused at once did nothing.
  return [arrival(job), ...told, ending(job)];
}
