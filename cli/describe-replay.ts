import type { Replayed } from "../runs/index.ts";
import { compareTraces } from "../traces/index.ts";
import { percent } from "./output.ts";

/** How far the simulator alone is off, in JSON and in words. */
export function replayError({ executed, replayed }: Replayed): { readonly facts: object; readonly text: string } {
  const { makespanError, executed: whole } = compareTraces(replayed, { ...executed, source: "executed" });
  const sign = makespanError > 0 ? "+" : "";
  return {
    facts: { replay: { executedMakespanSeconds: whole.makespanSeconds, makespanError } },
    text: `replay with the executed durations: makespan ${sign}${percent(makespanError, 2)} against the run, the simulator's own error`,
  };
}
