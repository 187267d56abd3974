import { existsSync } from "node:fs";
import path from "node:path";
import { InputError } from "../../core/index.ts";
import type { EvaluationMetrics, StepMetrics } from "../../exec/index.ts";
import { absolute, type Context, isFolder } from "../../files/index.ts";
import { createCostModel, type Plan } from "../../plan/index.ts";
import { simulate } from "../../sim/index.ts";
import { planOfPart, type RunPart, type Trace, traceOfPart } from "../../traces/index.ts";
import { readTrace } from "./load-trace.ts";
import { howFar, type RunOfPlan, readRun } from "./read-run.ts";
import { RUN_FILES } from "./run-files.ts";
import type { SampleLine } from "./sample-lines.ts";

/** Traces that are looked at together, with what lies beside them. */
export interface LoadedTraces {
  /** Of one run's plan as far as that run got, which is said. */
  readonly traces: readonly Trace[];
  /** Where one of them lies in a run folder: its plan, as far as it ran, and its metrics. */
  readonly plan: Plan | undefined;
  readonly metrics: readonly StepMetrics[] | undefined;
  readonly evaluations: readonly EvaluationMetrics[] | undefined;
  readonly samples: readonly SampleLine[] | undefined;
}

function folderOf(context: Context, file: string): string | undefined {
  const folder = isFolder(context, file) ? file : path.dirname(file);
  const has = (name: string): boolean => existsSync(absolute(context, path.join(folder, name)));
  return has(RUN_FILES.plan) && has(RUN_FILES.metrics) ? folder : undefined;
}

/**
 * What traces have of a part of a plan. Where jobs were stopped, others had their place from then on: a simulation by the
 * plan's own costs is made again without what these jobs did not do.
 */
function ofPart(part: RunPart, { plan, stops }: RunOfPlan): (trace: Trace) => Trace {
  return (trace) => {
    const { planHash, calibrationHash, source, versions } = trace;
    if (planHash !== plan.hash) return trace;
    if (source === "executed" || stops.size === 0 || calibrationHash !== plan.calibrationHash)
      return traceOfPart(trace, part);
    const costModel = createCostModel(plan.calibration, plan.model.dtype);
    return simulate({ plan: planOfPart(plan, part), planHash, costModel, calibrationHash, versions });
  };
}

/** Trace files and run folders. @throws InputError */
export function loadTraces(context: Context, files: readonly string[]): LoadedTraces {
  const folder = files.map((file) => folderOf(context, file)).find((found) => found !== undefined);
  const run = folder === undefined ? undefined : readRun(context, folder, "plan");
  const traces = files.map((file) =>
    isFolder(context, file)
      ? (file === folder ? run! : readRun(context, file, "plan")).trace
      : readTrace(context, file),
  );
  if (run === undefined)
    return { traces, plan: undefined, metrics: undefined, evaluations: undefined, samples: undefined };
  const { plan, part, metrics, evaluations, samples } = run;
  if (part === undefined) return { traces, plan, metrics, evaluations, samples };
  if (part.microBatches.size === 0)
    throw new InputError({ expected: "a run with a mini-batch that has ended", file: folder!, got: "none yet" });
  const far = howFar(run);
  if (far !== undefined) context.note(far);
  return { traces: traces.map(ofPart(part, run)), plan: planOfPart(plan, part), metrics, evaluations, samples };
}
