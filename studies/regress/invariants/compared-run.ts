import { groupBy, maximum } from "../../../core/index.ts";
import { COMPARISON_SCHEDULES } from "../../strategies/comparison-schedules.ts";
import type { GoldenRun, SeenAction } from "../golden-run.ts";
import type { Asked } from "./asked.ts";
import { inFlightOf, isLater, readActions } from "./planned-run.ts";

const BACKWARDS = ["B", "I"];
/** Collectives that bring weights to an action; others wait for it. */
const BEFORE = ["all-gather"];
/** Those of gradients: the update waits for them, and no action before it. */
const OF_GRADIENTS = ["ddp", "fsdp"];

/** Without the collective in front. */
function keyOf(name: string): string {
  return name.slice(name.lastIndexOf(" ") + 1);
}

/** Of ends by key, of a device's own where it has some, else of all. */
function endOf(ends: ReadonlyMap<string, ReadonlyMap<string, number>>, key: string, device: string): number {
  const byDevice = ends.get(key);
  return byDevice?.get(device) ?? maximum([...(byDevice?.values() ?? [Number.POSITIVE_INFINITY])]);
}

function endsByDevice(actions: readonly SeenAction[]): ReadonlyMap<string, ReadonlyMap<string, number>> {
  const ends = new Map<string, Map<string, number>>();
  for (const { name, device, endNs } of actions) {
    const key = keyOf(name);
    const own = ends.get(key) ?? new Map<string, number>();
    ends.set(key, own.set(device, Math.max(endNs, own.get(device) ?? 0)));
  }
  return ends;
}

/** Actions that start before what they need is there: the work before it, and what travels between. */
function early(actions: readonly SeenAction[], schedule: string | undefined): readonly string[] {
  // Stages are layers, or parts of a model.
  const computed = readActions(actions.filter(({ stream }) => stream === "compute"));
  const travels = actions.filter(({ stream }) => stream !== "compute");
  const [made, arrived, gathered] = [
    endsByDevice(computed),
    endsByDevice(travels.filter(({ kind }) => !BEFORE.includes(kind))),
    endsByDevice(travels.filter(({ kind }) => BEFORE.includes(kind))),
  ];
  const isGradients = OF_GRADIENTS.includes(schedule ?? "");
  const lastStage = maximum(computed.map(({ stage }) => stage));
  for (const { name, device, stage, letter, microBatch, startNs } of computed) {
    const isBackward = BACKWARDS.includes(letter);
    const source = `${stage + (isBackward ? 1 : -1)}${letter}${microBatch}`;
    const needed = [
      ...(letter === "F" && stage > 0 ? [source] : []),
      ...(isBackward ? [`${stage}F${microBatch}`, ...(stage < lastStage ? [source] : [])] : []),
      ...(letter === "W" ? [`${stage}I${microBatch}`] : []),
    ];
    for (const key of needed) {
      if (isLater(endOf(made, key, device), startNs)) return [`${name} starts before ${key} has ended on ${device}`];
      // Of its own forward nothing travels to it.
      if (key !== source || isGradients || !arrived.has(key)) continue;
      if (isLater(endOf(arrived, key, device), startNs))
        return [`${name} starts before what ${key} sends has arrived on ${device}`];
    }
    if (gathered.has(name) && isLater(endOf(gathered, name, device), startNs))
      return [`${name} starts before its weights are there on ${device}`];
  }
  const sentEarly = travels.find(
    ({ name, kind, device, startNs }) =>
      !BEFORE.includes(kind) && made.has(keyOf(name)) && isLater(endOf(made, keyOf(name), device), startNs),
  );
  return sentEarly === undefined ? [] : [`${sentEarly.name} travels before it is there`];
}

/** Updates before the step's work is done and its gradients are there, and steps before the update of the one before. */
function outOfStep(actions: readonly SeenAction[], schedule: string | undefined): readonly string[] {
  const isGradients = OF_GRADIENTS.includes(schedule ?? "");
  const stepOf = ({ device, jobs, step }: SeenAction, back = 0): string => `${device} ${jobs.join()} ${step - back}`;
  const [worked, updated] = [new Map<string, number>(), new Map<string, number>()];
  for (const action of readActions(actions)) {
    const isGradient = action.stream !== "compute" && isGradients && !BEFORE.includes(action.kind);
    const isBackward = action.stream === "compute" && [...BACKWARDS, "W"].includes(action.letter);
    const ends = isGradient || isBackward ? worked : action.letter === "U" ? updated : undefined;
    ends?.set(stepOf(action), Math.max(action.endNs, ends.get(stepOf(action)) ?? 0));
  }
  for (const action of readActions(actions.filter(({ stream }) => stream === "compute"))) {
    const needed =
      action.letter === "U"
        ? worked.get(stepOf(action))
        : action.letter === "F" && action.step > 0
          ? updated.get(stepOf(action, 1))
          : 0;
    if (isLater(needed ?? Number.POSITIVE_INFINITY, action.startNs))
      return [
        `${action.name} starts before ${action.letter === "U" ? "its step's work" : "the step before"} is done on ${action.device}`,
      ];
  }
  return [];
}

