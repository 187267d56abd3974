import { counted, finite, formatBytes, groupBy, InputError } from "../core/index.ts";
import { isFused, type Plan, parseAnyAction, recomputationText } from "../plan/index.ts";
import {
  type AtMachineSpeed,
  compareTraces,
  type Intervals,
  machineLines,
  pipelineDevices,
  planPipelines,
  runMetrics,
  type Trace,
  traceTotals,
} from "../traces/index.ts";
import {
  type ActionTable,
  type BarTable,
  type Fact,
  LANES,
  LETTERS,
  type LossCurve,
  type ReportData,
  type ReportTrace,
  type StepCurve,
} from "./report-data.ts";
import type { EvaluationRecord, LossRecord, ReportInput } from "./report-input.ts";
import { runPath } from "./run-path.ts";
import { jobSamples } from "./samples-data.ts";

/** Columns that grow row by row. */
type Growing<Table> = { [Column in keyof Table]: Table[Column] extends readonly (infer Value)[] ? Value[] : never };

/** Numbers every action of the traces once, in order of first appearance. */
interface ActionIndexing {
  readonly actions: ActionTable;
  readonly jobSets: readonly (readonly number[])[];
  readonly indexOf: ReadonlyMap<string, number>;
}

function indexActions(traces: readonly Trace[], jobIndex: ReadonlyMap<string, number>): ActionIndexing {
  const actions: Growing<ActionTable> = {
    key: [],
    stage: [],
    letter: [],
    microBatch: [],
    jobSet: [],
    step: [],
    part: [],
    tokens: [],
  };
  const indexOf = new Map<string, number>();
  const jobSets: number[][] = [];
  const setIndex = new Map<string, number>();
  for (const event of traces.flatMap((trace) => trace.events)) {
    if (indexOf.has(event.action)) continue;
    indexOf.set(event.action, indexOf.size);
    const set = event.jobs.map((name) => jobIndex.get(name)!);
    const setKey = set.join(",");
    if (!setIndex.has(setKey)) setIndex.set(setKey, jobSets.push(set) - 1);
    const { stage, letter, microBatch } = parseAnyAction(event.action);
    actions.key.push(event.action);
    actions.stage.push(stage);
    actions.letter.push(LETTERS.indexOf(letter));
    actions.microBatch.push(microBatch);
    actions.jobSet.push(setIndex.get(setKey)!);
    actions.step.push(event.step);
    actions.part.push(event.part);
    actions.tokens.push(event.tokens);
  }
  return { actions, jobSets, indexOf };
}

function barTable(trace: Trace, indexOf: ReadonlyMap<string, number>): BarTable {
  const events = [...trace.events].sort((a, b) => a.startNs - b.startNs);
  return {
    action: events.map((event) => indexOf.get(event.action)!),
    device: events.map((event) => event.device),
    stream: events.map((event) => LANES.indexOf(event.stream)),
    startNs: events.map((event) => event.startNs),
    durationNs: events.map((event) => event.durationNs),
    bytes: events.map((event) => event.bytes ?? 0),
  };
}

/** Exact times have intervals without a width, which say nothing. */
function expectedIntervals({ intervals }: Trace): Intervals | null {
  return intervals === undefined || intervals.makespanSeconds[0] === intervals.makespanSeconds[1] ? null : intervals;
}

function reportTrace(
  trace: Trace,
  { plan, traces, ways = [] }: ReportInput,
  indexOf: ReadonlyMap<string, number>,
): ReportTrace {
  const way = ways[traces.indexOf(trace)];
  const samples = trace.counters.filter((sample) => sample.counter === "memory");
  const totals = traceTotals(trace, plan && planPipelines(plan));
  return {
    source: trace.source,
    bars: barTable(trace, indexOf),
    memory: trace.devices.map((_, device) => {
      const own = samples.filter((sample) => sample.device === device);
      return { timeNs: own.map((sample) => sample.timeNs), value: own.map((sample) => sample.value) };
    }),
    makespanSeconds: totals.makespanSeconds,
    tokensPerSecond: totals.tokensPerSecond,
    bubbleRatio: totals.bubbleRatio,
    bubbleRatioTotal: totals.bubbleRatioTotal,
    devices: totals.devices,
    jobs: plan === undefined ? [] : runMetrics(plan, trace).jobs,
    intervals: expectedIntervals(trace),
    path: way === undefined ? null : runPath(way),
  };
}

