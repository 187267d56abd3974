import { shellQuoted } from "../core/index.ts";
import type { RunEnd } from "../runs/index.ts";

/** A check failed: a run has not ended as planned, whatever its launcher says. */
export const NOT_AS_PLANNED = 1;

/** What is not as planned, a sentence a line, and what to do. `command`: what the run of a plan is gone on with by. */
export function endLines(
  folder: string,
  { kind, missing, stopped, isCutOff }: RunEnd,
  command: "resume" | "launch" = "resume",
): readonly string[] {
  const word = shellQuoted(folder);
  const resume = kind === "run folder" ? `${command} ${word}` : `resume ${word} WORKLOAD`;
  return [
    ...missing,
    ...[...stopped].map(([name, why]) => `Job ${name} was stopped: ${why}.`),
    ...(isCutOff ? [`\`loratwin ${resume}\` goes on with what is left.`] : []),
  ];
}
