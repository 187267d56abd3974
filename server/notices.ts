import { finite } from "../core/index.ts";
import type { EvaluationMetrics, StepMetrics } from "../exec/index.ts";
import type { JournalLine } from "../plan/index.ts";
import type { SampleLine } from "../runs/index.ts";
import type { DecisionsNotice, EvaluationNotice, SampleNotice, StepNotice } from "./fleet-control.ts";

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

/** Lines of samples.jsonl, of one job after one step. */
export function sampleNotice(lines: readonly SampleLine[]): SampleNotice | undefined {
  const [first] = lines;
  if (first === undefined) return undefined;
  const answers = lines.map(({ prompt, by, text, tokens, ended }) => ({ prompt, by, text, tokens, ended }));
  return { kind: "sample", name: first.job, step: first.step, answers };
}
