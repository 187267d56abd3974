import type { Candidate, Forecast } from "../plan/index.ts";
import { candidateFleet } from "./candidate-fleet.ts";
import { judgeInput } from "./find-capacity.ts";
import type { CapacityQuestion } from "./flips.ts";
import { type JudgeInput, judgeCandidate } from "./judge-candidate.ts";
import type { SeenDraw } from "./simulated-draws.ts";

/** Of this thread: the same question has the same draws. */
const inputs = new WeakMap<Forecast, JudgeInput>();

/** One candidate of a question, with all that its draws follow from. */
export interface AskedCandidate extends Omit<CapacityQuestion, "candidates"> {
  readonly candidate: Candidate;
}

/** What `Ahead` asks for of a candidate, in any thread. */
export function simulatedCandidate({
  candidate,
  ...question
}: AskedCandidate): readonly (readonly [string, SeenDraw])[] {
  const input = inputs.get(question.forecast) ?? judgeInput(question);
  inputs.set(question.forecast, input);
  const known = candidateFleet(candidate, question);
  if (!("fleet" in known)) return [];
  const seen = new Map<string, SeenDraw>();
  judgeCandidate(known, { ...input, seen });
  return [...seen];
}
