import path from "node:path";
import { inputLines, isFolder, type Place } from "../../files/index.ts";
import { parseJournal, type ReadJournal } from "../../plan/index.ts";
import { journalEvents, stoppedByJournal } from "./load-run.ts";
import { RUN_FILES } from "./run-folder.ts";

/** A job scheduler's lines, and what a live fleet wrote between them of jobs that diverged: by name, why. */
interface LoadedJournal extends ReadJournal {
  readonly stopped: ReadonlyMap<string, string>;
}

/** What a job scheduler wrote down: a file, or that of a run folder. @throws InputError */
export function loadJournal(place: Place, file: string): LoadedJournal {
  const own = isFolder(place, file) ? path.join(file, RUN_FILES.journal) : file;
  const input = inputLines(place, own, "a job scheduler's journal, or a run folder with one");
  const journal = parseJournal(input.lines, input.file);
  return { ...journal, stopped: stoppedByJournal(journalEvents(journal.others)) };
}
