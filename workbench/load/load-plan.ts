import { existsSync } from "node:fs";
import { InputError, isMapping, type Mapping } from "../../core/index.ts";
import { absolute, type Context, isFolder, type Place, readInput } from "../../files/index.ts";
import { checkPlan, documentHint, type Plan, parseWorkload, type ReadText, readText } from "../../plan/index.ts";
import type { TraceStream } from "../../traces/index.ts";
import { createPlan, noteNominal } from "./create-plan.ts";
import type { RequestChoice } from "./load-request.ts";
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

/** By place, the document that it was asked about last: whoever asks what a file holds loads it next. */
const ASKED_ABOUT = new WeakMap<
  Place,
  { readonly file: string; readonly source: ReadText & { readonly text: string } }
>();

function readDocument(place: Place, file: string): ReadText & { readonly text: string } {
  const asked = ASKED_ABOUT.get(place);
  ASKED_ABOUT.delete(place);
  if (asked?.file === file) return asked.source;
  const { text, file: full } = readInput(place, file, "a plan or a workload file");
  return { ...readText(text, full), text };
}

/** Whether a file holds a plan or a workload. @throws InputError for anything else */
export function planOrWorkload(place: Place, file: string): "plan" | "workload" {
  if (isFolder(place, file))
    throw new InputError({
      expected: "a plan or a workload file",
      file,
      got: "a folder",
      hint: "`loratwin resume` goes on with the run in a folder; `loratwin replay` simulates it again.",
    });
  const source = readDocument(place, file);
  ASKED_ABOUT.set(place, { file, source });
  const kind = (source.value as { readonly kind?: unknown } | null)?.kind;
  if (kind === "plan" || kind === "workload") return kind;
  const isOfTrace = has(source.value, "traceEvents");
  // A file without a kind is a workload's that is not right yet: all that is wrong is told.
  if (kind === undefined && !isOfTrace && has(source.value)) parseWorkload(source.text, source.file);
  const hint = documentHint("workload", kind ?? (isOfTrace ? "trace" : undefined));
  throw new InputError({
    expected: '"plan" or "workload"',
    at: "kind",
    got: kind,
    file: source.file,
    ...source.locate(["kind"]),
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Whether a file holds a plan. What is wrong with any other, who reads it says. */
export function holdsPlan(place: Place, file: string): boolean {
  if (isFolder(place, file) || !existsSync(absolute(place, file))) return false;
  const source = readDocument(place, file);
  ASKED_ABOUT.set(place, { file, source });
  return isMapping(source.value) && source.value["kind"] === "plan";
}

/** Whether a workload has a sweep whose points end early, or come, by the losses of others: no plan is made before. */
export function isSearch(place: Place, file: string): boolean {
  const { value } = readDocument(place, file);
  const jobs = isMapping(value) ? value["jobs"] : undefined;
  const isSearched = ({ sweep }: Mapping): boolean => has(sweep, "halving") || has(sweep, "model");
  return Array.isArray(jobs) && jobs.some((job) => isMapping(job) && isSearched(job));
}

/** Whether a value is a mapping, with this key if one is given. */
function has(value: unknown, key?: string): boolean {
  return isMapping(value) && (key === undefined || key in value);
}

/** A plan file. @throws InputError, PlanError */
export function loadPlan(place: Place, file: string): LoadedPlan {
  const source = readDocument(place, file);
  return { plan: checkPlan(source), loaded: undefined, simulated: undefined, source };
}

/** A workload file that is planned on the spot, or what is left of it (`createPlan`). @throws InputError, PlanError */
export async function planWorkload(
  context: Context,
  file: string,
  choice: RequestChoice,
  done?: ReadonlyMap<string, number>,
): Promise<LoadedPlan> {
  const created = await createPlan(context, file, choice, done);
  noteNominal(context, created);
  return { ...created, source: created.loaded.source };
}
