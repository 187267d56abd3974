// What the time of a run goes to: each cause once, in the order of tables.
import { COLLECTIVES } from "../trace.ts";

/** Why a device computes nothing. */
export const IDLE_CAUSES = [
  "fill",
  "forward",
  "backward",
  "in flight",
  "step before",
  "norms",
  "line",
  "room",
  "transfer",
  ...COLLECTIVES,
  "between",
  "drain",
  "other pipelines",
] as const;
export type IdleCause = (typeof IDLE_CAUSES)[number];

/** What it computes. */
export const BUSY_CAUSES = [
  "products",
  "weight gradients",
  "recomputation",
  "update",
  "evaluation",
  "samples",
] as const;
export type BusyCause = (typeof BUSY_CAUSES)[number];

export type Cause = IdleCause | BusyCause;

const TEXTS: Readonly<Record<Cause, string>> = {
  fill: "filling the pipeline",
  forward: "waiting for a forward",
  backward: "waiting for a backward",
  "in flight": "waiting for a backward: the limit in flight",
  "step before": "waiting for the step before",
  norms: "waiting for gradient norms",
  line: "messages waiting for a link or a buffer",
  room: "waiting for room for a result",
  transfer: "messages on their way",
  "all-gather": "all-gathers",
  "reduce-scatter": "reduce-scatters",
  "all-reduce": "all-reduces",
  between: "between actions",
  drain: "draining the pipeline",
  "other pipelines": "other pipelines run longer",
  products: "products",
  "weight gradients": "gradients of base weights",
  recomputation: "recomputation",
  update: "updates",
  evaluation: "evaluations",
  samples: "answers to prompts",
};

/** A cause, and of products the most tokens of the micro-batches that they are of: a power of two. */
export interface CauseKey {
  readonly cause: Cause;
  readonly tokens?: number;
}

/** As a person reads it. */
export function causeText({ cause, tokens }: CauseKey): string {
  return tokens === undefined ? TEXTS[cause] : `${TEXTS[cause]} of up to ${tokens} tokens`;
}

/** Keys in the order of tables, products from the smallest. */
export function causeOrder(a: CauseKey, b: CauseKey): number {
  const place = ({ cause }: CauseKey): number => [...IDLE_CAUSES, ...BUSY_CAUSES].indexOf(cause);
  return place(a) - place(b) || (a.tokens ?? 0) - (b.tokens ?? 0);
}
