import { contentHash } from "../../../core/index.ts";
import { nativeInfo } from "../../../exec/index.ts";
import { VERSION } from "../../../files/index.ts";
import type { MicroBatch } from "../../../plan/index.ts";
import type { ChromeEvent, TraceDocument } from "../../../traces/trace-document.ts";
import { BYTES_PER_SECOND, FLOPS, probeFields, systemFields } from "./calibration-fields.ts";
import { blank, type Check, type FieldTable, optional, owner, under } from "./check-fields.ts";
import { above, all, HASH, interval, is, near, oneOf, same, that, whole, within } from "./checks.ts";
import { isPlannedPeak } from "./executed-peak.ts";
import { tokensOf } from "./plan-fields.ts";
import { DEVICES, eventsOf, HIDDEN, JOBS, type Pass } from "./small-pass.ts";

type Interval = readonly [number, number];
type Slice = Extract<ChromeEvent, { readonly ph: "X" }>;
type Flow = Extract<ChromeEvent, { readonly ph: "s" | "f" }>;

/** Rows of a device's process, by tid from 1. */
const STREAMS = ["receive", "compute", "send"];
const COMPUTE = 2;
const OWN_MACHINE = "only where times were measured on this machine";
/** Of an activation, in bytes. */
const FLOAT = 4;
/** Half of the last digit that a trace's times have, in microseconds, on both sides. */
const ROUNDING = 0.0011;

export function intervalFields(): FieldTable {
  return {
    level: is(0.9),
    samples: that("100, or 20 that others follow from, or as many for each outlook of a short run", (value) =>
      [20, 100, 300].includes(value as number),
    ),
    seed: blank("the seed that is taken where none is given", is(0)),
    makespanSeconds: interval(1e-6, 60),
    tokensPerSecond: that("tokens over the longest and the shortest time", (value: Interval, place) => {
      const { makespanSeconds } = owner<{ readonly makespanSeconds: Interval }>(place);
      const tokens = value[0] * makespanSeconds[1];
      return value[0] <= value[1] && Math.abs((value[1] * makespanSeconds[0]) / tokens - 1) < 0.3;
    }),
    "outlooks.alone": optional(OWN_MACHINE, interval(1e-6, 60)),
    "outlooks.now": optional(OWN_MACHINE, interval(1e-6, 60)),
    "outlooks.been": optional(OWN_MACHINE, interval(1e-6, 60)),
    bubbleRatio: interval(0, 1),
    bubbleRatioTotal: interval(1e-6, 1),
    "jobs[].name": same(({ steps }) => JOBS[steps.at(-1) as number]!.name),
    "jobs[].turnaroundSeconds": all(
      interval(1e-6, 60),
      that("no later than the run's end", (value: Interval, place) => {
        const { makespanSeconds } = owner<{ readonly makespanSeconds: Interval }>(place, 2);
        return value.every((end, i) => end <= makespanSeconds[i]! * 1.001);
      }),
    ),
  };
}

/** A trace with its events by what they are, so that every kind has paths of its own. */
export function sortedTrace(trace: TraceDocument): unknown {
  const { traceEvents: _events, ...head } = trace;
  const counters = eventsOf(trace, "C");
  const flows = eventsOf(trace, "s").map((start) => ({
    start,
    end: eventsOf(trace, "f").find(({ id }) => id === start.id),
  }));
  return {
    ...head,
    names: eventsOf(trace, "M"),
    slices: eventsOf(trace, "X"),
    flows,
    memory: counters.filter(({ name }) => name === "memory"),
    losses: counters.filter(({ name }) => name !== "memory"),
  };
}

const PID = whole(1, DEVICES.length);
const TID = whole(1, STREAMS.length);

/** Of the planned micro-batch of a slice. */
function planned(place: Parameters<Check>[1], { plan }: Pass): MicroBatch {
  return plan.segments[0]!.microBatches[owner<Slice["args"]>(place).microBatch]!;
}

function argumentFields(pass: Pass): FieldTable {
  return {
    action: that("stage, letter and micro-batch", (value: string, place) => {
      const { stage, microBatch } = owner<Slice["args"]>(place);
      return [..."FBU"].some((letter) => value === `${stage}${letter}${microBatch}`);
    }),
    jobs: same((place) => {
      const jobs = new Set(planned(place, pass).rows.map(([job]) => job));
      return [...jobs].sort((a, b) => a - b).map((job) => JOBS[job]!.name);
    }),
    stage: whole(0, DEVICES.length - 1),
    microBatch: whole(0, pass.plan.segments[0]!.microBatches.length - 1),
    step: same((place) => planned(place, pass).step),
    part: same((place) => planned(place, pass).part),
    tokens: same((place) => tokensOf(planned(place, pass))),
  };
}

/** Of a message: what each token has on its way, 32-bit floats. */
const MESSAGE_BYTES = same((place) => owner<Slice["args"]>(place).tokens * HIDDEN * FLOAT);

function endOf({ ts, dur }: Slice): number {
  return ts + dur;
}

