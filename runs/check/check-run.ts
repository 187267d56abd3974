import path from "node:path";
import { InputError, type PlanError } from "../../core/index.ts";
import type { Run } from "../folder/read-run.ts";
import { RUN_FILES } from "../folder/run-files.ts";
import { checksOfFleet, remarksOfFleet } from "./check-fleet-run.ts";
import { checksOfPlan, remarksOfPlan } from "./check-plan-run.ts";
import { faultOf, type RunChecks, wrongAdapters, wrongCheckpoints } from "./check-records.ts";

/**
 * What is wrong with the folder of a run, one thing after another: its records, the adapters of jobs that are over, and
 * its checkpoints.
 */
export function* faultsOf(run: Run): Generator<InputError | PlanError> {
  const { folder, events, state } = run;
  const at = (name: string): string => path.join(folder, name);
  let found: RunChecks | undefined;
  const unread = faultOf(() => {
    found = run.kind === "plan" ? checksOfPlan(run) : checksOfFleet(run);
  });
  if (unread !== undefined) yield unread;
  if (found === undefined) return;
  const { checks, words, over, silent, architecture, owner } = found;
  for (const check of checks) {
    const fault = faultOf(check);
    if (fault === undefined) continue;
    yield fault;
    break;
  }
  if (silent !== undefined)
    yield new InputError({ expected: `"job ended" of job ${silent}`, file: at(RUN_FILES.journal), got: "none" });
  const written = (kind: "adapter" | "best") => (job: string) => words.get(job)?.ended?.written?.[kind];
  yield* wrongAdapters(at(RUN_FILES.adapters), over, architecture, written("adapter"));
  const best = over.filter(
    ({ name, evaluation }) => evaluation?.keepBest === true && words.get(name)?.ended?.best !== undefined,
  );
  yield* wrongAdapters(at(RUN_FILES.best), best, architecture, written("best"));
  yield* wrongCheckpoints(folder, events, state === "ended", owner);
}

/**
 * Checks the folder of a run, by the first of its faults. Returns what a person would want to know.
 * @throws InputError, PlanError
 */
export function checkRun(run: Run): readonly string[] {
  for (const fault of faultsOf(run)) throw fault;
  return run.kind === "plan" ? remarksOfPlan(run) : remarksOfFleet(run);
}
