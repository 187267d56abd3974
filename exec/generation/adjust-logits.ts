import { InputError } from "../../core/index.ts";

/** What changes how likely tokens are before any is drawn. Absent: nothing. */
export interface Adjustment {
  /** Taken from a token's logit for each time that the answer has it already. Source: OpenAI's API reference. */
  readonly frequencyPenalty?: number;
  /** Taken once from the logits of tokens that the answer has already. Source: OpenAI's API reference. */
  readonly presencePenalty?: number;
  /**
   * Divides logits above 0, and multiplies others, of tokens that prompt or answer have.
   * Source: transformers 5.24, RepetitionPenaltyLogitsProcessor.
   */
  readonly repetitionPenalty?: number;
  /** Added to the logits of tokens. */
  readonly bias?: ReadonlyMap<number, number>;
}

/** Which tokens may come, so that a text has a form. */
export interface TokenConstraint {
  /** Bits of the tokens that may come next, and whether the answer may end here. @throws InputError where none may */
  allowed(): { readonly bits: Uint32Array; readonly mayEnd: boolean };
  /** Goes on behind a token, and returns whether nothing can follow. @throws InputError as `allowed` does */
  take(token: number): boolean;
}

/** @throws InputError for a number that is out of range, at its name */
export function checkAdjustment({ frequencyPenalty, presencePenalty, repetitionPenalty, bias }: Adjustment): void {
  const check = (at: string, got: number | undefined, least: number, most: number): void => {
    if (got !== undefined && !(got >= least && got <= most))
      throw new InputError({ expected: `a number from ${least} to ${most}`, at, got });
  };
  check("frequencyPenalty", frequencyPenalty, -2, 2);
  check("presencePenalty", presencePenalty, -2, 2);
  check("repetitionPenalty", repetitionPenalty, 0.01, 100);
  for (const [token, value] of bias ?? []) check(`bias.${token}`, value, -100, 100);
}

/** Tokens of a row, and what may come behind them. */
interface Adjusted {
  /** Those of the prompt first, so many, then those of the answer. */
  readonly ids: readonly number[];
  readonly promptTokens: number;
  readonly stopTokens: ReadonlySet<number>;
  readonly constraint: TokenConstraint | undefined;
}

/** A row's logits as tokens are drawn by them: [vocabulary]. Those given where nothing changes them. */
export function adjustedLogits(logits: Float32Array, how: Adjustment, row: Adjusted): Float32Array {
  const { frequencyPenalty = 0, presencePenalty = 0, repetitionPenalty = 1, bias } = how;
  const isPenalized = frequencyPenalty !== 0 || presencePenalty !== 0 || repetitionPenalty !== 1;
  if (!isPenalized && bias === undefined && row.constraint === undefined) return logits;
  const own = Float32Array.from(logits);
  if (repetitionPenalty !== 1)
    for (const token of new Set(row.ids)) own[token]! *= own[token]! < 0 ? repetitionPenalty : 1 / repetitionPenalty;
  if (frequencyPenalty !== 0 || presencePenalty !== 0) {
    const answer = row.ids.slice(row.promptTokens);
    for (const token of answer) own[token]! -= frequencyPenalty;
    for (const token of new Set(answer)) own[token]! -= presencePenalty;
  }
  for (const [token, value] of bias ?? []) own[token]! += value;
  if (row.constraint !== undefined) restrict(own, row.constraint, row.stopTokens);
  return own;
}

function restrict(logits: Float32Array, constraint: TokenConstraint, stopTokens: ReadonlySet<number>): void {
  const { bits, mayEnd } = constraint.allowed();
  const ends = mayEnd ? [...stopTokens].map((token) => [token, logits[token]!] as const) : [];
  for (let token = 0; token < logits.length; token += 1)
    if (((bits[token >>> 5]! >>> (token & 31)) & 1) === 0) logits[token] = Number.NEGATIVE_INFINITY;
  for (const [token, logit] of ends) logits[token] = logit;
}
