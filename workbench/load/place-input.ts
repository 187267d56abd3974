import { InputError, PlanError } from "../../core/index.ts";
import { placeError, type ReadText } from "../../plan/index.ts";

/** Where what a plan is made from was written. */
export interface InputDocuments {
  /** The workload or the plan. */
  readonly main: ReadText;
  /** Absent: ours, or the plan's own. */
  readonly calibration?: ReadText | undefined;
  /** Absent: `--devices`, or the plan's own. */
  readonly cluster?: ReadText | undefined;
}

/** The error with file, line and column of its path, in whichever document the path's first key belongs to. */
export function placeInput(error: unknown, { main, calibration, cluster }: InputDocuments): unknown {
  if (!(error instanceof InputError || error instanceof PlanError)) return error;
  const { at } = error.facts;
  if (at === undefined) return error;
  const elsewhere = (path: string, source: ReadText): unknown => {
    const facts = { ...error.facts, at: path };
    return placeError(error instanceof PlanError ? new PlanError(facts) : new InputError(facts), source);
  };
  const inCalibration = /^calibration\.(.*)$/.exec(at)?.[1];
  if (inCalibration !== undefined && calibration !== undefined) return elsewhere(inCalibration, calibration);
  if (at === "devices" && cluster !== undefined) return elsewhere("machines", cluster);
  if (at === "devices" && (main.value as { readonly kind?: unknown }).kind === "workload")
    return elsewhere("--devices", main);
  return placeError(error, main);
}
