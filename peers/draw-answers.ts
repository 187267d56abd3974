import type { Rng } from "../core/index.ts";
import type { LossSpec } from "../plan/index.ts";
import { between, fraction, isOn, maybe, oneOf } from "./draw-rope.ts";

/** Kinds of losses that compare answers; a case of each is drawn. */
export const LOSSES = ["dpo", "cpo", "simpo", "orpo", "kto"] as const satisfies readonly LossSpec["kind"][];
export type LossKind = (typeof LOSSES)[number];

/** A loss as a workload has it: with some of its keys. */
export type DrawnLoss = { readonly kind: LossKind } & Readonly<Record<string, unknown>>;

/** A row of token ids: two answers to a prompt, or one with a label. */
export type AnswersRow = { readonly prompt_ids: readonly number[] } & (
  | { readonly chosen_ids: readonly number[]; readonly rejected_ids: readonly number[] }
  | { readonly completion_ids: readonly number[]; readonly label: boolean }
);

const TYPES = ["sigmoid", "ipo", "hinge", "robust", "sigmoid_norm", "apo_zero"] as const;

/** Tokens of a prompt and of an answer; both together are as many as of the longest other row. */
const PROMPT = [3, 25] as const;
const ANSWER = [1, 15] as const;

/** `turn` chooses a type where the kind has several. */
export function drawLoss(rng: Rng, kind: LossKind, turn: number): DrawnLoss {
  const beta = maybe(rng, "beta", [fraction(rng, 0.02, 0.5)]);
  const nll = maybe(rng, "nllWeight", [0, fraction(rng, 0.1, 2)]);
  switch (kind) {
    case "dpo": {
      const type = TYPES[turn % TYPES.length]!;
      return {
        ...{ kind, type },
        // Larger ones would cut all pairs of a mini-batch off, and nothing had a gradient.
        ...(type === "hinge" ? { beta: fraction(rng, 0.005, 0.03) } : beta),
        // TRL passes it over for sigmoid.
        ...(type === "robust" ? maybe(rng, "labelSmoothing", [fraction(rng, 0.05, 0.3)]) : {}),
        ...maybe(rng, "sftWeight", [fraction(rng, 0.1, 2)]),
      };
    }
    case "cpo":
      return { kind, ...beta, ...nll, ...maybe(rng, "labelSmoothing", [fraction(rng, 0.05, 0.3)]) };
    case "simpo": {
      const own = {
        ...maybe(rng, "beta", [fraction(rng, 0.5, 3)]),
        ...maybe(rng, "gamma", [0, fraction(rng, 0.1, 1.5)]),
      };
      return { kind, ...own, ...nll };
    }
    case "orpo":
      return { kind, ...beta };
    case "kto":
      return {
        ...{ kind, ...beta, type: oneOf(rng, ["kto", "kto", "apo_zero_unpaired"]) },
        ...maybe(rng, "desirableWeight", [fraction(rng, 0.3, 2)]),
        ...maybe(rng, "undesirableWeight", [fraction(rng, 0.3, 2)]),
      };
  }
}

/** Where sequences of a loss are cut: some of them, and none so that a prompt is all that is left of it, or is gone. */
export function drawCut(rng: Rng, { kind }: DrawnLoss): { readonly cutoffLength?: number; readonly cut?: "start" } {
  // TRL's trainers of the others cut answers before they have a loss.
  if ((kind !== "dpo" && kind !== "kto") || isOn(rng)) return {};
  const isStart = kind === "dpo" && isOn(rng);
  const cutoffLength = between(rng, (isStart ? ANSWER : PROMPT)[1] + 1, PROMPT[1] + ANSWER[1]);
  return { cutoffLength, ...(isStart ? { cut: "start" } : {}) };
}

export function drawAnswers(rng: Rng, { kind }: DrawnLoss, vocabulary: number): AnswersRow {
  const draw = ([low, high]: readonly [number, number]) =>
    Array.from({ length: between(rng, low, high) }, () => rng.nextInt(vocabulary));
  const prompt = { prompt_ids: draw(PROMPT) };
  if (kind === "kto") return { ...prompt, completion_ids: draw(ANSWER), label: isOn(rng) };
  return { ...prompt, chosen_ids: draw(ANSWER), rejected_ids: draw(ANSWER) };
}
