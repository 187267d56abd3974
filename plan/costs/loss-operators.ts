// What is at a model's end: the norm, the product with the vocabulary, and what is made of the logits.
import { sum } from "../../core/index.ts";
import type { Numbered } from "../actions/mini-batch.ts";
import type { LayerRange } from "../actions/stage-layers.ts";
import type { Architecture } from "../documents/architecture.ts";
import type { PlannedJob } from "../documents/segment.ts";
import { meanRanks } from "./adapter-parameters.ts";
import type { OperatorCall, Sizes } from "./operator-calls.ts";

/** What these follow from. */
interface LossShape {
  readonly architecture: Architecture;
  readonly stage: LayerRange;
  readonly jobs: Numbered<Pick<PlannedJob, "adapter">>;
}

/** Rows, each as often as the ranks that its adapter has on the head. `rowsOf`: of a segment. */
function headRanks(
  { architecture, stage, jobs }: LossShape,
  { segments }: Sizes,
  rowsOf: (segment: Sizes["segments"][number]) => number,
): number {
  const rankOf = (job: number): number => meanRanks(architecture, stage, jobs[job]!).lm_head ?? 0;
  return sum(segments.map((segment) => rowsOf(segment) * rankOf(segment.job)));
}

/** The same of rows that adapters have of a tied head. */
function headTokens(
  { architecture, stage, jobs }: LossShape,
  { segments }: Sizes,
  rowsOf: (segment: Sizes["segments"][number]) => number,
): number {
  if (!architecture.tiedEmbeddings) return 0;
  const tokensOf = (job: number): number => meanRanks(architecture, stage, jobs[job]!).embed_tokens ?? 0;
  return sum(segments.map((segment) => rowsOf(segment) * tokensOf(segment.job)));
}

/**
 * Norm, product and softmax of the scored rows, and back to the gradient of the head's input, and of adapters on the
 * head; or the losses alone.
 */
export function headLoss(shape: LossShape, sizes: Sizes, withGradient: boolean): OperatorCall {
  const { hiddenSize: hidden, vocabularySize } = shape.architecture;
  const { tokens, ungraded } = sizes;
  // A row without a gradient is one product of two.
  const scored = withGradient ? sizes.scored - ungraded / 2 : sizes.scored;
  const kind = withGradient ? "head" : "headLoss";
  const passes = withGradient ? 2 : 1;
  const ranks = headRanks(shape, sizes, (segment) => segment.scored);
  const rows = headTokens(shape, sizes, (segment) => segment.scored);
  const adapted = (withGradient ? 3 : 1) * (ranks * (hidden + vocabularySize) + rows * hidden);
  const flops = 2 * passes * scored * hidden * vocabularySize + 2 * adapted;
  return {
    name: `${kind}:${hidden}x${vocabularySize}`,
    kind,
    calls: 1,
    flops,
    elements: passes * hidden * vocabularySize + scored * vocabularySize,
    features: { one: 1, scored, tokens, flops, weights: hidden * vocabularySize },
  };
}

/** Norm, product and the softmax's sum of the last row of each sequence. */
export function headLogits(shape: LossShape, sizes: Sizes): OperatorCall {
  const { hiddenSize: hidden, vocabularySize } = shape.architecture;
  const { sequences: rows } = sizes;
  const ranks = headRanks(shape, sizes, ({ lengths }) => lengths.length);
  const tokens = headTokens(shape, sizes, ({ lengths }) => lengths.length);
  const flops = 2 * rows * hidden * vocabularySize + 2 * (ranks * (hidden + vocabularySize) + tokens * hidden);
  return {
    name: `headLogits:${hidden}x${vocabularySize}`,
    kind: "headLogits",
    calls: 1,
    flops,
    elements: hidden * vocabularySize + rows * vocabularySize,
    features: { one: 1, scored: rows, tokens: rows, flops, weights: hidden * vocabularySize },
  };
}
