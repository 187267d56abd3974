import path from "node:path";
import { InputError } from "../../core/index.ts";
import { inputLines, type Place } from "../../files/index.ts";
import type { JournalLine } from "./journal.ts";
import { readRunJournal } from "./read-journal.ts";
import { RUN_FILES } from "./run-files.ts";

/** What the interruptions of a run have taken, in seconds. */
export interface MeasuredInterruptions {
  /** Of each checkpoint, writing it. */
  readonly checkpointSeconds: readonly number[];
  /** Of each early end that the run went on from, from its checkpoint to the first action of the next start. */
  readonly restartSeconds: readonly number[];
}

/** The same by a journal. */
export function interruptionsOf(events: readonly JournalLine[]): MeasuredInterruptions {
  const checkpointSeconds: number[] = [];
  const restartSeconds: number[] = [];
  let checkpoint: string | undefined;
  let end: string | undefined;
  for (const line of events) {
    if (line.event === "checkpoint") {
      checkpointSeconds.push(line.seconds);
      checkpoint = line.time;
    } else if (line.event === "ended early") end = checkpoint ?? line.time;
    else if (line.event === "started") checkpoint = undefined;
    else if (line.event === "ready" && end !== undefined) {
      restartSeconds.push((Date.parse(line.time) - Date.parse(end)) / 1000);
      end = undefined;
    }
  }
  return { checkpointSeconds, restartSeconds };
}

/** What a run's journal tells. @throws InputError for a run that was not ended early with a checkpoint and resumed */
export function measuredInterruptions(place: Place, folder: string): MeasuredInterruptions {
  const written = inputLines(place, path.join(folder, RUN_FILES.journal), `a run folder with ${RUN_FILES.journal}`);
  const measured = interruptionsOf(readRunJournal(written.lines, written.file).events);
  if (measured.checkpointSeconds.length === 0 || measured.restartSeconds.length === 0)
    throw new InputError({
      expected: "a run that was ended early with a checkpoint, and resumed",
      file: folder,
      got: "another one",
      hint: "`loratwin notice RUN` ends one so, and `loratwin resume RUN` goes on with it.",
    });
  return measured;
}