/** Memory that is not given back, and more than is told or than the device has. */
function memoryFaults({ memory, metrics }: GoldenRun, { machines }: Asked): readonly string[] {
  const told = new Map((metrics!.devices ?? []).map(({ name, peakMemoryBytes }) => [name, peakMemoryBytes]));
  for (const [device, own] of groupBy(memory, (sample) => sample.device)) {
    const most = maximum(own.map(({ bytes }) => bytes));
    const limit = told.get(device);
    if (limit !== undefined && most > limit) return [`${device} holds ${most} bytes, and is told to hold ${limit}`];
    if (own.at(-1)!.bytes !== own[0]!.bytes) return [`memory of ${device} is not given back at the end`];
    const has = machines?.memoryBytes.get(device);
    if (has !== undefined && (limit ?? most) > has) return [`${device} holds ${limit} bytes, and has ${has}`];
  }
  return [];
}

/** Bytes of a collective that leave a device at least, as a share of what it is of; n: devices. */
const SHARES: Readonly<Record<string, (n: number) => number>> = {
  "all-reduce": (n) => (2 * (n - 1)) / n,
  "all-gather": (n) => (n - 1) / n,
  "reduce-scatter": (n) => (n - 1) / n,
};

/** Messages that are looked at behind each. */
const LOOKED_AT = 60;

/** A link that all share, over which more goes in some time than it carries. */
function overfullLink({ actions }: GoldenRun, { machines }: Asked): readonly string[] {
  const bytesPerSecond = machines?.sharedBytesPerSecond;
  if (bytesPerSecond === undefined) return [];
  const numDevices = new Set(actions.map(({ device }) => device)).size;
  const sent = actions
    .filter(({ stream }) => stream.startsWith("send"))
    .map(({ kind, name, bytes, startNs, endNs }) => {
      return { name, bytes: bytes * (SHARES[kind]?.(numDevices) ?? 1), startNs, endNs };
    });
  // Windows between a start and an end: what lies in one whole.
  const byStart = [...sent].sort((a, b) => a.startNs - b.startNs);
  for (const [at, first] of byStart.entries()) {
    const near = byStart.slice(at, at + LOOKED_AT).sort((a, b) => a.endNs - b.endNs);
    let bytes = 0;
    for (const [count, message] of near.entries()) {
      bytes += message.bytes;
      const room = ((message.endNs - first.startNs + 2 * (count + 1)) * bytesPerSecond) / 1e9;
      if (bytes > room * (1 + 1e-6))
        return [
          `the link carries ${Math.ceil(bytes)} bytes from ${first.name} to ${message.name}, in time for ${Math.floor(room)}`,
        ];
    }
  }
  return [];
}

/** Micro-batches between the forward and the backward of one stage, where the schedule has a limit: ZB-H1 has that of 1F1B. */
function tooManyInFlight({ actions }: GoldenRun, { schedule }: Asked): readonly string[] {
  if (schedule !== "zb-h1") return [];
  const computed = readActions(actions.filter(({ stream }) => stream === "compute"));
  const numDevices = new Set(computed.map(({ device }) => device)).size;
  for (const [stage, own] of groupBy(computed, (action) => action.stage)) {
    const last = own.some(({ letter }) => letter === "W") ? ["W"] : BACKWARDS;
    const most = inFlightOf(own, last);
    const limit = numDevices - stage;
    if (most > limit) return [`${most} micro-batches are in flight on stage ${stage}, where ${limit} may be`];
  }
  return [];
}

/** Tokens that are told, and are not of rows that are asked for; and rates that do not follow. */
function wrongTokens({ metrics }: GoldenRun, { names, jobOf }: Asked): readonly string[] {
  const { tokens, tokensPerSecond, makespanSeconds } = metrics!;
  if (tokens === undefined) return [];
  if (Math.abs(tokens - tokensPerSecond * makespanSeconds) > 1e-6 * tokens)
    return [`${tokensPerSecond} tokens/s are told, and ${tokens / makespanSeconds} follow`];
  let [least, most] = [0, 0];
  for (const name of names) {
    const { steps, batchSize, rowTokens } = jobOf(name)!;
    if (steps === undefined || batchSize === undefined || rowTokens === undefined) return [];
    least += steps * batchSize * rowTokens[0];
    most += steps * batchSize * rowTokens[1];
  }
  if (names.length === 0 || (tokens >= least && tokens <= most)) return [];
  return [`${tokens} tokens are told, and ${least} to ${most} are asked for`];
}

/** What is wrong by its trace with a run of a schedule that is simulated only; nothing of another one. */
export function comparedFaults(run: GoldenRun, asked: Asked): readonly string[] {
  if (COMPARISON_SCHEDULES.every((schedule) => schedule !== asked.schedule)) return [];
  return [
    ...early(run.actions, asked.schedule),
    ...outOfStep(run.actions, asked.schedule),
    ...tooManyInFlight(run, asked),
    ...memoryFaults(run, asked),
    ...overfullLink(run, asked),
    ...wrongTokens(run, asked),
  ];
}
