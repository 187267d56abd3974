import type { Candidate, Forecast } from "../plan/index.ts";
import { candidateFleet } from "./candidate-fleet.ts";
import { judgeInput } from "./find-capacity.ts";
import type { CapacityQuestion } from "./flips.ts";
import { type JudgeInput, judgeCandidate } from "./judge-candidate.ts";
import type { SeenDraw } from "./simulated-draws.ts";

/** Of this thread, by the question's forecast: the last one that was asked with it. */
const inputs = new WeakMap<Forecast, { readonly key: string; readonly input: JudgeInput }>();

function inputOf(question: Omit<CapacityQuestion, "candidates">): JudgeInput {
  const { forecast, drawing, probability, mostDraws } = question;
  const key = [drawing.draws, drawing.seed, probability, mostDraws].join();
  const known = inputs.get(forecast);
  if (known?.key === key) return known.input;
  const input = judgeInput(question);
  inputs.set(forecast, { key, input });
  return input;
}

/** One candidate of a question, with all that its draws follow from. */
export interface AskedCandidate extends Omit<CapacityQuestion, "candidates"> {
  readonly candidate: Candidate;
}

/** What `Ahead` asks for of a candidate, in any thread. */
export function simulatedCandidate({
  candidate,
  ...question
}: AskedCandidate): readonly (readonly [string, SeenDraw])[] {
  const known = candidateFleet(candidate, question);
  if (!("fleet" in known)) return [];
  const seen = new Map<string, SeenDraw>();
  judgeCandidate(known, { ...inputOf(question), seen });
  return [...seen];
}
