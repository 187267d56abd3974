import type { Catalog } from "../plan/index.ts";
import { type DrawRequest, drawFigures } from "../sim/index.ts";
import { type AssumedVariation, varyAssumption } from "../studies/index.ts";

/**
 * What worker threads can be asked for: pure functions of data that can be copied to them, so that it does not matter
 * who computes what.
 */
export const WORKER_TASKS = {
  draws: (request: DrawRequest) => drawFigures(request),
  variation: ({ catalog, variation }: { readonly catalog: Catalog; readonly variation: AssumedVariation }) =>
    varyAssumption(catalog, variation),
};

export type WorkerTask = keyof typeof WORKER_TASKS;
export type TaskInput<Name extends WorkerTask> = Parameters<(typeof WORKER_TASKS)[Name]>[0];
export type TaskResult<Name extends WorkerTask> = ReturnType<(typeof WORKER_TASKS)[Name]>;

export function runTask<Name extends WorkerTask>(task: Name, input: TaskInput<Name>): TaskResult<Name> {
  return (WORKER_TASKS[task] as (input: TaskInput<Name>) => TaskResult<Name>)(input);
}
