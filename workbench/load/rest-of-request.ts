import { InputError } from "../../core/index.ts";
import type { Row } from "../../datasets/index.ts";
import type { PlanRequest } from "../../plan/index.ts";

/**
 * What of a request is left once its jobs have made some steps: jobs that have made all are left out, the others begin
 * with the step that comes next. `done`: steps by job name; `data`: rows of tokens by job.
 * @throws InputError for a job that `done` does not know
 */
export function restOfRequest(
  request: PlanRequest,
  data: readonly (readonly Row[])[],
  done: ReadonlyMap<string, number>,
): { readonly request: PlanRequest; readonly data: readonly (readonly Row[])[] } {
  const left = request.jobs.flatMap(({ name }, job) => {
    const made = done.get(name);
    if (made === undefined)
      throw new InputError({
        expected: `jobs of the run (${[...done.keys()].join(", ")})`,
        at: `jobs[${job}].name`,
        got: name,
      });
    return made < request.rows[job]!.steps.length ? [{ job, made }] : [];
  });
  return {
    request: {
      ...request,
      jobs: left.map(({ job }) => request.jobs[job]!),
      rows: left.map(({ job, made }) => {
        const rows = request.rows[job]!;
        return made === 0 ? rows : { ...rows, steps: rows.steps.slice(made), firstStep: made };
      }),
    },
    data: left.map(({ job }) => data[job]!),
  };
}
