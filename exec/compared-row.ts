import { InvariantError } from "../core/index.ts";
import { countScored, promptLength, type Row, sequencesOf } from "../datasets/index.ts";
import type { ComparedRow } from "../plan/index.ts";

function answerOf(sequence: Row): [number, number, number] {
  const scored = countScored(sequence);
  const prompt = promptLength(sequence);
  if (scored === 0)
    throw new InvariantError({ expected: "an answer with scored tokens", got: sequence.inputIds.length });
  return [sequence.inputIds.length, scored, prompt];
}

/** A row's answers as a plan has them. @throws InvariantError for one of which nothing is scored */
export function comparedRow(row: Row): ComparedRow {
  const { isDesirable } = row;
  return { answers: sequencesOf(row).map(answerOf), ...(isDesirable === undefined ? {} : { isDesirable }) };
}