/** A device's actions are those of the plan, in its order, and never at once. */
function actionsAreThePlans(slices: readonly Slice[], { plan }: Pass): boolean {
  return DEVICES.every((_, stage) => {
    const own = slices.filter(({ pid, tid }) => pid === stage + 1 && tid === COMPUTE);
    const isInTurn = own.every((slice, i) => i === 0 || slice.ts >= endOf(own[i - 1]!) - ROUNDING);
    return isInTurn && own.map(({ args }) => args.action).join() === plan.segments[0]!.actions[stage]!.join();
  });
}

/** What no trace may leave out. */
function sliceFields(pass: Pass, trace: TraceDocument, isExecuted: boolean): FieldTable {
  const last = Math.max(...eventsOf(trace, "X").map(endOf));
  const lost = (most: (slice: Slice) => number) =>
    that<number>(
      "a part of the run's time",
      (value, place) => value >= 0 && value <= most(owner<Slice>(place, 1)) + ROUNDING,
    );
  return {
    "slices[].ph": is("X"),
    "slices[].name": same((place) => owner<Slice>(place).args.action),
    "slices[].cat": same((place) => (owner<Slice>(place).tid === COMPUTE ? "compute" : "transfer")),
    "slices[].pid": same((place) => owner<Slice>(place).args.stage + 1 + travelled(owner<Slice>(place))),
    "slices[].tid": TID,
    "slices[].ts": blank("the first one begins at 0", within(0, last)),
    "slices[].dur": that(
      "more than nothing where something is computed",
      (value: number, place) => value <= last && (value > 0 || (value === 0 && owner<Slice>(place).tid !== COMPUTE)),
    ),
    ...under("slices[].args.", argumentFields(pass)),
    "slices[].args.bytes": MESSAGE_BYTES,
    ...(isExecuted
      ? {
          "slices[].args.interrupted": blank(
            "nothing else may have run",
            lost(({ dur }) => dur),
          ),
          "slices[].args.delayed": blank(
            "nothing else may have run",
            // Of a device's first action it may have begun before the trace.
            lost(() => last),
          ),
        }
      : {}),
    slices: that("each device's actions in the order of the plan", (value: readonly Slice[]) =>
      actionsAreThePlans(value, pass),
    ),
  };
}

/** Messages are received a stage further: activations up, gradients down. */
function travelled({ tid, args }: Slice): number {
  return STREAMS[tid - 1] === "receive" ? (args.action.includes("F") ? 1 : -1) : 0;
}

/** An arrow from the sending of a message to the action that uses it. */
function flowFields(trace: TraceDocument): FieldTable {
  const slices = eventsOf(trace, "X");
  const at = ({ pid, tid, ts }: Flow): Slice | undefined =>
    slices.find((each) => each.pid === pid && each.tid === tid && each.ts === ts);
  const either = (end: "start" | "end"): FieldTable => ({
    id: same(({ steps }) => (steps.at(-1) as number) + 1),
    cat: is("transfer"),
    name: oneOf(["activations", "gradients"]),
    pid: PID,
    tid: same(() => (end === "start" ? 1 + STREAMS.indexOf("send") : COMPUTE)),
    ts: all(
      above(0),
      that("where a slice begins", (_value, place) => at(owner<Flow>(place)) !== undefined),
    ),
    ph: is(end === "start" ? "s" : "f"),
  });
  return {
    ...under("flows[].start.", either("start")),
    ...under("flows[].end.", either("end")),
    "flows[].end.bp": is("e"),
    "flows[]": that(
      "from the action that sends to the one that uses",
      ({ start, end }: { readonly start: Flow; readonly end: Flow }) => {
        const [from, to] = [at(start)?.args, at(end)?.args];
        if (from === undefined || to === undefined || from.microBatch !== to.microBatch) return false;
        return start.ts <= end.ts && to.stage - from.stage === (start.name === "activations" ? 1 : -1);
      },
    ),
  };
}

function counterFields({ plan, metrics }: Pass, trace: TraceDocument, isExecuted: boolean): FieldTable {
  const counters = eventsOf(trace, "C");
  const peak = (pid: number): number =>
    Math.max(...counters.flatMap((event) => (event.pid === pid && "bytes" in event.args ? [event.args.bytes] : [])));
  const last = Math.max(...eventsOf(trace, "X").map(endOf));
  const jobOf = (name: string): string => name.replace(/^loss /, "");
  return {
    "memory[].ph": is("C"),
    "memory[].name": is("memory"),
    "memory[].pid": PID,
    "memory[].ts": within(0, last),
    "memory[].args.bytes": whole(1, 1e9),
    memory: that("as much at most as the plan has room for, and that once", () =>
      DEVICES.every((_, stage) => {
        const { total } = plan.setting.memory[stage]!;
        return isExecuted ? isPlannedPeak(peak(stage + 1), total) : peak(stage + 1) === total;
      }),
    ),
    ...(isExecuted
      ? {
          "losses[].ph": is("C"),
          "losses[].name": that("of a job", (value: string) => JOBS.some(({ name }) => value === `loss ${name}`)),
          "losses[].pid": is(DEVICES.length),
          "losses[].ts": above(0, last + ROUNDING),
          "losses[].args.loss": same((place) => {
            // The counters of a job are in the order of its steps.
            const all = owner<readonly { readonly name: string }[]>(place, 2);
            const own = all[place.steps.at(-1) as number]!;
            const step = all.filter(({ name }) => name === own.name).indexOf(own);
            return metrics.find((line) => line.job === jobOf(own.name) && line.step === step)!.loss;
          }),
        }
      : { losses: blank("nothing is computed", is([])) }),
  };
}

