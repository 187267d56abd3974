import { adapterParameters } from "../costs/adapter-parameters.ts";
import { largestRanks } from "../documents/adapter-sites.ts";
import type { Setting } from "../documents/setting.ts";
import { adapterBytesOn, roomForAdapters } from "../growth/adapter-shares.ts";
import type { MemoryFits } from "../memory/fitted-memory.ts";
import { type MemoryTerms, memoryTerms } from "../memory/memory-terms.ts";
import { microBatchUnits, UNIT_ROWS } from "../memory/stash.ts";
import type { FleetJob } from "./fleet-job.ts";
import type { FleetWork } from "./fleet-work.ts";
import { workFacts } from "./work-facts.ts";

/** What jobs take of the devices of a setting's stages. */
export interface JobSizes {
  /** Bytes that a stage's device has for jobs. */
  room(stage: number): number;
  /** Bytes of it that are kept for a job, or would be. */
  bytesOn(stage: number, job: FleetJob): number;
  /** Jobs of one kind take the same. */
  kindOf(job: FleetJob): string;
  /** What of sizes changes as jobs are measured; absent where they are what is planned. */
  readonly learning?: LearningSizes;
}

/** Sizes by what was measured so far. */
export interface LearningSizes {
  readonly fits: MemoryFits;
  /** The sizes where other points were measured. */
  withFits(fits: MemoryFits): JobSizes;
  /** With what a job was seen to take of each device of its pipeline. */
  learn(job: FleetJob, bytes: readonly number[]): JobSizes;
  /** Bytes of a stage's device that a job is predicted to take, with nothing beside. */
  expected(stage: number, job: FleetJob): number;
}

/** By job and stage, computed once. */
export function remembered<Value>(compute: (stage: number, number: number) => Value) {
  const known = new Map<string, Value>();
  return (stage: number, number: number): Value => {
    const key = `${stage} ${number}`;
    const value = known.get(key) ?? compute(stage, number);
    known.set(key, value);
    return value;
  };
}

/** Adapters that take the same: by stage. */
interface AdapterKind {
  readonly name: string;
  readonly bytes: readonly number[];
}

/** Adapters, gradients and moments, within the room that the setting has for them. */
export function plannedSizes(setting: Setting, works: readonly FleetWork[]): JobSizes {
  const room = setting.stages.map((_, stage) => roomForAdapters(setting, stage));
  const kinds = new Map<string, AdapterKind>();
  const known: (AdapterKind | undefined)[] = [];
  const kindOf = (number: number): AdapterKind => {
    const before = known[number];
    if (before !== undefined) return before;
    const { job } = works[number]!;
    const { rank, targets, rankPattern = {} } = job.adapter;
    const name = [rank, targets.join(), ...Object.entries(rankPattern).flat()].join(" ");
    const bytes = (): readonly number[] => setting.stages.map((_, stage) => adapterBytesOn(setting, stage, job));
    const kind = kinds.get(name) ?? { name, bytes: bytes() };
    kinds.set(name, kind);
    known[number] = kind;
    return kind;
  };
  return {
    room: (stage) => room[stage]!,
    bytesOn: (stage, { number }) => kindOf(number).bytes[stage]!,
    kindOf: ({ number }) => kindOf(number).name,
  };
}

/** The terms of a job that is alone on a stage, at its largest. `planned`: bytes that it is thought to take. */
export function jobTerms(setting: Setting, index: number, work: FleetWork, planned: number): MemoryTerms {
  const { job } = work;
  const stage = setting.stages[index]!;
  const { sizes, longestRow, numParts, largest } = workFacts(work);
  const atOnce = Math.min(numParts, setting.maxInFlight?.[index] ?? Infinity);
  return memoryTerms({
    stage,
    room: {
      maxTokens: sizes.maxTokens,
      maxSequence: longestRow,
      ranks: largestRanks(job.adapter, setting.model.architecture),
    },
    planned,
    parameters: adapterParameters(setting.model.architecture, stage, job),
    inFlight: UNIT_ROWS * microBatchUnits({ rows: [...largest] }) * atOnce,
    // Buffers are the setting's, whoever trains.
    messages: 0,
  });
}
