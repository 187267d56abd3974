import type { Context } from "../../files/index.ts";
import type { PlanRequest } from "../../plan/index.ts";

/** A request for a simulation of other ways to train, in which nothing answers prompts; that is said where some would. */
export function leaveSamplesOut<Request extends Pick<PlanRequest, "jobs" | "rows">>(
  context: Pick<Context, "note">,
  request: Request,
): Request {
  const names = request.jobs.flatMap(({ name, sample }) => (sample === undefined ? [] : [name]));
  if (names.length === 0) return request;
  context.note(`sample of ${names.join(", ")} is left out: only loratwin's own plans answer prompts`);
  return {
    ...request,
    jobs: request.jobs.map(({ sample: _, ...job }) => job),
    rows: request.rows.map(({ sample: _, ...rows }) => rows),
  };
}
