import { costsFacts } from "../calibration/index.ts";
import { VERSION, writeLines } from "../files/index.ts";
import { type ComparisonSchedule, jobsTrace, jobsWay, simulateJobs } from "../studies/index.ts";
import { timeSpent, traceLines } from "../traces/index.ts";
import { calibrationHash, predictJobsIntervals } from "../workbench/index.ts";
import { type Arguments, flag, optionalCount, optionalText, requiredText, type Use } from "./command.ts";
import { COMPARISON_OPTIONS, SIMULATED_SCHEDULE } from "./comparison-schedule.ts";
import { costsText } from "./describe-costs.ts";
import { runText } from "./describe-run.ts";
import type { Io } from "./io.ts";
import { loadComparison } from "./load-comparison.ts";
import type { OptionTable } from "./option-table.ts";
import { printResult } from "./output.ts";
import { INTERVAL_OPTIONS, TRACE_OPTION } from "./prediction-options.ts";
import { contextOf, drawChoice } from "./request-options.ts";

/** Events of a trace without --trace-steps: what a browser still shows at ease. */
const MAX_EVENTS = 200_000;

const EVERY_COMPARISON = {
  ...COMPARISON_OPTIONS,
  schedule: SIMULATED_SCHEDULE,
  ...INTERVAL_OPTIONS,
  output: TRACE_OPTION,
  "trace-steps": {
    type: "number",
    describe: "steps that the trace holds, from the start (tp, fsdp, ...)",
    beside: "output",
  },
} as const satisfies OptionTable;

const OF_WHOLE_MODELS = {
  accumulate: {
    type: "boolean",
    default: false,
    describe: "run micro-batches of the workload's microBatchSize one after another (tp, fsdp, ddp)",
  },
} as const satisfies OptionTable;

const OF_FSDP = {
  prefetch: { type: "number", default: 1, describe: "layers gathered ahead of the one in use (fsdp)" },
} as const satisfies OptionTable;

/** What `simulate` can be given for schedules that make no plan. */
export const COMPARISON_USES: Readonly<Record<ComparisonSchedule, Use>> = {
  tp: comparisonUse("tp", OF_WHOLE_MODELS),
  fsdp: comparisonUse("fsdp", { ...OF_WHOLE_MODELS, ...OF_FSDP }),
  ddp: comparisonUse("ddp", OF_WHOLE_MODELS),
  interleaved: comparisonUse("interleaved", {}),
  "zb-h1": comparisonUse("zb-h1", {}),
};

function comparisonUse(schedule: ComparisonSchedule, more: OptionTable): Use {
  return {
    input: "a workload",
    kind: ["--schedule", schedule],
    options: { ...EVERY_COMPARISON, ...more },
    instead: () => "Such a schedule makes no plan: its jobs run one after another and share no micro-batches.",
  };
}

/** `simulate --schedule tp` and the like: the workload's jobs one after another, in virtual time. */
export async function simulateComparison(io: Io, args: Arguments, schedule: ComparisonSchedule): Promise<number> {
  const file = requiredText(args, "plan");
  const run = await loadComparison(io, args, file, schedule, {
    accumulate: "accumulate" in COMPARISON_USES[schedule].options && flag(args, "accumulate"),
    ...(schedule === "fsdp" ? { prefetch: optionalCount(args, "prefetch", 0)! } : {}),
  });
  const { figures: calibration } = run.platform;
  const simulated = simulateJobs(run);
  const chosen = drawChoice(args);
  const intervals =
    chosen === undefined
      ? undefined
      : predictJobsIntervals(contextOf(io, args), chosen, run, calibration, simulated.numTasks);
  const shown = intervals === undefined ? {} : { intervals };
  const output = optionalText(args, "output");
  let written = "";
  if (output !== undefined) {
    const numSteps = optionalCount(args, "trace-steps");
    const { trace, numSteps: held } = jobsTrace(run, simulated, {
      ...(numSteps === undefined ? { maxEvents: MAX_EVENTS } : { maxSteps: numSteps }),
      calibrationHash: calibrationHash(calibration),
      versions: { loratwin: VERSION },
    });
    const all = simulated.steps.length;
    // A page shows the figures of what the trace holds: those of the whole run would not belong to it.
    writeLines(io, output, traceLines(held === all ? { ...trace, ...shown } : trace));
    written = held === all ? "" : `: the first ${held} of ${all} steps`;
  }
  const spent = flag(args, "json") ? timeSpent(jobsWay(run, simulated)) : {};
  printResult(io, args, { ...simulated.metrics, ...spent, ...shown, costs: costsFacts(calibration) }, () =>
    [
      runText(simulated.metrics, shown),
      "",
      costsText(calibration)!,
      ...(output === undefined ? [] : ["", `trace written to ${output}${written}`]),
    ].join("\n"),
  );
  return 0;
}
