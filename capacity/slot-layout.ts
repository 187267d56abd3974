import { sum } from "../core/index.ts";
import type { StepLayout } from "../plan/index.ts";
import { allLayouts, layoutBytes, layoutSeconds, type StepMachine, usableBytes } from "../studies/index.ts";
import { type SlotKind, stepsOf } from "./slot-kind.ts";

/**
 * The layout in which a slot trains a day's jobs of one base model fastest, each alone, with room for so many of the
 * largest at once. Undefined where there is none.
 */
export function fastestLayout(
  slot: StepMachine,
  kinds: readonly SlotKind[],
  jobsAtOnce: number,
): StepLayout | undefined {
  const hasRoom = (layout: StepLayout): boolean =>
    kinds.every(({ work }) => layoutBytes(slot, layout, Array(jobsAtOnce).fill(work)) <= usableBytes(slot));
  const daySeconds = (layout: StepLayout): number =>
    sum(kinds.map(({ kind, work }) => kind.perDay * stepsOf(kind, kind.samples) * layoutSeconds(slot, layout, [work])));
  let best: { readonly layout: StepLayout; readonly seconds: number } | undefined;
  for (const layout of allLayouts(slot, kinds[0]!.work.architecture)) {
    const seconds = daySeconds(layout);
    if ((best === undefined || seconds < best.seconds) && hasRoom(layout)) best = { layout, seconds };
  }
  return best?.layout;
}
