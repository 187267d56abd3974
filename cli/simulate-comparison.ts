import { contentHash, formatBytes, InputError, PlanError } from "../core/index.ts";
import type { Dtype, LayersCalibration } from "../plan/index.ts";
import { hasBlockingLinks } from "../sim/index.ts";
import {
  COMPARISON_SCHEDULES,
  type ComparisonSchedule,
  type JobsRun,
  jobsNeeds,
  jobsTrace,
  type MemoryNeed,
  type Platform,
  simulateJobs,
  totalBytes,
} from "../studies/index.ts";
import { traceLines } from "../traces/index.ts";
import { type Arguments, flag, optionalCount, optionalText, requiredText, type Use } from "./command.ts";
import { adapterParameters, comparisonPlatform, trainedModel } from "./comparison-platform.ts";
import { costsFacts, costsText } from "./describe-costs.ts";
import { runText } from "./describe-run.ts";
import { writeLines } from "./files.ts";
import type { Io } from "./io.ts";
import { calibrationHash } from "./load-cluster.ts";
import { type LoadedWorkload, loadWorkload } from "./load-workload.ts";
import { type Option, type OptionTable, pick } from "./option-table.ts";
import { note, printResult, table } from "./output.ts";
import { COST_OPTIONS, DEVICE_OPTIONS, PLAN_OPTIONS } from "./plan-options.ts";
import { INTERVAL_OPTIONS, predictJobsIntervals } from "./predict-intervals.ts";
import { OVERLAP_OPTION } from "./simulate-variants.ts";
import { VERSION } from "./version.ts";

/** Events of a trace without --trace-steps: what a browser still shows at ease. */
const MAX_EVENTS = 200_000;

/** The comparison schedule of --schedule; undefined for a schedule of plans. */
export function comparisonSchedule(args: Arguments): ComparisonSchedule | undefined {
  const schedule = optionalText(args, "schedule");
  return COMPARISON_SCHEDULES.find((name) => name === schedule);
}

/** @throws InputError where a plan is asked for with a schedule that is simulated only. */
export function requirePlanSchedule(args: Arguments): void {
  const schedule = comparisonSchedule(args);
  if (schedule === undefined) return;
  throw new InputError({
    expected: "a schedule that can be planned and executed",
    at: "--schedule",
    got: schedule,
    hint: `${schedule} is simulated only: \`loratwin simulate WORKLOAD --cluster FILE --schedule ${schedule}\`.`,
  });
}

export const TRACE_OPTION = {
  type: "string",
  alias: "o",
  describe: "where to write the trace (opens in Perfetto)",
} as const satisfies Option;

