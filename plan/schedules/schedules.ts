import type { ScheduleName } from "../documents/setting.ts";
import { gpipe } from "./gpipe.ts";
import { lorapp } from "./lorapp.ts";
import { lorappGpipe } from "./lorapp-gpipe.ts";
import { oneFOneB } from "./one-f-one-b.ts";
import type { Schedule } from "./schedule-input.ts";
import { sequential } from "./sequential.ts";

export interface ScheduleEntry {
  readonly build: Schedule;
  /** Whether jobs of different groups may be in flight at once, so that fusing and an in-flight limit make sense. */
  readonly interleavesGroups: boolean;
  /** Whether a whole mini-batch has to be in flight at once. */
  readonly needsWholeMiniBatch: boolean;
  /** Whether a mini-batch's backwards run last micro-batch first. */
  readonly reversesBackwards: boolean;
}

export const SCHEDULE_TABLE: Readonly<Record<ScheduleName, ScheduleEntry>> = {
  lorapp: { build: lorapp, interleavesGroups: true, needsWholeMiniBatch: false, reversesBackwards: false },
  "lorapp-gpipe": { build: lorappGpipe, interleavesGroups: true, needsWholeMiniBatch: false, reversesBackwards: false },
  "1f1b": { build: oneFOneB, interleavesGroups: false, needsWholeMiniBatch: false, reversesBackwards: false },
  gpipe: { build: gpipe, interleavesGroups: false, needsWholeMiniBatch: true, reversesBackwards: true },
  sequential: { build: sequential, interleavesGroups: false, needsWholeMiniBatch: false, reversesBackwards: false },
};
