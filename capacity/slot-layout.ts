import { sum } from "../core/index.ts";
import type { StepLayout } from "../plan/index.ts";
import { allLayouts, DealtRows, layoutBytes, layoutSeconds, type StepMachine, usableBytes } from "../studies/index.ts";
import { type SlotKind, stepsOf } from "./slot-kind.ts";

const known = new WeakMap<SlotKind, Map<number, DealtRows>>();

/** Steps of so many jobs of a kind that share a slot; the same rows whoever asks. */
export function rowsOf(kind: SlotKind, jobs: number): DealtRows {
  const own = known.get(kind) ?? new Map<number, DealtRows>();
  known.set(kind, own);
  const rows = own.get(jobs) ?? new DealtRows(Array(jobs).fill(kind.work));
  own.set(jobs, rows);
  return rows;
}

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
    kinds.every((kind) => layoutBytes(slot, layout, rowsOf(kind, jobsAtOnce)) <= usableBytes(slot));
  const daySeconds = (layout: StepLayout): number =>
    sum(
      kinds.map((each) => {
        const { kind } = each;
        return kind.perDay * stepsOf(kind, kind.samples) * layoutSeconds(slot, layout, rowsOf(each, 1));
      }),
    );
  let best: { readonly layout: StepLayout; readonly seconds: number } | undefined;
  for (const layout of allLayouts(slot, kinds[0]!.work.architecture)) {
    const seconds = daySeconds(layout);
    if ((best === undefined || seconds < best.seconds) && hasRoom(layout)) best = { layout, seconds };
  }
  return best?.layout;
}
