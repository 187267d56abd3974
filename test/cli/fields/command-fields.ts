import { totalmem } from "node:os";
import path from "node:path";
import { sum } from "../../../core/index.ts";
import { nativeInfo } from "../../../exec/index.ts";
import type { Comparison, RunMetrics } from "../../../traces/index.ts";
import type { TraceDocument } from "../../../traces/trace-document.ts";
import { blank, type Check, type FieldTable, optional, owner, type Place, under } from "./check-fields.ts";
import { above, all, is, matches, near, oneOf, same, that, whole, within } from "./checks.ts";
import { isPeakError, isPlannedPeak } from "./executed-peak.ts";
import { number, tokensOf } from "./plan-fields.ts";
import { DEVICES, JOBS, LONG_STEPS, type Pass } from "./small-pass.ts";
import { intervalFields } from "./trace-fields.ts";
import { busyOf, errorsOf, makespanOf, speedOf, steadyBubbleOf } from "./trace-figures.ts";

function metricsOf({ printed }: Pass, name: string): RunMetrics {
  return printed[name] as RunMetrics;
}

function jobTokens({ plan }: Pass, job: number): number {
  const { microBatches } = plan.segments[0]!;
  return sum(microBatches.flatMap(({ rows }) => rows.filter(([own]) => own === job).map(([, , tokens]) => tokens)));
}

/** A run's figures; those of a trace that was written have to follow from its events. */
function figureFields(pass: Pass, document: RunMetrics, trace: TraceDocument | undefined): FieldTable {
  const { makespanSeconds, devices } = document;
  const tokens = sum(pass.plan.segments[0]!.microBatches.map(tokensOf));
  const idle = sum(devices.map(({ idleSeconds }) => idleSeconds));
  const [{ name, steps }] = JOBS;
  return {
    makespanSeconds: trace === undefined ? above(0, 60) : near(() => makespanOf(trace), 1e-6),
    tokens: is(tokens),
    tokensPerSecond: near(() => tokens / makespanSeconds),
    bubbleRatio: trace === undefined ? within(0, 1) : near(() => steadyBubbleOf(trace, name, steps), 1e-4),
    bubbleRatioTotal: near(() => idle / (devices.length * makespanSeconds), 1e-6),
    "devices[].busySeconds":
      trace === undefined ? above(0, makespanSeconds) : near((place) => busyOf(trace, number(place)), 1e-6),
    "devices[].idleSeconds": near(
      (place) => makespanSeconds - owner<{ readonly busySeconds: number }>(place).busySeconds,
      1e-6,
    ),
  };
}

function plannedPeak({ plan }: Pass, isExecuted: boolean): Check {
  const total = (place: Place): number => plan.setting.memory[number(place)]!.total;
  return isExecuted
    ? that("the planned peak", (bytes: number, place) => isPlannedPeak(bytes, total(place)))
    : same(total);
}

/** What `simulate --json` and `train --json` have in common. */
function runFields(pass: Pass, name: string, trace?: TraceDocument): FieldTable {
  const document = metricsOf(pass, name);
  const own = <K extends keyof RunMetrics["jobs"][number]>(key: K) =>
    same((place) => owner<RunMetrics["jobs"][number]>(place)[key]);
  return {
    planHash: is(pass.plan.hash),
    source: is(trace?.otherData.source ?? "simulated"),
    ...figureFields(pass, document, trace),
    "devices[].name": same((place) => DEVICES[number(place)]),
    "devices[].peakMemoryBytes": plannedPeak(pass, trace?.otherData.source === "executed"),
    "jobs[].name": same((place) => JOBS[number(place)]!.name),
    "jobs[].steps": same((place) => JOBS[number(place)]!.steps),
    "jobs[].tokens": same((place) => jobTokens(pass, number(place))),
    "jobs[].startSeconds": blank("several jobs may begin with the run", within(0, document.makespanSeconds)),
    "jobs[].endSeconds": that("after the start", (value: number, place) => {
      const { startSeconds } = owner<RunMetrics["jobs"][number]>(place);
      return startSeconds < value && value <= document.makespanSeconds * (1 + 1e-9);
    }),
    // All jobs are there from the beginning, so that they wait until they start.
    "jobs[].turnaroundSeconds": own("endSeconds"),
    "jobs[].waitSeconds": blank("several jobs may begin with the run", own("startSeconds")),
    "jobs[].deviceSeconds": above(0, DEVICES.length * document.makespanSeconds),
    jobs: that(
      "the run ends with the last one",
      (value: RunMetrics["jobs"]) =>
        Math.abs(Math.max(...value.map(({ endSeconds }) => endSeconds)) - document.makespanSeconds) < 1e-8,
    ),
  };
}

const MEASURED: (pass: Pass) => FieldTable = ({ calibration }) => ({
  "costs.model": is("measured"),
  "costs.meanError": is(calibration.holdOut.meanAbsError),
});

export function simulateFields(pass: Pass): FieldTable {
  return {
    ...runFields(pass, "simulate", pass.simulated),
    ...under("intervals.", intervalFields()),
    ...MEASURED(pass),
  };
}

