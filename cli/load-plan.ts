import { InputError } from "../core/index.ts";
import { type Plan, parsePlan, type ReadText, readText } from "../plan/index.ts";
import type { TraceStream } from "../traces/index.ts";
import type { Arguments } from "./command.ts";
import { createPlan } from "./create-plan.ts";
import { readInput } from "./files.ts";
import type { Io } from "./io.ts";
import type { LoadedWorkload } from "./load-workload.ts";

export interface LoadedPlan {
  readonly plan: Plan;
  /** Absent for a plan file. */
  readonly loaded: LoadedWorkload | undefined;
  /** The run behind its prediction. Absent for a plan file. */
  readonly simulated: TraceStream | undefined;
  /** The file, plan or workload. */
  readonly source: ReadText;
}

/** A plan file, or a workload file that is planned on the spot. @throws InputError, PlanError */
export async function loadPlan(io: Io, args: Arguments, file: string): Promise<LoadedPlan> {
  const input = readInput(io, file, "a plan or a workload file");
  const source = readText(input.text, input.file);
  const kind = (source.value as { readonly kind?: unknown } | null)?.kind;
  if (kind === "workload") return { ...(await createPlan(io, args, file)), source };
  if (kind !== "plan")
    throw new InputError({
      expected: '"plan" or "workload"',
      at: "kind",
      got: kind,
      file: input.file,
      ...source.locate(["kind"]),
    });
  return { plan: parsePlan(input.text, input.file), loaded: undefined, simulated: undefined, source };
}
