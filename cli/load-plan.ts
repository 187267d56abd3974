import { InputError } from "../core/index.ts";
import { type Plan, parsePlan, readText, validatePlan } from "../plan/index.ts";
import type { Arguments } from "./command.ts";
import { createPlan } from "./create-plan.ts";
import { readInput } from "./files.ts";
import type { Io } from "./io.ts";
import type { LoadedWorkload } from "./load-workload.ts";

/** A plan file, or a workload file that is planned on the spot. @throws InputError, PlanError */
export async function loadPlan(
  io: Io,
  args: Arguments,
  file: string,
): Promise<{ readonly plan: Plan; readonly loaded: LoadedWorkload | undefined }> {
  const input = readInput(io, file, "a plan or a workload file");
  const source = readText(input.text, input.file);
  const kind = (source.value as { readonly kind?: unknown } | null)?.kind;
  if (kind === "workload") return await createPlan(io, args, file);
  if (kind !== "plan")
    throw new InputError({
      expected: '"plan" or "workload"',
      at: "kind",
      got: kind,
      file: input.file,
      ...source.locate(["kind"]),
    });
  const plan = parsePlan(input.text, input.file);
  validatePlan(plan);
  return { plan, loaded: undefined };
}
