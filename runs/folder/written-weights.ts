import { existsSync } from "node:fs";
import path from "node:path";
import { InputError } from "../../core/index.ts";
import { fileDigest } from "../../files/index.ts";
import type { JournalLine } from "./journal.ts";
import { journalOfRun } from "./read-journal.ts";
import { RUN_FILES, WEIGHTS } from "./run-files.ts";

type Written = NonNullable<Extract<JournalLine, { event: "job ended" }>["written"]>;

/** @throws InputError where an adapter's folder has other weights than its job has left. `known`: their SHA-256 */
export function checkAdapterWeights(folder: string, known: string | undefined): void {
  const file = path.join(folder, WEIGHTS);
  if (known === undefined || !existsSync(file)) return;
  const { sha256 } = fileDigest(file);
  if (known !== sha256)
    throw new InputError({
      expected: `the weights that job ${path.basename(folder)} left, ${known.slice(0, 12)}...`,
      file,
      got: `${sha256.slice(0, 12)}...`,
      hint: "The file was damaged or replaced: take it from a copy, or train again.",
    });
}

/**
 * Compares the weights in RUN/adapters/JOB or RUN/best/JOB with what the run's journal says that the job has left there.
 * A folder elsewhere, and one of which no journal tells, is taken as it is.
 * @throws InputError
 */
export function checkWritten(folder: string): void {
  const kinds: Readonly<Record<string, keyof Written>> = { [RUN_FILES.adapters]: "adapter", [RUN_FILES.best]: "best" };
  const within = path.dirname(folder);
  const kind = kinds[path.basename(within)];
  if (kind === undefined) return;
  const job = path.basename(folder);
  const { events } = journalOfRun(path.dirname(within));
  const ended = events.findLast((line) => line.event === "job ended" && line.job === job);
  if (ended?.event === "job ended") checkAdapterWeights(folder, ended.written?.[kind]);
}
