import type { JournalLine as SchedulerLine } from "../../plan/index.ts";
import { isGoingOn } from "./read-journal.ts";
import type { RunOfFleet } from "./read-run.ts";

/** Where the journal of a fleet ends before the fleet does. */
export interface JournalEnd {
  /** Number of the scheduler's last line; 0 where there is none. */
  readonly line: number;
  readonly atNs: number;
  /** Number of the file's line that was not written to its end; null where all are whole. */
  readonly tornLine: number | null;
  /** Whether somebody still trains. */
  readonly goesOn: boolean;
}

/** Undefined for a fleet that has come to its end. */
export function journalEnd(run: RunOfFleet): JournalEnd | undefined {
  if (run.state !== "unfinished") return undefined;
  const { line, atNs } = run.lines.at(-1) ?? { line: 0, atNs: 0 };
  return { line, atNs, tornLine: run.tornLine ?? null, goesOn: isGoingOn(run) };
}

/** The scheduler's lines that a journal lacks between others: the first and the last of each gap. */
export function journalGaps(lines: readonly SchedulerLine[]): readonly (readonly [first: number, last: number])[] {
  return lines.flatMap(({ line }, at) => {
    const next = at === 0 ? 1 : lines[at - 1]!.line + 1;
    return line > next ? [[next, line - 1] as const] : [];
  });
}
