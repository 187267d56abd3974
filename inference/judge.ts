// Adapters on rows: how well they predict the answers, and how often theirs are the same.
import { InputError, normalQuantile, ratioOfSums, sum } from "../core/index.ts";
import { NOT_SCORED } from "../datasets/index.ts";
import { GREEDY } from "../exec/index.ts";
import { BASE } from "./answer-source.ts";
import type { Answerer } from "./answerer.ts";
import type { QuestionRow } from "./question-rows.ts";

export type Range = readonly [low: number, high: number];

/** One row under one adapter. */
export interface JudgedRow {
  /** Sum of the losses of its scored tokens, and how many they are. */
  readonly loss: number;
  readonly scored: number;
  /** Undefined where nothing was generated. */
  readonly answer: string | undefined;
  readonly isRight: boolean | undefined;
}

/** An adapter, or the base, on all rows. */
export interface Judgement {
  readonly name: string;
  readonly rows: readonly JudgedRow[];
  /** Sum of token losses / scored tokens, and where it lies for other rows of this kind. */
  readonly loss: number;
  readonly lossRange: Range;
  readonly perplexity: number;
  readonly perplexityRange: Range;
  /** Share of rows with the right answer. */
  readonly matched: number | undefined;
  readonly matchedRange: Range | undefined;
  /** Of the loss against the one with the lowest, row by row: what it is higher; undefined of that one. */
  readonly behindBest: number | undefined;
  readonly behindBestRange: Range | undefined;
}

export interface JudgeOptions {
  /** Whether answers are generated and compared. */
  readonly matches: boolean;
  /** With the flag g. Its last match takes out of an answer what is compared: the first group, or all of it. */
  readonly pattern: RegExp | undefined;
  readonly maxTokens: number;
  readonly stop: readonly string[];
  /** Of the intervals. */
  readonly level: number;
  readonly onRow?: (done: number, of: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** What is compared of an answer: without space around it and without grouping commas in numbers. */
export function comparedText(answer: string, pattern: RegExp | undefined): string | undefined {
  if (pattern === undefined) return answer.trim() === "" ? undefined : answer.trim();
  // Answers end with what counts.
  const last = [...answer.matchAll(pattern)].at(-1);
  const text = last?.[1] ?? last?.[0];
  const compared = text?.trim().replaceAll(/(?<=\d),(?=\d{3}(?!\d))/g, "");
  // Nothing is like nothing, whatever was asked.
  return compared === "" ? undefined : compared;
}

/** Wilson's interval of a share. */
export function shareRange(successes: number, tries: number, level: number): Range {
  const z = normalQuantile((1 + level) / 2);
  const share = successes / tries;
  const middle = (share + z ** 2 / (2 * tries)) / (1 + z ** 2 / tries);
  const half = (z * Math.sqrt((share * (1 - share)) / tries + z ** 2 / (4 * tries ** 2))) / (1 + z ** 2 / tries);
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}

async function judgedRow(
  answerer: Answerer,
  { row, prompt, expected }: QuestionRow,
  adapter: string | undefined,
  { matches, pattern, maxTokens, stop, signal }: JudgeOptions,
): Promise<JudgedRow> {
  const ids = Array.from(row.inputIds);
  const given = await answerer.score(ids, adapter);
  const scored = given.flatMap((logProbability, at) => (row.labels[at + 1] === NOT_SCORED ? [] : [logProbability]));
  const own = { loss: -sum(scored), scored: scored.length };
  if (!matches) return { ...own, answer: undefined, isRight: undefined };
  const { text } = await answerer.answer({
    ...{ prompt, adapter, sampling: GREEDY, maxTokens, stop, continues: true, signal },
  });
  const right = answerer.textOf(expected);
  const [got, wanted] = [comparedText(text, pattern), comparedText(right, pattern)];
  return { ...own, answer: text, isRight: wanted !== undefined && got === wanted };
}

/**
 * Judges adapters, undefined for the base, on the same rows. @throws InputError for rows of which the pattern takes
 * nothing out of the expected answers, or that are too long for the answerer
 */
export async function judgeAdapters(
  answerer: Answerer,
  names: readonly (string | undefined)[],
  questions: readonly QuestionRow[],
  options: JudgeOptions,
): Promise<readonly Judgement[]> {
  const { matches, pattern, level } = options;
  if (matches && pattern !== undefined) {
    const without = questions.findIndex(
      ({ expected }) => comparedText(answerer.textOf(expected), pattern) === undefined,
    );
    if (without >= 0)
      throw new InputError({
        expected: "a pattern that finds something in every expected answer",
        at: "--answer",
        got: `nothing in "${answerer.textOf(questions[without]!.expected).slice(0, 200)}"`,
      });
  }
  let done = 0;
  const of = names.length * questions.length;
  const judged = await Promise.all(
    names.map((name) =>
      Promise.all(
        questions.map(async (question) => {
          const row = await judgedRow(answerer, question, name, options);
          done += 1;
          options.onRow?.(done, of);
          return row;
        }),
      ),
    ),
  );
  const losses = judged.map((rows) => sum(rows.map(({ loss }) => loss)));
  const best = losses.indexOf(Math.min(...losses));
  return names.map((name, index): Judgement => {
    const rows = judged[index]!;
    const scored = rows.map((row) => row.scored);
    const { value: loss, range: lossRange } = ratioOfSums(
      rows.map((row) => row.loss),
      scored,
      level,
    );
    const right = rows.filter(({ isRight }) => isRight === true).length;
    const behind = ratioOfSums(
      rows.map((row, i) => row.loss - judged[best]![i]!.loss),
      scored,
      level,
    );
    return {
      ...{ name: name ?? BASE, rows, loss, lossRange },
      perplexity: Math.exp(loss),
      perplexityRange: [Math.exp(lossRange[0]), Math.exp(lossRange[1])],
      matched: matches ? right / rows.length : undefined,
      matchedRange: matches ? shareRange(right, rows.length, level) : undefined,
      behindBest: index === best ? undefined : behind.value,
      behindBestRange: index === best ? undefined : behind.range,
    };
  });
}
