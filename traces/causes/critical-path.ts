import type { ActionKey, PlanBody } from "../../plan/index.ts";
import { COLLECTIVES, type Stream, type TraceEvent, type TraceStream } from "../trace.ts";
import type { Cause } from "./causes.ts";
import { workOf } from "./run-causes.ts";
import { eventEnd, WaitingRun } from "./waiting-run.ts";

/** A stretch of the critical path: an action, a message, a collective, or a wait in front of one of them. */
export interface PathStep {
  readonly action: ActionKey;
  readonly device: number;
  /** Whether all devices do it together. */
  readonly isOfAll: boolean;
  /** Of the action or the message. */
  readonly stream: Stream;
  /** Whether it is the wait in front of it. */
  readonly isWait: boolean;
  readonly startNs: number;
  readonly endNs: number;
  /** What its time goes to, in parts. */
  readonly parts: readonly { readonly cause: Cause; readonly ns: number }[];
}

/** What of the critical path goes to one cause; of what a device computes, to that device. */
export interface PathCause {
  readonly cause: Cause;
  /** null where it is of none, or of all together. */
  readonly device: string | null;
  readonly ns: number;
  /** The most that a run can be shorter where this takes half as long, or none at all where it need not be. */
  readonly savesNs: number;
}

/** A run that can be asked what followed upon what. */
export interface ChainedRun<Event> {
  readonly startNs: number;
  readonly endNs: number;
  /** What ends last. */
  last(): Event | undefined;
  beginNs(event: Event): number;
  endOf(event: Event): number;
  /** The last to end of what it waited for. */
  cameAfter(event: Event): Event | undefined;
  /** What it is, or what the wait in front of it is, for so long. */
  stepOf(event: Event, isWait: boolean, ns: number): Omit<PathStep, "isWait" | "startNs" | "endNs">;
}

/** What a run's end waits for, without a gap from its start, in order. */
export function chainOf<Event>(run: ChainedRun<Event>): readonly PathStep[] {
  const steps: PathStep[] = [];
  const seen = new Set<Event>();
  const add = (event: Event, isWait: boolean, startNs: number, endNs: number): void => {
    if (endNs <= startNs) return;
    steps.push({ ...run.stepOf(event, isWait, endNs - startNs), isWait, startNs, endNs });
  };
  let atNs = run.endNs;
  for (let event = run.last(); event !== undefined && !seen.has(event); ) {
    seen.add(event);
    const beginNs = Math.max(run.startNs, run.beginNs(event));
    add(event, false, beginNs, Math.min(atNs, run.endOf(event)));
    atNs = Math.min(atNs, beginNs);
    const before: Event | undefined = atNs <= run.startNs ? undefined : run.cameAfter(event);
    const isKnown = before === undefined || seen.has(before);
    add(event, true, isKnown ? run.startNs : run.endOf(before), atNs);
    if (isKnown) break;
    atNs = Math.min(atNs, run.endOf(before));
    event = before;
  }
  return steps.reverse();
}

/** The chain of actions and messages that a run's end waits for. */
export function criticalPath(
  plan: PlanBody,
  trace: TraceStream,
  run = new WaitingRun(plan, trace),
): readonly PathStep[] {
  const work = workOf(plan);
  const partsOf = (event: TraceEvent, isWait: boolean, ns: number): PathStep["parts"] => {
    if (event.stream !== "compute") return [{ cause: isWait ? "line" : "transfer", ns }];
    if (isWait) return [{ cause: run.waitsForNorms(event) ? "norms" : "between", ns }];
    return work(event, ns).map(({ cause, ns: own }) => ({ cause, ns: own }));
  };
  return chainOf<TraceEvent>({
    startNs: run.startNs,
    endNs: run.endNs,
    last: () => run.last(),
    beginNs: (event) => run.beginNs(event),
    endOf: eventEnd,
    cameAfter: (event) => run.cameAfter(event),
    stepOf(event, isWait, ns) {
      const { action, device, stream } = event;
      return { action, device, isOfAll: false, stream, parts: partsOf(event, isWait, ns) };
    },
  });
}

/** What need not be at all; of anything else half is left where it is twice as fast. */
const AVOIDABLE: readonly Cause[] = ["recomputation", "norms", "between", "line"];
const OF_LINKS: readonly Cause[] = ["transfer", ...COLLECTIVES];

/** What would make a cause take less. */
export function remedyOf(cause: Cause): "avoid" | "links" | "device" {
  if (AVOIDABLE.includes(cause)) return "avoid";
  return OF_LINKS.includes(cause) ? "links" : "device";
}

/** What the critical paths of the steps of a run go to. */
export class PathSums {
  readonly #devices: readonly string[];
  readonly #sums = new Map<string, { readonly cause: Cause; readonly device: string | null; ns: number }>();

  constructor(devices: readonly string[]) {
    this.#devices = devices;
  }

  /** Adds a path that a run has so many times. */
  add(path: readonly PathStep[], times = 1): void {
    for (const { device, isOfAll, parts } of path) {
      for (const { cause, ns } of parts) {
        const name = remedyOf(cause) === "device" && !isOfAll ? this.#devices[device]! : null;
        const key = `${cause} ${name}`;
        const known = this.#sums.get(key) ?? { cause, device: name, ns: 0 };
        known.ns += ns * times;
        this.#sums.set(key, known);
      }
    }
  }

  /** What would save most first. */
  causes(): readonly PathCause[] {
    return [...this.#sums.values()]
      .map((sum) => ({ ...sum, savesNs: remedyOf(sum.cause) === "avoid" ? sum.ns : Math.floor(sum.ns / 2) }))
      .sort((a, b) => b.savesNs - a.savesNs);
  }
}

/** What the critical path goes to, what would save most first. */
export function pathCauses(path: readonly PathStep[], devices: readonly string[]): readonly PathCause[] {
  const sums = new PathSums(devices);
  sums.add(path);
  return sums.causes();
}
