import { existsSync } from "node:fs";
import path from "node:path";
import { canonicalJson } from "../../core/index.ts";
import { type Place, readInput } from "../../files/index.ts";
import { type AcceptedChanges, acceptedSchema, parseDocument, parseReadable } from "../../plan/index.ts";
import type { LoadedGoldens } from "./load-goldens.ts";

const ACCEPTED_FILE = "accepted.json";

export function acceptedFile({ folder }: Pick<LoadedGoldens, "folder">): string {
  return path.join(folder, ACCEPTED_FILE);
}

function readAccepted(place: Place, file: string): AcceptedChanges {
  if (!existsSync(file)) return { kind: "accepted-changes", version: 1, changes: [] };
  const input = readInput(place, file, "accepted changes");
  return parseDocument(acceptedSchema, input.text, input.file);
}

type Entry = AcceptedChanges["changes"][number];

/** Word for word. */
function textOf({ golden, outcome, why }: Entry): string {
  return canonicalJson([golden, outcome, why]);
}

/** The entries of the file as the base has it, word for word; none where nobody can read that. */
function entriesBefore(text: string | undefined, file: string): ReadonlySet<string> {
  const before = text === undefined ? undefined : parseReadable(acceptedSchema, text, file);
  return new Set(before?.changes.map(textOf));
}

/** Whether the base has an entry already, so that it counts no more. */
export function isSpent(set: Pick<LoadedGoldens, "folder">, before: string | undefined, entry: Entry): boolean {
  return entriesBefore(before, acceptedFile(set)).has(textOf(entry));
}

/**
 * Why what a change does is right, by golden workload and outcome. `before`: the text of the file as the base has it. Its
 * entries were for the changes that brought them: the same outcome wants another reason. @throws InputError for a file
 * that is none
 */
export function loadAccepted(
  place: Place,
  set: Pick<LoadedGoldens, "folder">,
  before?: string,
): ReadonlyMap<string, string> {
  const file = acceptedFile(set);
  const old = entriesBefore(before, file);
  const { changes } = readAccepted(place, file);
  const own = changes.filter((each) => !old.has(textOf(each)));
  return new Map(own.map(({ golden, outcome, why }) => [`${golden} ${outcome}`, why]));
}

/**
 * The file with these entries added. Older entries for the same golden workloads go: what they were for is the base now,
 * or has changed.
 */
export function withAccepted(
  place: Place,
  set: Pick<LoadedGoldens, "folder">,
  added: AcceptedChanges["changes"],
): string {
  const known = readAccepted(place, acceptedFile(set));
  const kept = known.changes.filter(({ golden }) => added.every((own) => own.golden !== golden));
  return `${canonicalJson({ ...known, changes: [...kept, ...added] })}\n`;
}