/** What every comparison schedule takes: of the options of plans, those that decide more than a plan. */
const EVERY_COMPARISON = {
  ...DEVICE_OPTIONS,
  ...COST_OPTIONS,
  ...pick(PLAN_OPTIONS, "schedule", "dtype", "recompute"),
  ...INTERVAL_OPTIONS,
  ...OVERLAP_OPTION,
  full: {
    type: "boolean",
    default: false,
    describe: `train the base model's weights (${COMPARISON_SCHEDULES.join(", ")})`,
  },
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

function requestOf(
  io: Io,
  args: Arguments,
  loaded: LoadedWorkload,
  schedule: ComparisonSchedule,
): { readonly run: JobsRun; readonly calibration: LayersCalibration } {
  const { workload, rows } = loaded;
  const dtype = (optionalText(args, "dtype") as Dtype | undefined) ?? workload.model.dtype;
  const platform = comparisonPlatform(io, args, dtype);
  const recompute = optionalText(args, "recompute") ?? workload.recompute;
  const model = { ...trainedModel(loaded, dtype, flag(args, "full")), recompute: recompute === "layer" };
  const isPipeline = schedule === "interleaved" || schedule === "zb-h1";
  const jobs = workload.jobs.map((job, index) => {
    if (job.arrivalSeconds > 0)
      throw new InputError({
        expected: `jobs that are there from the start for --schedule ${schedule}`,
        at: `jobs[${index}].arrivalSeconds`,
        got: job.arrivalSeconds,
      });
    const { tokens, steps } = rows[index]!;
    return {
      name: job.name,
      adapterParameters: adapterParameters(loaded, job),
      steps: steps.map((step) => step.map((row) => tokens[row]!)),
      microBatchSize: isPipeline || flag(args, "accumulate") ? (job.microBatchSize ?? job.batchSize) : job.batchSize,
    };
  });
  const { devices, links } = platform.cluster;
  // Collectives cross all links together.
  const overlap = args["overlap"] !== false && !hasBlockingLinks(platform.cluster);
  const prefetch = schedule === "fsdp" ? optionalCount(args, "prefetch", 0)! : OF_FSDP.prefetch.default;
  const options = { overlap, prefetch };
  const { calibration } = platform;
  const hash = contentHash({ schedule, model, jobs, options, devices, links, calibration });
  const run = { schedule, platform, model, jobs, options, hash, devices: devices.map(({ name }) => name) };
  return { run, calibration };
}

function fits(platform: Platform, needs: readonly MemoryNeed[]): boolean {
  return needs.every((need) => totalBytes(platform, need) <= platform.memoryBytes);
}

/** @throws PlanError with what each device would need. */
function checkMemory(run: JobsRun): void {
  const { platform, devices, schedule, model } = run;
  const needs = jobsNeeds(run);
  if (fits(platform, needs)) return;
  const rows = needs.map((need, device) => {
    const total = totalBytes(platform, need);
    const over = total - platform.memoryBytes;
    return [
      devices[device]!,
      formatBytes(need.weights),
      formatBytes(need.state),
      formatBytes(platform.allocatorFactor * need.activations),
      formatBytes(need.load),
      formatBytes(platform.contextBytes),
      formatBytes(total),
      formatBytes(platform.memoryBytes),
      over > 0 ? `${formatBytes(over)} too much` : "fits",
    ];
  });
  const isOfLoad = needs.some(({ load, ...need }) => load > 0 && fits(platform, [{ ...need, load: 0 }]));
  const recomputes = !model.recompute && fits(platform, jobsNeeds({ ...run, model: { ...model, recompute: true } }));
  throw new PlanError({
    expected: `jobs that fit into the devices' memory with --schedule ${schedule}`,
    got: "out of memory",
    detail: table(
      ["device", "weights", "state", "activations", "while loading", "context", "total", "capacity", ""],
      rows,
    ),
    hint: recomputes
      ? "With `recompute: layer` (--recompute layer) it fits."
      : isOfLoad
        ? "Each device holds the whole model while it is loaded and cut. Use a smaller dtype, or devices with more memory."
        : "Use a smaller batchSize (with --accumulate microBatchSize) or cutoffLength, a smaller dtype, or more devices.",
  });
}

/** `simulate --schedule tp` and the like: the workload's jobs one after another, in virtual time. */
export async function simulateComparison(io: Io, args: Arguments, schedule: ComparisonSchedule): Promise<number> {
  const file = requiredText(args, "plan");
  const loaded = await loadWorkload(io, file);
  for (const remark of loaded.remarks) note(io, args, remark);
  const request = requestOf(io, args, loaded, schedule);
  const { run } = request;
  checkMemory(run);
  const simulated = simulateJobs(run);
  const intervals = predictJobsIntervals(io, args, run, request.calibration, simulated.numTasks);
  const shown = intervals === undefined ? {} : { intervals };
  const output = optionalText(args, "output");
  let written = "";
  if (output !== undefined) {
    const numSteps = optionalCount(args, "trace-steps");
    const { trace, numSteps: held } = jobsTrace(run, simulated, {
      ...(numSteps === undefined ? { maxEvents: MAX_EVENTS } : { maxSteps: numSteps }),
      calibrationHash: calibrationHash(request.calibration),
      versions: { loratwin: VERSION },
    });
    const all = simulated.steps.length;
    // A page shows the figures of what the trace holds: those of the whole run would not belong to it.
    writeLines(io, output, traceLines(held === all ? { ...trace, ...shown } : trace));
    written = held === all ? "" : `: the first ${held} of ${all} steps`;
  }
  const { calibration } = request;
  printResult(io, args, { ...simulated.metrics, ...shown, costs: costsFacts(calibration) }, () =>
    [
      runText(simulated.metrics, shown),
      "",
      costsText(calibration)!,
      ...(output === undefined ? [] : ["", `trace written to ${output}${written}`]),
    ].join("\n"),
  );
  return 0;
}
