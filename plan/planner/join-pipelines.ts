import { InvariantError } from "../../core/index.ts";
import { type Action, formatAction, parseAction } from "../actions/action.ts";
import type { PlanBody } from "../documents/plan.ts";
import type { MicroBatch, PlannedJob } from "../documents/segment.ts";
import { countedOnce } from "../memory/shared-weights.ts";

/** A plan of one pipeline for some of the jobs. */
export interface PipelinePart {
  readonly body: PlanBody;
  /** Its jobs as indices into the list of all jobs, ascending: `body.jobs[i]` is job `jobs[i]`. */
  readonly jobs: readonly number[];
}

/** Where a part's numbers begin or go in the whole plan. */
interface Placed extends PipelinePart {
  readonly firstStage: number;
  readonly firstDevice: number;
  readonly firstGroup: number;
  /** By the part's own number. */
  readonly microBatches: number[];
}

function checkParts(parts: readonly PipelinePart[]): void {
  const [first] = parts;
  const jobs = parts.flatMap((part) => part.jobs).sort((a, b) => a - b);
  if (first === undefined || jobs.some((job, i) => job !== i))
    throw new InvariantError({ expected: "each job in one part", got: jobs });
  for (const { body, jobs: own } of parts) {
    const isAscending = own.every((job, i) => i === 0 || job > own[i - 1]!);
    if (body.pipelines.length !== 1 || body.jobs.length !== own.length || !isAscending)
      throw new InvariantError({ expected: "parts of one pipeline with their jobs in ascending order", got: own });
    if (body.schedule !== first.body.schedule || body.calibrationHash !== first.body.calibrationHash)
      throw new InvariantError({ expected: "parts that were asked for with the same options", got: body.schedule });
  }
}

function place(parts: readonly PipelinePart[]): readonly Placed[] {
  let [firstStage, firstDevice, firstGroup] = [0, 0, 0];
  return parts.map((part) => {
    const placed = { ...part, firstStage, firstDevice, firstGroup, microBatches: [] };
    firstStage += part.body.stages.length;
    firstDevice += part.body.devices.length;
    firstGroup += part.body.groups.length;
    return placed;
  });
}

/**
 * All micro-batches, step by step and in each step part by part, each part's in its own order. Fills in where each
 * went.
 */
function joinMicroBatches(parts: readonly Placed[]): MicroBatch[] {
  const joined: MicroBatch[] = [];
  const next = parts.map(() => 0);
  const stepOf = (part: number): number =>
    parts[part]!.body.microBatches[next[part]!]?.step ?? Number.POSITIVE_INFINITY;
  for (;;) {
    let chosen = 0;
    for (let part = 1; part < parts.length; part += 1) if (stepOf(part) < stepOf(chosen)) chosen = part;
    const step = stepOf(chosen);
    if (step === Number.POSITIVE_INFINITY) return joined;
    const { body, jobs, firstGroup, microBatches } = parts[chosen]!;
    while (stepOf(chosen) === step) {
      const own = body.microBatches[next[chosen]!]!;
      const index = joined.length;
      microBatches[own.index] = index;
      const rows = own.rows.map(([job, ...row]): MicroBatch["rows"][number] => [jobs[job]!, ...row]);
      const after = own.after.map((other) => microBatches[other]!);
      joined.push({ ...own, index, group: firstGroup + own.group, after, rows });
      next[chosen]! += 1;
    }
  }
}

function joinJobs(parts: readonly Placed[]): PlannedJob[] {
  const joined: PlannedJob[] = [];
  for (const { body, jobs } of parts)
    body.jobs.forEach((job, i) => {
      joined[jobs[i]!] = job;
    });
  return joined;
}

/**
 * Plans of one pipeline each as one plan. Stages, devices and groups are numbered part by part, jobs as in the list of
 * all, micro-batches by step; the plan of one part is that part. Weights that devices of one memory share are counted
 * once. Its prediction is left open.
 */
export function joinPipelines(parts: readonly PipelinePart[]): PlanBody {
  checkParts(parts);
  if (parts.length === 1) return { ...parts[0]!.body, memory: countedOnce(parts[0]!.body) };
  const placed = place(parts);
  const bodies = parts.map(({ body }) => body);
  const microBatches = joinMicroBatches(placed);
  const moved = ({ firstStage, microBatches: places }: Placed, { stage, letter, microBatch }: Action): Action => ({
    stage: firstStage + stage,
    letter,
    microBatch: places[microBatch]!,
  });
  const joined: PlanBody = {
    ...bodies[0]!,
    maxInFlight: bodies.every(({ maxInFlight }) => maxInFlight === null)
      ? null
      : bodies.flatMap(({ maxInFlight, stages }) => maxInFlight ?? stages.map(() => null)),
    devices: bodies.flatMap(({ devices }) => devices),
    links: bodies.flatMap(({ links }, part) => (part === 0 ? links : [null, ...links])),
    stages: placed.flatMap(({ body, firstStage, firstDevice }) =>
      body.stages.map((stage) => ({ ...stage, index: firstStage + stage.index, device: firstDevice + stage.device })),
    ),
    pipelines: placed.map(({ body, firstStage }) => ({
      firstStage,
      endStage: firstStage + body.stages.length,
      room: body.pipelines[0]!.room,
    })),
    jobs: joinJobs(placed),
    groups: placed.flatMap(({ body, jobs }, pipeline) =>
      body.groups.map(({ members }) => ({
        pipeline,
        members: members.map((member) => ({ ...member, job: jobs[member.job]! })),
      })),
    ),
    microBatches,
    actions: placed.flatMap((part) =>
      part.body.actions.map((keys) => keys.map((key) => formatAction(moved(part, parseAction(key))))),
    ),
    buffers: bodies.flatMap(({ buffers }) => buffers),
    memory: bodies.flatMap(({ memory }) => memory),
    predicted: null,
  };
  return { ...joined, memory: countedOnce(joined) };
}
