import type { Context } from "../../files/index.ts";
import type { PlanRequest } from "../../plan/index.ts";

/**
 * A request for a simulation of other ways to train, in which nothing is evaluated and nothing answers prompts; that is
 * said where something would be.
 */
export function trainingAlone<Request extends Pick<PlanRequest, "jobs" | "rows">>(
  context: Pick<Context, "note">,
  request: Request,
): Request {
  for (const [key, does] of [
    ["sample", "answer prompts"],
    ["evaluation", "are evaluated"],
  ] as const) {
    const names = request.jobs.flatMap((job) => (job[key] === undefined ? [] : [job.name]));
    if (names.length > 0) context.note(`${key} of ${names.join(", ")} is left out: only loratwin's own plans ${does}`);
  }
  return {
    ...request,
    jobs: request.jobs.map(({ sample: _, evaluation: __, ...job }) => job),
    rows: request.rows.map(({ sample: _, evaluation: __, ...rows }) => rows),
  };
}
