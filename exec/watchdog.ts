import { DeviceError } from "../core/index.ts";
import { faultAt } from "../files/index.ts";
import { formatAction } from "../plan/index.ts";
import type { LoweredAction } from "./lowering.ts";

/**
 * Seconds without any action that ends after which a run has stalled: where every device waits for another one, and
 * where some action has all that it waits for and may be a long one.
 */
const LIMITS = { blocked: 30, running: 900 } as const;

/** What of a stage is not over, as the watchdog sees it. */
export interface WatchedStage {
  readonly device: string;
  /** Actions in the device's queue, and messages that they send, in order; `isComputed`: only its message is left. */
  readonly queued: Iterable<{ readonly lowered: LoweredAction; readonly isComputed: boolean }>;
  /** Those that it does not have yet. */
  readonly coming: Iterable<LoweredAction>;
}

export interface WatchdogInput {
  /** Grows with everything that ends. */
  readonly numEnded: () => number;
  /** Whether devices have anything to do. */
  readonly isBusy: () => boolean;
  readonly stages: () => readonly WatchedStage[];
  readonly onStall: (error: DeviceError) => void;
}

/** What the head of a stage's queue waits for: names of actions and messages that have not ended. */
export function standstill(stages: readonly WatchedStage[]): {
  readonly isBlocked: boolean;
  readonly lines: readonly string[];
} {
  const open = new Map<number, string>();
  for (const { queued, coming } of stages) {
    const add = ({ event, action, send }: LoweredAction, isComputed: boolean): void => {
      if (!isComputed) open.set(event, formatAction(action));
      if (send !== undefined) open.set(send.event, `the message of ${formatAction(action)}`);
    };
    for (const { lowered, isComputed } of queued) add(lowered, isComputed);
    for (const lowered of coming) add(lowered, false);
  }
  let isBlocked = true;
  const lines = stages.flatMap(({ device, queued }): readonly string[] => {
    const heads = [...queued];
    const compute = heads.find(({ isComputed }) => !isComputed)?.lowered;
    const send = heads.find(({ isComputed }) => isComputed)?.lowered;
    const tell = (what: string, waits: readonly number[]): string => {
      const names = waits.flatMap((event) => open.get(event) ?? []);
      if (names.length === 0) isBlocked = false;
      return `${device}: ${what} ${names.length === 0 ? "has all that it needs, and does not end" : `waits for ${names.join(" and ")}`}`;
    };
    return [
      ...(compute === undefined ? [] : [tell(formatAction(compute.action), compute.waits)]),
      ...(send?.send === undefined ? [] : [tell(`the message of ${formatAction(send.action)}`, send.send.waits)]),
    ];
  });
  return { isBlocked, lines };
}

/** Looks whether anything ends while devices have work, and says who waits for what where nothing does. */
export function watch({ numEnded, isBusy, stages, onStall }: WatchdogInput): Disposable {
  const asked = faultAt("watchdog");
  const limits = asked === undefined ? LIMITS : { blocked: Number(asked), running: Number(asked) };
  let last = numEnded();
  let sinceMs = performance.now();
  const timer = setInterval(
    () => {
      const now = numEnded();
      if (now !== last || !isBusy()) {
        last = now;
        sinceMs = performance.now();
        return;
      }
      const seconds = (performance.now() - sinceMs) / 1e3;
      if (seconds < limits.blocked) return;
      const { isBlocked, lines } = standstill(stages());
      if (!isBlocked && seconds < limits.running) return;
      onStall(
        new DeviceError({
          expected: `an action to end within ${isBlocked ? limits.blocked : limits.running} s`,
          got: isBlocked ? "devices that wait for each other" : "none",
          detail: lines.join("\n"),
        }),
      );
    },
    Math.max(50, (1e3 * limits.blocked) / 4),
  );
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
