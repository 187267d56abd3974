import { InvariantError } from "../core/index.ts";
import type { ActionKey } from "../plan/index.ts";
import type { TraceLetter } from "./trace.ts";

const ACTION = /^(\d+)([FBUIW])(\d+)$/;

/** An action of a plan, or of a comparison that splits backwards. @throws InvariantError for a text that is no action key. */
export function parseTraceAction(key: ActionKey): {
  readonly stage: number;
  readonly letter: TraceLetter;
  readonly microBatch: number;
} {
  const match = ACTION.exec(key);
  if (match === null) throw new InvariantError({ expected: "an action such as 2F0", got: key });
  return { stage: Number(match[1]), letter: match[2] as TraceLetter, microBatch: Number(match[3]) };
}
