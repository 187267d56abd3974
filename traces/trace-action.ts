import { ACTION_LETTERS, type Action, type ActionKey, parseKey } from "../plan/index.ts";
import type { TraceLetter } from "./trace.ts";

const LETTERS: readonly TraceLetter[] = [...ACTION_LETTERS, "I", "W"];

/** An action of a plan, or of a comparison that splits backwards. @throws InvariantError for a text that is no action key. */
export function parseTraceAction(key: ActionKey): Omit<Action, "letter"> & { readonly letter: TraceLetter } {
  return parseKey(key, LETTERS);
}
