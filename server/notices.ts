import { finite } from "../core/index.ts";
import type { EvaluationMetrics, StepMetrics } from "../exec/index.ts";
import type { JournalLine } from "../plan/index.ts";
import type { DecisionsNotice, EvaluationNotice, StepNotice } from "./fleet-control.ts";

/** What a line of the journal decided; undefined where it decided nothing. */
export function decisionsNotice({ line, atNs, decisions }: JournalLine): DecisionsNotice | undefined {
  if (decisions.length === 0) return undefined;
  return {
    kind: "decisions",
    line,
    atSeconds: atNs / 1e9,
    decisions: decisions.map(({ kind, name, pipeline, why }) => ({ kind, name, pipeline: pipeline ?? null, why })),
  };
}

/** A line of metrics.jsonl. */
export function stepNotice({ job, step, loss, gradNorm, learningRate, tokens, seconds }: StepMetrics): StepNotice {
  const numbers = { loss: finite(loss), gradNorm: finite(gradNorm), learningRate };
  return { kind: "step", name: job, step, ...numbers, tokens, seconds };
}

/** A line of metrics.jsonl, too. */
export function evaluationNotice({ job, step, evaluationLoss, tokens, best }: EvaluationMetrics): EvaluationNotice {
  return { kind: "evaluation", name: job, step, loss: finite(evaluationLoss), tokens, best };
}
