import { groupBy, sum } from "../../core/index.ts";
import type { SeenAction } from "./golden-run.ts";

/** Where devices are in a run: before their first action, between, and behind their last one. */
export type Phase = "fill" | "steady" | "drain";

/** Nanoseconds of a device: of actions of a kind, or waiting in a phase. */
export interface DevicePart {
  readonly device: string;
  /** A kind of action, or `waiting`. */
  readonly what: string;
  readonly phase: Phase;
  readonly ns: number;
}

/**
 * The time of each device from the run's start to its end, all of it: by kind of action, and what it waited. A pipeline
 * fills until a device has its first action, and drains from its last one on.
 */
export function deviceParts(actions: readonly SeenAction[]): readonly DevicePart[] {
  const computed = actions.filter(({ stream }) => stream === "compute");
  if (computed.length === 0) return [];
  const start = computed.reduce((least, { startNs }) => Math.min(least, startNs), Number.POSITIVE_INFINITY);
  const end = computed.reduce((most, { endNs }) => Math.max(most, endNs), 0);
  return [...groupBy(computed, ({ device }) => device)].flatMap(([device, own]): readonly DevicePart[] => {
    const first = own.reduce((least, { startNs }) => Math.min(least, startNs), Number.POSITIVE_INFINITY);
    const last = own.reduce((most, { endNs }) => Math.max(most, endNs), 0);
    const kinds = [...groupBy(own, ({ kind }) => kind)].map(([what, some]): DevicePart => {
      return { device, what, phase: "steady", ns: sum(some.map(({ startNs, endNs }) => endNs - startNs)) };
    });
    const busy = sum(kinds.map(({ ns }) => ns));
    const waiting = (phase: Phase, ns: number): DevicePart => ({ device, what: "waiting", phase, ns });
    return [
      ...kinds,
      waiting("fill", first - start),
      waiting("steady", last - first - busy),
      waiting("drain", end - last),
    ];
  });
}
