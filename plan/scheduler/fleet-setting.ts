import { canonicalJson, maximum, PlanError } from "../../core/index.ts";
import { edgeDtypes } from "../actions/message-bytes.ts";
import { roomOf } from "../actions/pipelines.ts";
import { settingOf } from "../actions/segments.ts";
import type { PlanBody } from "../documents/plan.ts";
import { PROJECTIONS } from "../documents/projections.ts";
import type { PlannedJob } from "../documents/segment.ts";
import type { Room, Setting } from "../documents/setting.ts";
import type { WorkSizes } from "../growth/check-room.ts";
import { adapterBytes, memoryTable, stageMemory } from "../memory/memory-model.ts";
import { countedOnce } from "../memory/shared-weights.ts";
import { stageUnits } from "../memory/stage-units.ts";
import { UNIT_ROWS } from "../memory/stash.ts";
import type { FleetWork } from "./fleet-work.ts";
import { workFacts } from "./work-facts.ts";

/** Adapters that a pipeline has room for at most, where nobody says how many jobs train at once and memory is large. */
const MOST_ADAPTERS = 64;

/** Jobs that may share a micro-batch, even where the plan has fewer. */
const SHARED = 8;

/** What of a device's free memory adapters may take: the rest is for what no model of memory knows. */
const SHARE = 0.95;

const NOTHING = { maxTokens: 0, maxSequence: 0 } as const;

/** The first of the jobs whose adapters are the same. */
function adapterKinds(jobs: readonly PlannedJob[]): readonly PlannedJob[] {
  const kinds = new Map<string, PlannedJob>();
  for (const job of jobs) {
    const name = canonicalJson({ ...job.adapter, init: null });
    if (!kinds.has(name)) kinds.set(name, job);
  }
  return [...kinds.values()];
}

/** The room that some work needs, of all of it or of what is the most in it. */
function unionOf(rooms: readonly (Room | WorkSizes)[]): Room {
  const ranks: Room["ranks"] = {};
  const whole = rooms.filter((room) => "ranks" in room);
  for (const room of whole)
    for (const [projection, rank] of Object.entries(room.ranks) as [keyof Room["ranks"], number][])
      ranks[projection] = Math.max(rank, ranks[projection] ?? 0);
  const dora = PROJECTIONS.filter((projection) => whole.some((room) => room.dora?.includes(projection) === true));
  const samples = rooms.flatMap(({ sample }) => sample ?? []);
  return {
    maxTokens: maximum(rooms.map(({ maxTokens }) => maxTokens)),
    maxSequence: maximum(rooms.map(({ maxSequence }) => maxSequence)),
    maxJobs: maximum(whole.map(({ maxJobs }) => maxJobs)),
    ranks,
    ...(dora.length === 0 ? {} : { dora }),
    ...(samples.length === 0
      ? {}
      : {
          sample: {
            sequences: maximum(samples.map(({ sequences }) => sequences)),
            tokens: maximum(samples.map(({ tokens }) => tokens)),
          },
        }),
  };
}

/**
 * The setting of a fleet whose jobs come and go, from a plan in which all of them are there from the start: every
 * pipeline has room for the micro-batches and the adapter of any of the jobs, as many micro-batches in flight as it has
 * stages, and as many adapters as memory leaves room for, up to `jobsAtOnce`. `works`: those of all jobs, where the plan
 * has some steps of a few of them.
 * @throws PlanError with the memory of every stage where a device has too little for that
 */
export function fleetSetting(
  body: PlanBody,
  {
    jobsAtOnce = MOST_ADAPTERS,
    works = [],
  }: { readonly jobsAtOnce?: number; readonly works?: readonly FleetWork[] } = {},
): Setting {
  const jobs = adapterKinds([...body.jobs, ...works.map(({ job }) => job)]);
  const union = unionOf([
    ...body.pipelines.map((pipeline) => pipeline.room),
    ...new Set(works.map((work) => workFacts(work).sizes)),
    { ...roomOf(body.model.architecture, jobs, NOTHING), maxJobs: 1 },
  ]);
  const room = { ...union, maxJobs: Math.max(union.maxJobs, Math.min(jobsAtOnce, SHARED)) };
  const pipelines = body.pipelines.map((pipeline) => ({ ...pipeline, room }));
  const wider: Setting = { ...settingOf(body), pipelines, maxInFlight: null, slots: "first-fit" };
  const { architecture, dtype } = body.model;
  const unitsBefore = stageUnits(settingOf(body));
  const depthOf = (stage: number): number => pipelines.find(({ endStage }) => stage < endStage)!.endStage - stage;
  const bare = body.stages.map((stage, index) => {
    const { kind, threads } = body.devices[stage.device]!;
    const edges = edgeDtypes(body, index);
    const stashUnits = Math.max(unitsBefore[index]!, depthOf(index) * Math.ceil(room.maxTokens / UNIT_ROWS));
    const buffers = body.buffers[index]!;
    return stageMemory({ architecture, stage, dtype, edges, room, residents: [], kind, threads, stashUnits, buffers });
  });
  const counted = countedOnce({ ...wider, memory: bare });
  const memory = counted.map((own, index) => {
    const stage = body.stages[index]!;
    const device = body.devices[stage.device]!;
    const bytes = jobs.map((job) => adapterBytes({ architecture, stage, kind: device.kind }, job));
    const { graphs } = body.memory[index]!;
    const free = (device.memoryBytes ?? Number.POSITIVE_INFINITY) - own.total - (graphs ?? 0);
    const [largest, wanted] = [maximum(bytes), jobsAtOnce * maximum(bytes)];
    const all = Math.floor(Math.min(wanted, Math.max(largest, SHARE * free)));
    const optimizer = Math.floor(all * (device.kind === "cuda" ? 8 / 18 : 1 / 2));
    const total = own.total + all;
    return { ...own, adapters: all - optimizer, optimizer, total, ...(graphs === undefined ? {} : { graphs }) };
  });
  const rows = memory.map((own, index) => {
    const { name, memoryBytes } = body.devices[body.stages[index]!.device]!;
    return { device: name, memory: own, capacity: memoryBytes };
  });
  if (rows.some(({ memory: { total }, capacity }) => capacity !== null && total > capacity))
    throw new PlanError({
      expected: "room for the largest micro-batch and adapter of any job on every pipeline",
      got: "too little memory",
      detail: memoryTable(rows),
    });
  return { ...wider, memory };
}
