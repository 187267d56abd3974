import { InputError } from "../../core/index.ts";
import type { ResolvedLink } from "../documents/cluster.ts";
import { chains } from "./chains.ts";
import { tokensOf } from "./draft.ts";
import { rememberedCosts } from "./remembered-costs.ts";
import type { Costed, PlanRequest } from "./request.ts";

/** One pipeline's share of a request. */
export interface ChainRequest {
  readonly request: Costed;
  /** Indices into the jobs of the whole request. */
  readonly jobs: readonly number[];
}

/** Numbers of pipelines worth a look: those that divide the devices evenly, with a job for each at least. */
export function pipelineCounts({
  pipelines,
  devices,
  jobs,
  calibration,
}: Pick<PlanRequest, "pipelines" | "devices" | "jobs" | "calibration">): readonly number[] {
  const most = Math.min(devices.length, jobs.length);
  if (pipelines === undefined) return [1];
  if (pipelines !== "auto") {
    if (pipelines > most)
      throw new InputError({
        expected: `at most ${most} pipelines for ${devices.length} devices and ${jobs.length} jobs`,
        at: "--pipelines",
        got: pipelines,
      });
    return [pipelines];
  }
  // Times that do not depend on how many layers a stage has say nothing of other divisions.
  if (calibration.model === "constant") return [1];
  return Array.from({ length: most }, (_, i) => i + 1).filter((count) => devices.length % count === 0);
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

/** The request divided into so many pipelines: devices in chains, jobs by predicted load. Each remembers its costs: jobs have other numbers in another. */
export function divide(request: Costed, numPipelines: number): readonly ChainRequest[] {
  const costModel = (): Costed["costModel"] => rememberedCosts(request.costModel);
  if (numPipelines === 1)
    return [{ request: { ...request, costModel: costModel() }, jobs: request.jobs.map((_, job) => job) }];
  const parts = chains(request.devices, numPipelines);
  const spread = spreadJobs(
    request.rows.map((rows) => tokensOf(rows)),
    parts.map(({ length }) => length),
  );
  return parts.map((devices, pipeline) => {
    const jobs = spread[pipeline]!;
    return {
      jobs,
      request: {
        ...request,
        costModel: costModel(),
        devices: devices.map((device) => request.devices[device]!),
        links: devices.slice(1).map((device): ResolvedLink => request.links[device - 1]!),
        jobs: jobs.map((job) => request.jobs[job]!),
        rows: jobs.map((job) => request.rows[job]!),
      },
    };
  });
}