function compared(
  [simulated, executed]: readonly Trace[],
  machine: AtMachineSpeed | undefined,
): Pick<ReportData, "comparison" | "machine"> {
  if (simulated === undefined || executed === undefined) return { comparison: null, machine: null };
  const result = compareTraces(simulated, executed, { machine });
  const { makespanError, meanAbsActionError, weightedActionError, perKind, peakMemoryError, worst } = result;
  const { atMachineSpeed: at } = result;
  return {
    comparison: { makespanError, meanAbsActionError, weightedActionError, perKind, peakMemoryError, worst },
    machine:
      at === undefined
        ? null
        : { makespanSeconds: at.makespanSeconds, makespanError: at.makespanError, lines: machineLines(at) },
  };
}

/** The loss counters of an executed trace as records: a job's samples are its steps in order. */
function lossesOfTrace(trace: Trace): readonly LossRecord[] {
  const steps = new Map<string, number>();
  const records: LossRecord[] = [];
  for (const { counter, job, value } of trace.counters) {
    if (counter !== "loss" || job === undefined) continue;
    const step = steps.get(job) ?? 0;
    steps.set(job, step + 1);
    records.push({ job, step, loss: value });
  }
  return records;
}

/** By job, in the order of names; of the jobs that have any. */
export function stepCurves(records: readonly LossRecord[], names: readonly string[]): readonly StepCurve[] {
  const byJob = groupBy(records, ({ job }) => job);
  return names
    .map((name, job) => {
      const own = [...(byJob.get(name) ?? [])].sort((a, b) => a.step - b.step);
      return {
        ...{ job, step: own.map((record) => record.step), loss: own.map(({ loss }) => finite(loss)) },
        gradNorm: own.flatMap(({ gradNorm }) => (gradNorm === undefined ? [] : [finite(gradNorm)])),
        learningRate: own.flatMap(({ learningRate }) => learningRate ?? []),
      };
    })
    .filter((curve) => curve.step.length > 0);
}

/** Curves of losses on held-out rows, of the jobs that were evaluated. */
export function heldOutCurves(records: readonly EvaluationRecord[], names: readonly string[]): readonly LossCurve[] {
  const losses = records.map(({ job, step, evaluationLoss }) => ({ job, step, loss: evaluationLoss }));
  return stepCurves(losses, names).map(({ job, step, loss }) => ({ job, step, loss }));
}

function modelText({ model }: Plan): string {
  const { numLayers, hiddenSize, numHeads, vocabularySize } = model.architecture;
  return `${counted(numLayers, "layer")}, hidden ${hiddenSize}, ${counted(numHeads, "head")}, vocabulary ${vocabularySize}, ${model.dtype}`;
}

function scheduleText(plan: Plan): string {
  const pipelines = plan.pipelines.length === 1 ? "" : ` in ${plan.pipelines.length} pipelines`;
  const parts = [plan.schedule, `${counted(plan.stages.length, "stage")}${pipelines}`];
  if (isFused(plan)) parts.push(counted(plan.groups.length, "fused group"));
  const recomputed = recomputationText(plan.stages);
  if (recomputed !== undefined) parts.push(recomputed);
  return parts.join(", ");
}

function deviceText({ devices }: Plan): string {
  return devices
    .map(({ name, type, memoryBytes }) => {
      const details = [name.startsWith(type) ? "" : type, memoryBytes === null ? "" : formatBytes(memoryBytes)].filter(
        Boolean,
      );
      return details.length === 0 ? name : `${name} (${details.join(", ")})`;
    })
    .join(", ");
}

