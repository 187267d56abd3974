import path from "node:path";
import { linesOfFile } from "../../files/index.ts";
import type { Spent } from "../../plan/index.ts";
import type { JournalLine } from "./journal.ts";
import { type ReadMetrics, readMetrics } from "./metrics-lines.ts";
import { RUN_FILES } from "./run-files.ts";

function spentOfEvent(line: JournalLine): readonly (readonly [job: string, spent: Spent])[] {
  if (line.event === "job ended") return line.spent === undefined ? [] : [[line.job, line.spent]];
  if (line.event === "resumed" || line.event === "ended" || line.event === "ended early")
    return Object.entries(line.spent ?? {});
  return [];
}

/** What jobs have taken of devices, all attempts together, as a run's journal and its steps tell: the most of each. */
export function spentOf(events: readonly JournalLine[], metrics: ReadMetrics["metrics"]): ReadonlyMap<string, Spent> {
  const all = new Map<string, Spent>();
  const told = [
    ...events.flatMap(spentOfEvent),
    ...metrics.flatMap(({ job, spent }) => (spent === undefined ? [] : [[job, spent] as const])),
  ];
  for (const [job, spent] of told) if (spent.deviceSeconds > (all.get(job)?.deviceSeconds ?? 0)) all.set(job, spent);
  return all;
}

/** The same of a run's folder. @throws InputError with the line that is none */
export function spentSoFar(folder: string, events: readonly JournalLine[]): ReadonlyMap<string, Spent> {
  const file = path.join(folder, RUN_FILES.metrics);
  return spentOf(events, readMetrics(linesOfFile(file), file).metrics);
}
