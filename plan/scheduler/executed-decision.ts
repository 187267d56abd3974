import { isSame } from "./compare-decisions.ts";
import type { GivenDecisions, GivenFate } from "./given-decisions.ts";
import type { Decision, JournalLine } from "./journal.ts";

/** The place of the line that has a decision, counted over all lines, and of its first decision. */
function placeOf(lines: readonly JournalLine[], at: number): { readonly line: number; readonly first: number } {
  let first = 0;
  for (const [line, { decisions }] of lines.entries()) {
    if (at < first + decisions.length) return { line, first };
    first += decisions.length;
  }
  return { line: lines.length, first };
}

/** How often something was told by each line that is more than progress. */
class Told {
  readonly #times = new Map<string, number>();

  static keysOf({ events }: JournalLine): readonly string[] {
    return events.flatMap(({ kind, number }) => (kind === "progress" ? [] : [`${kind} ${number}`]));
  }

  constructor(lines: readonly JournalLine[] = []) {
    for (const line of lines) this.add(line);
  }

  add(line: JournalLine): void {
    for (const key of Told.keysOf(line)) this.#times.set(key, this.times(key) + 1);
  }

  times(key: string): number {
    return this.#times.get(key) ?? 0;
  }
}

/** Whether all that some lines tell is told by others. */
function isToldIn(others: readonly JournalLine[], lines: readonly JournalLine[]): boolean {
  const [told, own] = [new Told(others), new Told(lines)];
  return lines.flatMap(Told.keysOf).every((key) => told.times(key) >= own.times(key));
}

/** A job of a fleet as its journal tells. */
interface Known {
  readonly pipeline: number | undefined;
  readonly isOver: boolean;
  readonly isHeld: boolean;
}

/** Jobs that have come by a line, before what was decided there. */
function jobsAt(lines: readonly JournalLine[], at: number): ReadonlyMap<number, Known> {
  const jobs = new Map<number, Known>();
  const change = (number: number, to: Partial<Known>): void => {
    jobs.set(number, { ...{ pipeline: undefined, isOver: false, isHeld: false }, ...jobs.get(number), ...to });
  };
  for (const [line, { events, decisions }] of lines.slice(0, at + 1).entries()) {
    for (const { kind, number } of events) {
      if (kind === "arrived") change(number, {});
      else if (kind === "ended") change(number, { isOver: true });
      else if (kind === "pause" || kind === "stop") change(number, { isHeld: true });
      else if (kind === "unpause") change(number, { isHeld: false });
    }
    if (line === at) break;
    for (const { kind, number, pipeline } of decisions) {
      if (kind === "start" || kind === "resume") change(number, { pipeline });
      else if (kind === "preempt") change(number, { pipeline: undefined });
      else if (kind === "stop" || kind === "refuse") change(number, { isOver: true });
    }
  }
  return jobs;
}

/** Why a decision cannot be made of a job. */
function whyNot({ kind, name, pipeline }: Decision, job: Known | undefined): string | undefined {
  if (job === undefined) return `${name} had not come to the twin yet`;
  if (job.isOver) return `${name} had ended in the twin by then`;
  if (job.isHeld) return `${name} was not to train then, whatever a policy says`;
  const isOfWaiting = kind === "refuse" || kind === "start" || kind === "resume";
  if (isOfWaiting) return job.pipeline === undefined ? undefined : `${name} trained already in the twin`;
  return job.pipeline === pipeline ? undefined : `${name} was not on pipeline ${pipeline} in the twin then`;
}

/** What comes next of a job that was told to leave, where it has left. */
function leftIn(lines: readonly JournalLine[], number: number): JournalLine | undefined {
  for (const line of lines) {
    const next = line.decisions.find((decision) => decision.number === number);
    if (next !== undefined) return next.kind === "stay" ? undefined : line;
    if (line.events.some((event) => event.kind === "ended" && event.number === number)) return line;
  }
  return undefined;
}

/** What a line of an executed fleet decided, with who came for those that it told to leave. */
function fatesOf(decisions: readonly Decision[], later: readonly JournalLine[]): Map<number, GivenFate> {
  const fates = new Map<number, GivenFate>();
  for (const { kind, number, pipeline, why } of decisions) {
    if (kind === "start" || kind === "resume" || kind === "stay")
      fates.set(number, { kind: "on", pipeline: pipeline!, why });
    else if (kind === "preempt") fates.set(number, { kind: "off", isToldOnly: false, why });
    else if (kind === "refuse") fates.set(number, { kind: "refused", why });
    else if (kind === "leave") {
      const left = leftIn(later, number);
      fates.set(number, { kind: "off", isToldOnly: left === undefined, why });
      for (const next of left?.decisions ?? []) {
        const isComing = (next.kind === "start" || next.kind === "resume") && next.pipeline === pipeline;
        if (isComing && !fates.has(next.number))
          fates.set(next.number, { kind: "on", pipeline: pipeline!, behind: number, why: next.why });
      }
    }
  }
  return fates;
}

/** That a decision about who trains is not made which others did not make. */
function contrary({ kind, pipeline }: Decision): GivenFate | undefined {
  // It trains on as long as theirs is not carried out.
  if (kind === "leave" || kind === "preempt") return { kind: "on", pipeline: pipeline!, why: "", isMeanwhile: true };
  return kind === "stay" ? { kind: "off", isToldOnly: false, why: "" } : undefined;
}

interface Next {
  readonly line: number;
  readonly decision: Decision;
}