/** Jobs that train no further since a step of them was not finite, and which: it is their last one. */
function stoppedFact(losses: readonly LossRecord[]): Fact | undefined {
  const stopped = losses.filter(({ loss, gradNorm = 0 }) => !Number.isFinite(loss) || !Number.isFinite(gradNorm));
  const first = new Map(stopped.toReversed().map(({ job, step }) => [job, step]));
  if (first.size === 0) return undefined;
  return {
    label: "Stopped",
    value: [...first].map(([job, step]) => `${job} at step ${step + 1}, not finite`).join(", "),
  };
}

function facts({ date, plan, traces, losses = [] }: ReportInput): readonly Fact[] {
  const trace = traces[0]!;
  const versions = Object.entries(traces.at(-1)!.versions);
  const rows: readonly (Fact | undefined)[] = [
    { label: "Plan", value: shortHash(trace.planHash) },
    plan && { label: "Schedule", value: scheduleText(plan) },
    plan && { label: "Model", value: modelText(plan) },
    { label: "Devices", value: plan ? deviceText(plan) : trace.devices.join(", ") },
    { label: "Calibration", value: shortHash(trace.calibrationHash) },
    date === undefined ? undefined : { label: "Run", value: date },
    stoppedFact(losses),
    versions.length === 0 ? undefined : { label: "Versions", value: versions.map((pair) => pair.join(" ")).join(", ") },
  ];
  return rows.filter((row) => row !== undefined);
}

/** The first 12 digits, with no algorithm in front: enough to tell plans apart. */
function shortHash(hash: string): string {
  return hash.replace(/^\w+:/, "").slice(0, 12);
}

/**
 * The page's data: each action once, and for each trace its bars as columns.
 * @throws InputError for no trace, more than two, two that cannot be joined, or a trace of another plan.
 */
export function buildReportData(input: ReportInput): ReportData {
  if (input.traces.length === 0 || input.traces.length > 2) {
    throw new InputError({ expected: "one trace or two", at: "traces", got: input.traces.length });
  }
  const traces = [...input.traces].sort((a, b) => Number(a.source === "executed") - Number(b.source === "executed"));
  if (traces.length === 2 && traces[0]!.source === traces[1]!.source) {
    const expected = "a simulated and an executed trace";
    throw new InputError({ expected, at: "traces", got: `two ${traces[0]!.source} ones` });
  }
  const { plan } = input;
  const names = plan
    ? plan.jobs.map((job) => job.name)
    : [...new Set(traces.flatMap((trace) => trace.events.flatMap((event) => event.jobs)))];
  const { actions, jobSets, indexOf } = indexActions(traces, new Map(names.map((name, index) => [name, index])));
  const pipelines = pipelineDevices(traces[0]!);
  const planned: number[] = plan ? plan.devices.map(() => 0) : [];
  plan?.stages.forEach((stage, index) => {
    planned[stage.device]! += plan.memory[index]!.total;
  });
  return {
    title: input.title,
    facts: facts({ ...input, traces }),
    devices: traces[0]!.devices,
    pipelines: pipelines.length > 1 ? pipelines : [],
    jobs: names.map((name, index) => {
      const adapter = plan?.jobs[index]?.adapter;
      return { name, adapter: adapter ? `r ${adapter.rank}, α ${adapter.alpha}, ${adapter.targets.join(" ")}` : "" };
    }),
    jobSets,
    actions,
    traces: traces.map((trace) => reportTrace(trace, input, indexOf)),
    ...compared(traces, input.machine),
    plannedPeakBytes: planned,
    losses: stepCurves(input.losses ?? lossesOfTrace(traces.at(-1)!), names),
    heldOut: heldOutCurves(input.evaluations ?? [], names),
    samples: jobSamples(input.samples ?? [], names),
  };
}
