/**
 * Actions that a stage's queue may hold ahead: many, so that JavaScript seldom takes a device's core to fill it; not
 * all, so that it never holds a long run; and of long ones fewer, since a run that is to end early runs what is queued.
 * The least is above that at which a device asks for more (native/src/runtime/stream.cc).
 */
const AHEAD = { least: 40, most: 256, seconds: 1 } as const;

/** How many, where the stage's actions take so long on average; 0 before the first has ended. */
export function actionsAhead(meanSeconds: number): number {
  const wanted = meanSeconds === 0 ? AHEAD.least : Math.ceil(AHEAD.seconds / meanSeconds);
  return Math.min(AHEAD.most, Math.max(AHEAD.least, wanted));
}
