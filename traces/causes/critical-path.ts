import type { ActionKey, PlanBody } from "../../plan/index.ts";
import type { Stream, TraceEvent, TraceStream } from "../trace.ts";
import type { Cause } from "./causes.ts";
import { workOf } from "./run-causes.ts";
import { eventEnd, WaitingRun } from "./waiting-run.ts";

/** A stretch of the critical path: an action, a message, or a wait in front of one of them. */
export interface PathStep {
  readonly action: ActionKey;
  readonly device: number;
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
  readonly device: string | null;
  readonly ns: number;
  /** The most that a run can be shorter where this takes half as long, or none at all where it need not be. */
  readonly savesNs: number;
}

/** The chain of actions and messages that a run's end waits for, without a gap from its start, in order. */
export function criticalPath(
  plan: PlanBody,
  trace: TraceStream,
  run = new WaitingRun(plan, trace),
): readonly PathStep[] {
  const work = workOf(plan);
  const steps: PathStep[] = [];
  const seen = new Set<TraceEvent>();
  const add = (event: TraceEvent, isWait: boolean, startNs: number, endNs: number): void => {
    if (endNs <= startNs) return;
    const ns = endNs - startNs;
    const { action, device, stream, letter } = event;
    const waits = stream === "compute" ? (letter === "U" ? "norms" : "between") : "line";
    const parts = isWait
      ? [{ cause: waits, ns } as const]
      : stream === "compute"
        ? work(event, ns).map(({ cause, ns: own }) => ({ cause, ns: own }))
        : [{ cause: "transfer", ns } as const];
    steps.push({ action, device, stream, isWait, startNs, endNs, parts });
  };
  let atNs = run.endNs;
  for (let event = run.last(); event !== undefined && !seen.has(event); ) {
    seen.add(event);
    const beginNs = Math.max(run.startNs, run.beginNs(event));
    add(event, false, beginNs, Math.min(atNs, eventEnd(event)));
    atNs = Math.min(atNs, beginNs);
    const before: TraceEvent | undefined = atNs <= run.startNs ? undefined : run.cameAfter(event);
    const isKnown = before === undefined || seen.has(before);
    add(event, true, isKnown ? run.startNs : eventEnd(before), atNs);
    if (isKnown) break;
    atNs = Math.min(atNs, eventEnd(before));
    event = before;
  }
  return steps.reverse();
}

/** What need not be at all; of anything else half is left where it is twice as fast. */
const AVOIDABLE: readonly Cause[] = ["recomputation", "norms", "between", "line"];
const OF_DEVICES: readonly Cause[] = ["products", "update", "evaluation", "samples"];

/** What the critical path goes to, what would save most first. */
export function pathCauses(path: readonly PathStep[], devices: readonly string[]): readonly PathCause[] {
  const sums = new Map<string, { readonly cause: Cause; readonly device: string | null; ns: number }>();
  for (const { device, parts } of path) {
    for (const { cause, ns } of parts) {
      const name = OF_DEVICES.includes(cause) ? devices[device]! : null;
      const key = `${cause} ${name}`;
      const known = sums.get(key);
      if (known === undefined) sums.set(key, { cause, device: name, ns });
      else known.ns += ns;
    }
  }
  return [...sums.values()]
    .map((sum) => ({ ...sum, savesNs: AVOIDABLE.includes(sum.cause) ? sum.ns : Math.floor(sum.ns / 2) }))
    .sort((a, b) => b.savesNs - a.savesNs);
}
