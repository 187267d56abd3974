import { groupBy, maximum } from "../../../core/index.ts";
import type { MicroBatch, PlanDocument, Work } from "../../../plan/index.ts";
import type { GoldenRun, SeenAction } from "../golden-run.ts";
import type { Asked } from "./asked.ts";

/** An action of a planned run, with what its name says. */
export interface PlannedAction extends SeenAction {
  readonly stage: number;
  readonly letter: string;
  readonly microBatch: number;
}

/** A plan and what became of it, as the checks read them: from documents alone. */
export interface PlannedRun {
  readonly document: PlanDocument;
  /** Of all segments. */
  readonly jobs: Work["jobs"];
  readonly groups: Work["groups"];
  readonly microBatches: readonly MicroBatch[];
  readonly computed: readonly PlannedAction[];
  /** Each message once: as its sender has it. */
  readonly transfers: readonly PlannedAction[];
  readonly actionAt: ReadonlyMap<string, PlannedAction>;
  /** The first stage of a stage's pipeline, and whether a stage is the last of its own. */
  firstStageOf(stage: number): number;
  isLast(stage: number): boolean;
}

/** `2F0`, and of a collective its name in front; I and W: backwards in halves, of schedules that are simulated only. */
const NAME = /^(?:[a-z-]+ )?(\d+)([FBUEIW])(\d+)$/;

/** An action with what its name says; undefined of a name that says nothing. */
export function readAction(action: SeenAction): PlannedAction | undefined {
  const [, stage, letter, microBatch] = NAME.exec(action.name) ?? [];
  return letter === undefined ? undefined : { ...action, stage: Number(stage), letter, microBatch: Number(microBatch) };
}

/** Those of some actions whose names can be read. */
export function readActions(actions: readonly SeenAction[]): readonly PlannedAction[] {
  return actions.flatMap((action) => readAction(action) ?? []);
}

/** Undefined of a run without a plan. */
export function plannedRun({ document, actions }: GoldenRun): PlannedRun | undefined {
  if (document === null || actions.length === 0) return undefined;
  const { pipelines } = document.setting;
  const computed = readActions(actions.filter(({ stream }) => stream === "compute"));
  const pipelineOf = (stage: number) =>
    pipelines.find(({ firstStage, endStage }) => firstStage <= stage && stage < endStage)!;
  return {
    document,
    jobs: document.segments.flatMap(({ jobs }) => jobs),
    groups: document.segments.flatMap(({ groups }) => groups),
    microBatches: document.segments.flatMap(({ microBatches }) => microBatches),
    computed,
    transfers: readActions(actions.filter(({ stream }) => stream.startsWith("send"))),
    actionAt: new Map(computed.map((action) => [action.name, action])),
    firstStageOf: (stage) => pipelineOf(stage).firstStage,
    isLast: (stage) => pipelineOf(stage).endStage === stage + 1,
  };
}

/** Whole nanoseconds that are rounded on the way through a trace. */
const ROUNDED_NS = 2;

export const isLater = (a: number, b: number): boolean => a > b + ROUNDED_NS;

/** Actions that start before what they need has come. */
function early({ computed, transfers, actionAt, firstStageOf, isLast }: PlannedRun): readonly string[] {
  const sent = new Map(transfers.map((transfer) => [transfer.name, transfer]));
  for (const { name, stage, letter, microBatch, startNs } of computed) {
    if (letter === "U") continue;
    if (letter === "B") {
      const forward = actionAt.get(`${stage}F${microBatch}`);
      if (forward === undefined || isLater(forward.endNs, startNs))
        return [`${name} starts before its own forward ends`];
    }
    const from = letter === "B" ? stage + 1 : stage - 1;
    if (letter === "B" ? isLast(stage) : firstStageOf(stage) === stage) continue;
    const source = `${from}${letter}${microBatch}`;
    const made = actionAt.get(source);
    const message = sent.get(source);
    if (made === undefined || isLater(made.endNs, startNs)) return [`${name} starts before ${source} has ended`];
    if (message === undefined) continue;
    if (isLater(made.endNs, message.startNs)) return [`the message of ${source} leaves before it is there`];
    if (isLater(message.endNs, startNs)) return [`${name} starts before the message of ${source} has arrived`];
  }
  return [];
}