function nameFields(): FieldTable {
  type Name = Extract<ChromeEvent, { readonly ph: "M" }>;
  const tidOf = (name: Name): number | undefined => ("tid" in name ? name.tid : undefined);
  return {
    "names[].ph": is("M"),
    "names[].name": oneOf(["process_name", "process_sort_index", "thread_name", "thread_sort_index"]),
    "names[].pid": PID,
    "names[].tid": TID,
    "names[].args.name": same((place) => {
      const name = owner<Name>(place, 1);
      const tid = tidOf(name);
      return tid === undefined ? DEVICES[name.pid - 1] : STREAMS[tid - 1];
    }),
    "names[].args.sort_index": same((place) => {
      const name = owner<Name>(place, 1);
      const tid = tidOf(name);
      return tid === undefined ? name.pid - 1 : 100 * (tid - 1);
    }),
  };
}

/** What every trace has in common. */
function commonFields(pass: Pass, trace: TraceDocument, isExecuted: boolean): FieldTable {
  return {
    displayTimeUnit: is("ms"),
    "otherData.kind": is("trace"),
    "otherData.version": is(1),
    "otherData.source": is(isExecuted ? "executed" : "simulated"),
    "otherData.planHash": all(HASH, is(pass.plan.hash)),
    "otherData.calibrationHash": is(contentHash(pass.calibration)),
    "otherData.versions.loratwin": is(VERSION),
    ...nameFields(),
    ...sliceFields(pass, trace, isExecuted),
    ...flowFields(trace),
    ...counterFields(pass, trace, isExecuted),
  };
}

export function simulatedFields(pass: Pass): FieldTable {
  return { ...commonFields(pass, pass.simulated, false), ...under("otherData.intervals.", intervalFields()) };
}

/** Versions of what a run ran on. */
export function versionFields(): FieldTable {
  const { cpuModel, isa, onednn } = nativeInfo();
  return { node: is(process.version), onednn: is(onednn), isa: is(isa), cpu: is(cpuModel), loratwin: is(VERSION) };
}

/** Of a device in a run's `machine`: what its actions say, put together. */
function ranFields(trace: TraceDocument): FieldTable {
  const ofDevice = (place: Parameters<Check>[1]): readonly Slice[] =>
    eventsOf(trace, "X").filter(({ pid, tid }) => pid === (place.steps.at(-1) as number) + 1 && tid === COMPUTE);
  const sumOf = (slices: readonly Slice[], of: (slice: Slice) => number): number =>
    slices.reduce((sum, slice) => sum + of(slice), 0);
  return {
    name: same((place) => DEVICES[place.steps.at(-1) as number]),
    interrupted: blank(
      "nothing else may have run",
      near((place) => {
        const own = ofDevice(place);
        return sumOf(own, ({ args }) => args.interrupted ?? 0) / sumOf(own, ({ dur }) => dur);
      }, 1e-3),
    ),
    switches: blank("nothing else may have run", whole(0, 1e5)),
    "samples[]": that("when, FLOP/s and bytes/s", (value: readonly number[], place) => {
      const [seconds, product, copy] = value;
      const before = owner<readonly (readonly number[])[]>(place)[(place.steps.at(-1) as number) - 1];
      const isLater = before === undefined || before[0]! < seconds!;
      const last = Math.max(...eventsOf(trace, "X").map(endOf)) / 1e6;
      const isInTime = seconds! > -60 && seconds! < last + 1;
      return isLater && isInTime && FLOPS(product, place) === undefined && BYTES_PER_SECOND(copy, place) === undefined;
    }),
  };
}

export function executedFields(pass: Pass): FieldTable {
  const { executed, began, ended } = pass;
  const seconds = (ended - began) / 1e3;
  return {
    ...commonFields(pass, executed, true),
    ...under("otherData.versions.", versionFields()),
    ...under("otherData.machine.probes", probeFields([-seconds, seconds])),
    "otherData.machine.probes": that(
      "one before the first action and one after the last",
      (value: readonly { readonly atSeconds: number }[]) => {
        const last = Math.max(...eventsOf(executed, "X").map(endOf)) / 1e6;
        return value.length >= 2 && value[0]!.atSeconds < 0 && value.at(-1)!.atSeconds > last;
      },
    ),
    ...under("otherData.machine.devices[].", ranFields(executed)),
    ...under("otherData.machine.", systemFields()),
  };
}
