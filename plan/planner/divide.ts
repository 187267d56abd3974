import { InputError, PlanError, sum } from "../../core/index.ts";
import { tokensOf } from "../actions/job-rows.ts";
import type { ResolvedLink } from "../documents/cluster.ts";
import { memoryName, shareableBytes } from "../memory/shared-weights.ts";
import { chains } from "./chains.ts";
import type { Costed, PlanRequest } from "./request.ts";

/** One pipeline's share of a request. */
export interface ChainRequest {
  readonly request: Costed;
  /** Indices into the jobs of the whole request. */
  readonly jobs: readonly number[];
}

/**
 * Why a job has to have the whole model on one device; undefined where it has not. An answer's tokens would go through
 * other stages one by one, and the gradients of rows that embedding and head share are on both ends of a pipeline.
 */
function needsOneDevice({ rows = [], jobs, architecture }: Whole, job: number): string | undefined {
  if (rows[job]?.sample !== undefined) return "has a sample, whose prompts are answered on one";
  return architecture.tiedEmbeddings && jobs[job]!.adapter.trainableTokens !== undefined
    ? "has trainableTokens, rows that this model's embedding and head share"
    : undefined;
}

type Whole = Pick<PlanRequest, "jobs" | "architecture"> & Partial<Pick<PlanRequest, "rows">>;

/** The first job that has to have the whole model on one device. */
function firstWhole(request: Whole): { readonly job: number; readonly why: string } | undefined {
  for (const job of request.jobs.keys()) {
    const why = needsOneDevice(request, job);
    if (why !== undefined) return { job, why };
  }
  return undefined;
}

/** Up to so many pipelines every number is worth a look; more of them are where they divide the devices evenly. */
const FEW_PIPELINES = 8;

/**
 * Numbers of pipelines worth a look, with a device and a job for each at least; where layers are given for each stage
 * of a pipeline, the one with as many stages. Those that divide the devices evenly are first.
 */
export function pipelineCounts({
  pipelines,
  devices,
  calibration,
  layersPerStage,
  ...request
}: Pick<PlanRequest, "pipelines" | "devices" | "calibration" | "layersPerStage"> & Whole): readonly number[] {
  const { jobs } = request;
  const most = Math.min(devices.length, jobs.length);
  if (pipelines === undefined) return [1];
  if (pipelines === "auto" && firstWhole(request) !== undefined) return [most];
  if (pipelines !== "auto") {
    if (pipelines > most)
      throw new InputError({
        expected: `at most ${most} pipelines for ${devices.length} devices and ${jobs.length} jobs`,
        at: "--pipelines",
        got: pipelines,
      });
    return [pipelines];
  }
  if (layersPerStage !== undefined) {
    const count = devices.length / layersPerStage.length;
    return [Number.isInteger(count) && count <= most ? count : 1];
  }
  // Times that do not depend on how many layers a stage has say nothing of other divisions.
  if (calibration.model === "constant") return [1];
  const counts = Array.from({ length: most }, (_, i) => i + 1);
  const isEven = (count: number): boolean => devices.length % count === 0;
  return [...counts.filter(isEven), ...counts.filter((count) => !isEven(count) && count <= FEW_PIPELINES)];
}

/** The heaviest job first, each to the pipeline with the least load for its devices; ties by index. */
function spreadJobs(loads: readonly number[], sizes: readonly number[]): readonly (readonly number[])[] {
  const shares = sizes.map((size) => ({ size, load: 0, jobs: [] as number[] }));
  const heaviestFirst = loads.map((_, job) => job).sort((a, b) => loads[b]! - loads[a]! || a - b);
  for (const job of heaviestFirst) {
    const after = ({ load, size }: (typeof shares)[number]): number => (load + loads[job]!) / size;
    const share = shares.reduce((best, each) => (after(each) < after(best) ? each : best));
    share.load += loads[job]!;
    share.jobs.push(job);
  }
  return shares.map(({ jobs }) => jobs.sort((a, b) => a - b));
}

/**
 * Chains that lie in one memory hold one copy of the base model together: each device may hold, beyond its own share of
 * the memory, what the copies that are not there leave. By chain and device.
 */
function allowances(request: Costed, parts: readonly (readonly number[])[]): readonly (readonly number[])[] {
  const { devices } = request;
  const memories = parts.map((own) => new Set(own.map((device) => memoryName(devices[device]!))));
  const memoryOf = memories.map((names) => (names.size === 1 ? [...names][0]! : undefined));
  return parts.map((own, pipeline) => {
    const name = memoryOf[pipeline];
    const beside = name === undefined ? 1 : memoryOf.filter((other) => other === name).length;
    if (beside === 1) return own.map(() => 0);
    const spared = shareableBytes(request, devices[own[0]!]!) * (1 - 1 / beside);
    const shares = own.map((device) => devices[device]!.memoryBytes ?? 1);
    return shares.map((bytes) => Math.floor((spared * bytes) / sum(shares)));
  });
}

/**
 * A request on no more devices than it has jobs where one needs the whole model on a device and the number of pipelines is
 * left open: each pipeline has one device then, and a job at least.
 */
export function onWholeDevices(request: PlanRequest): PlanRequest {
  const { pipelines, jobs, devices, links } = request;
  if (pipelines !== "auto" || devices.length <= jobs.length || firstWhole(request) === undefined) return request;
  return { ...request, devices: devices.slice(0, jobs.length), links: links.slice(0, jobs.length - 1) };
}

/** @throws PlanError for a longer pipeline of jobs of which one needs the whole model on a device */
export function checkWhole(request: PlanRequest, asked: Pick<PlanRequest, "devices" | "jobs">): void {
  const { devices, jobs } = request;
  const whole = firstWhole(request);
  if (whole === undefined || devices.length === 1) return;
  const leftOut = request.rows[whole.job]!.sample === undefined ? "trainableTokens" : "sample";
  const numDevices = asked.devices.length;
  const fewer = asked.devices.slice(0, asked.jobs.length).map(({ name }) => name);
  throw new PlanError({
    expected: `pipelines of one device, since job ${jobs[whole.job]!.name} ${whole.why},`,
    at: "--pipelines",
    got: `${devices.length} devices in a pipeline`,
    hint:
      asked.jobs.length < numDevices
        ? `Each pipeline needs a job: use ${asked.jobs.length === 1 ? "one device" : `${asked.jobs.length} devices`} (--devices ${fewer.join(",")}), or leave \`${leftOut}\` out.`
        : `Use \`--pipelines ${numDevices}\`, or leave \`${leftOut}\` out.`,
  });
}

/** The request divided into so many pipelines: devices in chains, jobs by predicted load. */
export function divide(request: Costed, numPipelines: number): readonly ChainRequest[] {
  if (numPipelines === 1) return [{ request, jobs: request.jobs.map((_, job) => job) }];
  const parts = chains(request.devices, numPipelines);
  const spread = spreadJobs(
    request.rows.map((rows) => tokensOf(rows)),
    parts.map(({ length }) => length),
  );
  const sharedBytes = allowances(request, parts);
  return parts.map((devices, pipeline) => {
    const jobs = spread[pipeline]!;
    return {
      jobs,
      request: {
        ...request,
        devices: devices.map((device) => request.devices[device]!),
        sharedBytes: sharedBytes[pipeline]!,
        links: devices.slice(1).map((device): ResolvedLink => request.links[device - 1]!),
        jobs: jobs.map((job) => request.jobs[job]!),
        rows: jobs.map((job) => request.rows[job]!),
      },
    };
  });
}