/** Whether an update of a group's step needs the gradient norm over all stages. */
function clips({ jobs, groups }: PlannedRun, group: number, step: number): boolean {
  const { members } = groups[group]!;
  return members.some(
    ({ job, firstStep, endStep }) => step < endStep - firstStep && jobs[job]!.optimizer.maxGradNorm !== undefined,
  );
}

/**
 * Steps that begin before the one before them is done: backwards on the first stage, and each stage's update; and updates
 * that clip before all stages have ended their backwards.
 */
function outOfStep(planned: PlannedRun): readonly string[] {
  const { computed, microBatches, document, firstStageOf } = planned;
  const key = (stage: number, group: number, step: number): string => `${stage} ${group} ${step}`;
  const [backwardsEnd, updatesEnd] = [new Map<string, number>(), new Map<string, number>()];
  for (const { stage, letter, microBatch, endNs } of computed) {
    const { group, step } = microBatches[microBatch]!;
    const ends = letter === "B" ? backwardsEnd : letter === "U" ? updatesEnd : undefined;
    ends?.set(key(stage, group, step), Math.max(endNs, ends.get(key(stage, group, step)) ?? 0));
  }
  for (const { name, stage, letter, microBatch, startNs } of computed) {
    const { group, step } = microBatches[microBatch]!;
    const stages = clips(planned, group, step)
      ? document.setting.stages.flatMap(({ index }) => (firstStageOf(index) === firstStageOf(stage) ? [index] : []))
      : [stage];
    const needed =
      letter === "U"
        ? Math.max(...stages.map((each) => backwardsEnd.get(key(each, group, step)) ?? Number.POSITIVE_INFINITY))
        : letter === "E"
          ? updatesEnd.get(key(stage, group, step))
          : letter === "F" && step > 0
            ? Math.max(
                updatesEnd.get(key(stage, group, step - 1)) ?? Number.POSITIVE_INFINITY,
                stage === firstStageOf(stage) ? backwardsEnd.get(key(stage, group, step - 1))! : 0,
              )
            : 0;
    if (needed === undefined || isLater(needed, startNs))
      return [
        `${name} starts before ${letter === "U" || letter === "E" ? "its step's work" : "the step before"} is done`,
      ];
  }
  return [];
}

/** The most micro-batches of a stage between the start of their forward and the end of their last action. */
export function inFlightOf(own: readonly PlannedAction[], last: readonly string[] = ["B"]): number {
  const moves = own.flatMap(({ letter, startNs, endNs }): readonly (readonly [number, number])[] =>
    letter === "F" ? [[startNs, 1]] : last.includes(letter) ? [[endNs, -1]] : [],
  );
  moves.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let [now, most] = [0, 0];
  for (const [, by] of moves) {
    now += by;
    most = Math.max(most, now);
  }
  return most;
}

function tooManyInFlight({ computed, document }: PlannedRun, asked: number | undefined): readonly string[] {
  for (const [stage, own] of groupBy(computed, (action) => action.stage)) {
    const most = inFlightOf(own);
    const planned = document.setting.maxInFlight?.[stage] ?? undefined;
    const limit = Math.min(planned ?? Number.POSITIVE_INFINITY, asked ?? Number.POSITIVE_INFINITY);
    if (most > limit)
      return [
        `${most} micro-batches are in flight on stage ${stage}, where ${limit} may be${most > (asked ?? most) ? ", as is asked for" : ""}`,
      ];
  }
  return [];
}

