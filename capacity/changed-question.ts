import type { Forecast, JobKind } from "../plan/index.ts";
import type { CapacityWorld } from "./candidate-fleet.ts";
import { slotKind } from "./slot-kind.ts";

/** A question with its kinds of jobs changed. */
export function withKinds<Question extends Pick<CapacityWorld, "forecast" | "kinds">>(
  question: Question,
  change: (kind: JobKind) => JobKind,
): Question {
  const forecast: Forecast = { ...question.forecast, kinds: question.forecast.kinds.map(change) };
  return { ...question, forecast, kinds: forecast.kinds.map(slotKind) };
}

/** So many times as many jobs of each kind. */
export function withJobs<Question extends Pick<CapacityWorld, "forecast" | "kinds">>(
  question: Question,
  factor: number,
): Question {
  return withKinds(question, (kind) => ({ ...kind, perDay: factor * kind.perDay }));
}
