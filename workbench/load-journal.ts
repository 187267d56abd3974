import path from "node:path";
import { parseJournal, type ReadJournal } from "../plan/index.ts";
import type { Place } from "./context.ts";
import { isFolder, readInput } from "./files.ts";
import { RUN_FILES } from "./run-folder.ts";

/** What a job scheduler wrote down: a file, or that of a run folder. @throws InputError */
export function loadJournal(place: Place, file: string): ReadJournal {
  const own = isFolder(place, file) ? path.join(file, RUN_FILES.journal) : file;
  const input = readInput(place, own, "a job scheduler's journal, or a run folder with one");
  return parseJournal(input.text, input.file);
}
