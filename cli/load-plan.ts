import { InputError } from "../core/index.ts";
import { checkPlan, type Plan, type ReadText, readText } from "../plan/index.ts";
import type { TraceStream } from "../traces/index.ts";
import type { Arguments } from "./command.ts";
import { createPlan, noteNominal } from "./create-plan.ts";
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

function readDocument(io: Io, file: string): ReadText {
  const input = readInput(io, file, "a plan or a workload file");
  return readText(input.text, input.file);
}

/** Whether a file holds a plan or a workload. @throws InputError for anything else */
export function planOrWorkload(io: Io, file: string): "plan" | "workload" {
  const source = readDocument(io, file);
  const kind = (source.value as { readonly kind?: unknown } | null)?.kind;
  if (kind === "plan" || kind === "workload") return kind;
  throw new InputError({
    expected: '"plan" or "workload"',
    at: "kind",
    got: kind,
    file: source.file,
    ...source.locate(["kind"]),
  });
}

/** A plan file. @throws InputError, PlanError */
export function loadPlan(io: Io, file: string): LoadedPlan {
  const source = readDocument(io, file);
  return { plan: checkPlan(source), loaded: undefined, simulated: undefined, source };
}

/** A workload file that is planned on the spot. @throws InputError, PlanError */
export async function planWorkload(io: Io, args: Arguments, file: string): Promise<LoadedPlan> {
  const created = await createPlan(io, args, file);
  noteNominal(io, args, created);
  return { ...created, source: created.loaded.source };
}