/** Jobs of a pipeline that train at once, from their first forward to their last backward on its first stage. */
function tooManyJobs(planned: PlannedRun, asked: number | undefined): readonly string[] {
  if (asked === undefined) return [];
  const { computed, microBatches, jobs, firstStageOf } = planned;
  const spans = new Map<string, { readonly stage: number; readonly job: string; startNs: number; endNs: number }>();
  for (const { stage, letter, microBatch, startNs, endNs } of computed) {
    if (stage !== firstStageOf(stage) || (letter !== "F" && letter !== "B")) continue;
    for (const number of new Set(microBatches[microBatch]!.rows.map((row) => row[0]))) {
      const job = jobs[number]!.name;
      const span = spans.get(job) ?? { stage, job, startNs, endNs };
      spans.set(job, { ...span, startNs: Math.min(span.startNs, startNs), endNs: Math.max(span.endNs, endNs) });
    }
  }
  for (const [, own] of groupBy([...spans.values()], ({ stage }) => stage))
    for (const { startNs } of own) {
      const there = own.filter((span) => span.startNs <= startNs && startNs < span.endNs);
      if (there.length > asked) return [`${there.map(({ job }) => job).join(", ")} train at once, where ${asked} may`];
    }
  return [];
}

/** Devices with more than they have, or than is planned, and memory that is not given back. */
function memoryFaults({ memory }: GoldenRun, { document }: PlannedRun): readonly string[] {
  const { stages, devices, memory: planned } = document.setting;
  const samples = groupBy(memory, ({ device }) => device);
  return stages.flatMap(({ device }, stage) => {
    const { name, memoryBytes } = devices[device]!;
    const { total, activations } = planned[stage]!;
    if (memoryBytes !== null && total > memoryBytes)
      return [`${name} is to hold ${total} bytes, and has ${memoryBytes}`];
    const own = (samples.get(name) ?? []).map(({ bytes }) => bytes);
    if (own.length === 0) return [];
    if (maximum(own) > total) return [`${name} holds more at a time than the ${total} bytes that are planned`];
    return own.at(-1) === total - activations ? [] : [`memory of ${name} is not given back at the end`];
  });
}

/** Figures that do not follow from the actions. */
function wrongFigures({ metrics }: GoldenRun, { computed, microBatches }: PlannedRun): readonly string[] {
  const { makespanSeconds, tokensPerSecond, tokens, devices = [] } = metrics!;
  const isOther = (told: number, found: number): boolean => Math.abs(told - found) > 1e-6 * Math.max(found, 1e-6);
  const end = maximum(computed.map(({ endNs }) => endNs)) / 1e9;
  if (isOther(makespanSeconds, end))
    return [`the time that is told, ${makespanSeconds} s, is not that of the last action, ${end} s`];
  const trained = microBatches
    .filter(({ evaluation }) => evaluation !== true)
    .reduce((total, { rows }) => total + rows.reduce((own, row) => own + row[2], 0), 0);
  if (tokens !== undefined && tokens !== trained) return [`${tokens} tokens are told, and ${trained} are in the plan`];
  if (isOther(tokensPerSecond, trained / end))
    return [`${tokensPerSecond} tokens/s are told, and ${trained / end} follow`];
  for (const { name, busySeconds } of devices) {
    const busy =
      computed.reduce((total, { device, startNs, endNs }) => total + (device === name ? endNs - startNs : 0), 0) / 1e9;
    if (busySeconds !== undefined && Math.abs(busy - busySeconds) > 1e-6 * computed.length)
      return [`${name} is said to work ${busySeconds} s, and its actions take ${busy} s`];
  }
  return [];
}

/** What of a planned run is wrong by its plan and its trace. Jobs over time have figures and limits of their own. */
export function plannedFaults(
  run: GoldenRun,
  planned: PlannedRun,
  { maxInFlight, jobsAtOnce }: Asked,
): readonly string[] {
  return [
    ...early(planned),
    ...outOfStep(planned),
    ...tooManyInFlight(planned, maxInFlight),
    ...(run.journal.length > 0 ? [] : tooManyJobs(planned, jobsAtOnce)),
    ...memoryFaults(run, planned),
    ...(run.journal.length > 0 ? [] : wrongFigures(run, planned)),
  ];
}
