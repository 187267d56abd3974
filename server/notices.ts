import type { StepMetrics } from "../exec/index.ts";
import type { JournalLine } from "../plan/index.ts";
import type { DecisionsNotice, StepNotice } from "./fleet-control.ts";

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
export function stepNotice({ job, step, loss, tokens, seconds }: StepMetrics): StepNotice {
  return { kind: "step", name: job, step, loss: Number.isFinite(loss) ? loss : null, tokens, seconds };
}