/** What is decided of a job next, from a decision on. */
function nextOf(lines: readonly JournalLine[], number: number, at: number): Next | undefined {
  let seen = 0;
  for (const [line, { decisions }] of lines.entries())
    for (const decision of decisions) {
      if (seen >= at && decision.number === number) return { line, decision };
      seen += 1;
    }
  return undefined;
}

/** In place of a decision what others decided of that job next; nothing where they did the same, only later. */
function insteadOf(decision: Decision, next: Decision | undefined): readonly (readonly [number, GivenFate])[] {
  if (isSame(decision, next)) return [];
  const isStart = next?.kind === "start" || next?.kind === "resume";
  const fate: GivenFate | undefined =
    isStart && next.kind === decision.kind
      ? { kind: "on", pipeline: next.pipeline!, why: next.why }
      : contrary(decision);
  return fate === undefined ? [] : [[decision.number, fate]];
}

/**
 * Whether a job leaves that both fleets told to before they part, `at` decisions after their begin, and that the other
 * one does not call back either: it leaves when its iteration ends, and no policy decides when that is.
 */
function isLeavingAnyway({ kind, number }: Decision, others: readonly Decision[], at: number): boolean {
  const isOfIt = (each: Decision): boolean => each.number === number;
  const [before, next] = [others.slice(0, at).findLast(isOfIt), others.slice(at).find(isOfIt)];
  return kind === "preempt" && before?.kind === "leave" && next?.kind === "preempt";
}

/** Whether two decisions cannot both be made as they are. */
function isEither(a: Decision, b: Decision): boolean {
  return a.number === b.number || (a.pipeline !== undefined && a.pipeline === b.pipeline);
}

/**
 * What a simulated fleet has to be given so that it decides what an executed one with the same jobs decided where their
 * decisions part, `at` being how many are the same before: that line's decisions, at the trigger of the same events or
 * in place of its own decision. Where it comes to the same by itself, its own decision is what is not to be; nothing
 * is given where the two only change places. Who leaves on both sides is not kept from it, whoever of several is the
 * first. A text where that cannot be done: why.
 */
export function executedDecision(
  executed: readonly JournalLine[],
  simulated: readonly JournalLine[],
  at: number,
): GivenDecisions | string {
  const [theirs, own] = [placeOf(executed, at), placeOf(simulated, at)];
  const line = executed[theirs.line];
  if (line === undefined) return "the run decided nothing more";
  const decision = line.decisions[at - theirs.first]!;
  if (decision.kind === "stop") return `that ${decision.name} was stopped was no decision of the policy`;
  const ownDecision = simulated[own.line]?.decisions[at - own.first];
  // Behind all that both decided.
  const from = at === own.first ? (at === 0 ? 0 : placeOf(simulated, at - 1).line + 1) : own.line;
  const keys = Told.keysOf(line);
  const toldThen = new Told(executed.slice(0, theirs.line + 1));
  const told = new Told(simulated.slice(0, from));
  const isEitherOr = ownDecision !== undefined && isEither(decision, ownDecision);
  if (ownDecision !== undefined && !isEitherOr) {
    const [ours, yours] = [nextOf(simulated, decision.number, at), nextOf(executed, ownDecision.number, at)];
    const lastLine = Math.max(theirs.line, yours?.line ?? 0);
    if (
      isSame(decision, ours?.decision) &&
      isToldIn(executed.slice(0, lastLine + 1), simulated.slice(0, ours!.line + 1))
    ) {
      // The twin comes to it by itself, with nothing new: what parts is its own decision.
      const instead = insteadOf(ownDecision, yours?.decision);
      return { linesBefore: own.line, atNs: simulated[own.line]!.atNs, fates: new Map(instead) };
    }
  }
  let place = from;
  for (; place < simulated.length; place += 1) {
    const each = simulated[place]!;
    told.add(each);
    if (isEitherOr && place === own.line) break;
    if (keys.length > 0 && keys.every((key) => told.times(key) >= toldThen.times(key))) break;
    if (keys.length === 0 && !isEitherOr && each.atNs >= line.atNs) break;
  }
  const trigger = simulated[place];
  if (trigger === undefined) return "the twin had ended by then";
  const jobs = jobsAt(simulated, place);
  const why = whyNot(decision, jobs.get(decision.number));
  if (why !== undefined) return why;
  // With what both decided in that line.
  const decisions = executed.flatMap((each) => each.decisions);
  const isOwnLine = place === own.line;
  const given = fatesOf(
    decisions.slice(isOwnLine ? own.first : at, theirs.first + line.decisions.length),
    executed.slice(theirs.line + 1),
  );
  const isNot = isOwnLine && ownDecision !== undefined && !isLeavingAnyway(ownDecision, decisions, at);
  const not = isNot ? contrary(ownDecision) : undefined;
  const fates = new Map<number, GivenFate>();
  if (not !== undefined && !given.has(ownDecision!.number)) fates.set(ownDecision!.number, not);
  const isDecidedOn = (number: number): boolean => {
    const job = jobs.get(number);
    return job !== undefined && !job.isOver && !job.isHeld;
  };
  // Who comes for another one may come later.
  for (const [number, fate] of given)
    if (isDecidedOn(fate.kind === "on" ? (fate.behind ?? number) : number)) fates.set(number, fate);
  return { linesBefore: place, atNs: trigger.atNs, fates };
}

/** Whether lines have a decision; who is between two iterations is preempted at once where others are told to leave. */
export function isMade({ kind, number, pipeline }: Decision, lines: readonly JournalLine[]): boolean {
  const alike = kind === "leave" || kind === "preempt" ? ["leave", "preempt"] : [kind];
  return lines.some(({ decisions }) =>
    decisions.some((each) => each.number === number && each.pipeline === pipeline && alike.includes(each.kind)),
  );
}
