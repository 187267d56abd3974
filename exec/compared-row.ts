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

/** Those of a row's answers that a plan has. */
export function partOfRow(compared: ComparedRow, part: ComparedRow["part"]): ComparedRow {
  if (part === undefined) return compared;
  const { answers, isDesirable } = compared;
  if (part === "other") return { answers: answers.slice(1), part };
  return { answers: answers.slice(0, 1), ...(isDesirable === undefined ? {} : { isDesirable }), part };
}

/** Which of a row's answers it has: by number, as a whole row has them. */
export function answerAt({ answers, part }: ComparedRow, answer: number): ComparedRow["answers"][number] | undefined {
  return part === "other" ? answers[answer - 1] : answers[answer];
}

/** A row's answers as a plan has them. @throws InvariantError for one of which nothing is scored */
export function comparedRow(row: Row): ComparedRow {
  const { isDesirable } = row;
  return { answers: sequencesOf(row).map(answerOf), ...(isDesirable === undefined ? {} : { isDesirable }) };
}
