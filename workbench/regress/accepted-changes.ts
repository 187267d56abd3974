import { existsSync } from "node:fs";
import path from "node:path";
import { canonicalJson } from "../../core/index.ts";
import { type Place, readInput } from "../../files/index.ts";
import { type AcceptedChanges, acceptedSchema, parseDocument } from "../../plan/index.ts";
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

function keyOf({ golden, outcome }: AcceptedChanges["changes"][number]): string {
  return `${golden} ${outcome}`;
}

/**
 * Why what a change does is right, by golden workload and outcome. `before`: the text of the file as the base has it. Its
 * entries were for the changes that brought them, and let nothing through again. @throws InputError for a file that is none
 */
export function loadAccepted(
  place: Place,
  set: Pick<LoadedGoldens, "folder">,
  before?: string,
): ReadonlyMap<string, string> {
  const file = acceptedFile(set);
  const old = new Set(before === undefined ? [] : parseDocument(acceptedSchema, before, file).changes.map(keyOf));
  const { changes } = readAccepted(place, file);
  return new Map(changes.flatMap((each) => (old.has(keyOf(each)) ? [] : [[keyOf(each), each.why] as const])));
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