export function replayFields(pass: Pass): FieldTable {
  const { makespanSeconds } = metricsOf(pass, "replay");
  const executed = metricsOf(pass, "train").makespanSeconds;
  return {
    ...runFields(pass, "replay"),
    bubbleRatio: blank("without interruptions no device may have waited in the middle", within(0, 1)),
    "replay.executedMakespanSeconds": near(() => executed),
    "replay.makespanError": near(() => makespanSeconds / executed - 1, 1e-6),
  };
}

function lossesOf({ metrics }: Pass, job: number): readonly number[] {
  return metrics.filter((line) => line.job === JOBS[job]!.name).map(({ loss }) => loss);
}

export function trainFields(pass: Pass): FieldTable {
  return {
    ...runFields(pass, "train", pass.executed),
    "jobs[].losses": same((place) => lossesOf(pass, number(place))),
    "jobs[].finalLoss": same((place) => lossesOf(pass, number(place)).at(-1)),
    "jobs[].plannedSteps": same((place) => lossesOf(pass, number(place)).length),
    "jobs[].adapter": same((place) => path.join(pass.folder, "run", "adapters", JOBS[number(place)]!.name)),
    endedEarly: blank("the run went on to its end", is(false)),
    rankings: blank("no job was evaluated", is([])),
    "waitingForHostRatio[]": blank("the host may always have been in time", within(0, 1)),
  };
}

/** Figures of a side of a comparison. */
function sideFields(document: RunMetrics): FieldTable {
  const figure = (key: "makespanSeconds" | "tokensPerSecond" | "bubbleRatio" | "bubbleRatioTotal") =>
    near(() => document[key]!, 1e-6);
  return {
    makespanSeconds: figure("makespanSeconds"),
    tokensPerSecond: figure("tokensPerSecond"),
    bubbleRatio: blank("no device may have waited in the middle", figure("bubbleRatio")),
    bubbleRatioTotal: figure("bubbleRatioTotal"),
  };
}

/** An error of what is left and right. */
function errorOf(simulated: (place: never) => number, executed: (place: never) => number) {
  return near((place) => simulated(place as never) / executed(place as never) - 1, 1e-6);
}

function kindFields({ simulated, executed }: Pass, letter: string): FieldTable {
  const errors = errorsOf(simulated, executed, letter);
  return {
    count: is(errors.count),
    meanAbsError: near(() => errors.meanAbsError, 1e-6),
    weightedError: near(() => errors.weightedError, 1e-6),
    bias: near(() => errors.bias, 1e-6),
  };
}

/** How a device was during the run against how it was when it was calibrated. */
function slownessFields({ executed, calibration }: Pass): FieldTable {
  const { devices } = executed.otherData.machine!;
  const speed = calibration.machine!.speed!;
  const quiet = "nothing else may have run";
  return {
    name: same((place) => DEVICES[number(place)]),
    interrupted: blank(
      quiet,
      near((place) => devices[number(place)]!.interrupted),
    ),
    interruptedWhenCalibrated: blank(quiet, is(calibration.machine!.interrupted)),
    productsSlower: near((place) => speed.product / speedOf(executed, number(place)).product - 1, 1e-6),
    memorySlower: near((place) => speed.copy / speedOf(executed, number(place)).copy - 1, 1e-6),
  };
}

function worstFields(comparison: Comparison): FieldTable {
  type Worst = Comparison["worst"][number];
  return {
    action: matches(/^[01][FBU]\d+$/),
    device: same((place) => DEVICES[Number(owner<Worst>(place).action[0])]),
    "jobs[]": oneOf(JOBS.map(({ name }) => name)),
    simulatedSeconds: above(0, 10),
    executedSeconds: above(0, comparison.executed.makespanSeconds),
    error: errorOf(
      (place) => owner<Worst>(place).simulatedSeconds,
      (place) => owner<Worst>(place).executedSeconds,
    ),
  };
}

const PEAK_ERROR = that("none", isPeakError);

function comparedDeviceFields(pass: Pass): FieldTable {
  type Device = Comparison["devices"][number];
  const [simulated, executed] = [metricsOf(pass, "simulate"), metricsOf(pass, "train")];
  return {
    name: same((place) => DEVICES[number(place)]),
    simulatedBusySeconds: near((place) => simulated.devices[number(place)]!.busySeconds),
    executedBusySeconds: near((place) => executed.devices[number(place)]!.busySeconds, 1e-6),
    busyError: errorOf(
      (place) => owner<Device>(place).simulatedBusySeconds,
      (place) => owner<Device>(place).executedBusySeconds,
    ),
    simulatedPeakMemoryBytes: plannedPeak(pass, false),
    executedPeakMemoryBytes: plannedPeak(pass, true),
    peakMemoryError: blank("memory is known to the byte", PEAK_ERROR),
  };
}

export function compareFields(pass: Pass): FieldTable {
  const comparison = pass.printed["compare"] as Comparison;
  const { simulated, executed, intervals } = comparison;
  const inside = (key: "makespanSeconds" | "tokensPerSecond" | "bubbleRatio" | "bubbleRatioTotal") =>
    blank(
      "a run that was interrupted is outside of all",
      same(() => intervals![key]![0] <= executed[key]! && executed[key]! <= intervals![key]![1]),
    );
  const error = (document: { readonly makespanSeconds: number }) =>
    errorOf(
      () => document.makespanSeconds,
      () => executed.makespanSeconds,
    );
  const { system } = pass.executed.otherData.machine!;
  return {
    planHash: is(pass.plan.hash),
    makespanError: error(simulated),
    meanAbsActionError: near(() => errorsOf(pass.simulated, pass.executed, "FB").meanAbsError, 1e-6),
    weightedActionError: near(() => errorsOf(pass.simulated, pass.executed, "FBU").weightedError, 1e-6),
    "peakMemoryError[]": blank("memory is known to the byte", PEAK_ERROR),
    ...under("simulated.", sideFields(metricsOf(pass, "simulate"))),
    ...under("executed.", sideFields(metricsOf(pass, "train"))),
    ...under("replay.", { ...sideFields(metricsOf(pass, "replay")), makespanError: error(comparison.replay!) }),
    ...under("perKind.F.", kindFields(pass, "F")),
    ...under("perKind.B.", kindFields(pass, "B")),
    ...under("perKind.U.", kindFields(pass, "U")),
    ...under("worst[].", worstFields(comparison)),
    worst: that("ten, the worst first", (value: Comparison["worst"]) => {
      const off = value.map(({ simulatedSeconds, executedSeconds }) => Math.abs(simulatedSeconds - executedSeconds));
      return off.length === 10 && off.every((each, i) => i === 0 || each <= off[i - 1]!);
    }),
    ...under("devices[].", comparedDeviceFields(pass)),
    intervals: is(pass.simulated.otherData.intervals),
    "insideIntervals.makespanSeconds": inside("makespanSeconds"),
    "insideIntervals.tokensPerSecond": inside("tokensPerSecond"),
    "insideIntervals.bubbleRatio": inside("bubbleRatio"),
    "insideIntervals.bubbleRatioTotal": inside("bubbleRatioTotal"),
    "atMachineSpeed.makespanSeconds": above(0, 60),
    "atMachineSpeed.makespanError": error(comparison.atMachineSpeed!),
    ...under("atMachineSpeed.devices[].", slownessFields(pass)),
    "atMachineSpeed.system": optional("only Linux counts it", is(system)),
  };
}

export function watchFields(pass: Pass): FieldTable {
  const steps = sum(JOBS.map((job) => job.steps));
  return {
    state: is("ended"),
    doneSteps: is(steps),
    steps: is(steps),
    tokensPerSecond: near(() => metricsOf(pass, "train").tokensPerSecond, 1e-6),
    secondsLeft: blank("the run has ended", is(null)),
    "jobs[].name": same((place) => JOBS[number(place)]!.name),
    "jobs[].steps": same((place) => JOBS[number(place)]!.steps),
    "jobs[].doneSteps": same((place) => JOBS[number(place)]!.steps),
    "jobs[].loss": same((place) => lossesOf(pass, number(place)).at(-1)),
    "jobs[].losses": same((place) => lossesOf(pass, number(place))),
    "jobs[].ended": is(true),
  };
}

/** Of a run that was killed soon after its beginning. */
export function watchKilledFields(): FieldTable {
  type View = { readonly losses: readonly number[]; readonly loss: number | null };
  const early = "it may have been killed before its first step";
  return {
    state: is("unfinished"),
    doneSteps: blank(early, whole(0, LONG_STEPS * JOBS.length - 1)),
    steps: is(LONG_STEPS * JOBS.length),
    tokensPerSecond: above(0),
    secondsLeft: blank("nobody carries it out any more", is(null)),
    "jobs[].name": same((place) => JOBS[number(place)]!.name),
    "jobs[].steps": is(LONG_STEPS),
    "jobs[].doneSteps": blank(
      early,
      same((place) => owner<View>(place).losses.length),
    ),
    "jobs[].loss": blank(
      early,
      same((place) => owner<View>(place).losses.at(-1) ?? null),
    ),
    "jobs[].losses": blank(
      early,
      that("losses", (value: readonly number[]) => value.every((loss) => loss > 0 && loss < 9)),
    ),
    "jobs[].ended": blank("it was killed", is(false)),
  };
}

export function devicesFields(): FieldTable {
  const { cores, cpuModel, isa, onednn, cuda } = nativeInfo();
  const none = "there may be no GPU";
  return {
    "devices[].name": same((place) => `cpu:${number(place)}`),
    "devices[].type": is("cpu"),
    "devices[].core": same((place) => cores[number(place)]),
    "devices[].description": is(cpuModel),
    "devices[].isa": is(isa),
    memoryBytes: is(totalmem()),
    onednn: all(matches(/^\d+\.\d+\.\d+$/), is(onednn)),
    cuda: blank(none, is(cuda.devices.length)),
    cudaBuilt: blank("the addon may be built without", is(cuda.built)),
    gpus: blank(
      none,
      that("as many as there are", (value: readonly unknown[]) => value.length === cuda.devices.length),
    ),
  };
}
