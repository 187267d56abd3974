import { contentHash, InputError } from "../../core/index.ts";
import {
  CATALOG,
  EXECUTOR,
  isQuantized,
  type LayersCalibration,
  type PlanRequest,
  type Recompute,
  type ResolvedDevice,
  refuseCompared,
} from "../../plan/index.ts";
import { clusterTopology, hasBlockingLinks } from "../../sim/index.ts";
import type { ComparisonSchedule } from "./comparison-schedules.ts";
import { fitsDevices } from "./device-needs.ts";
import { timedCollectives, topologyInterconnect } from "./interconnect.ts";
import type { Platform } from "./platform.ts";
import { type ComparedJob, type JobsRun, jobsNeeds, jobsRefusal } from "./simulate-jobs.ts";

/** What is asked for beside a plan's request. */
export interface ComparisonChoice {
  readonly schedule: ComparisonSchedule;
  /** Whether base weights are trained. */
  readonly full?: boolean;
  /** Whether `tp`, `fsdp` and `ddp` run micro-batches one after another instead of a mini-batch at once. */
  readonly accumulate?: boolean;
  readonly overlap?: boolean;
  readonly prefetch?: number;
}

/** The request's jobs are the same ones, on the same devices, with the same costs and memory as a plan's. */
export type ComparedRequest = Pick<
  PlanRequest,
  "architecture" | "dtype" | "recompute" | "jobs" | "rows" | "devices" | "links" | "calibration" | "program"
>;

/** One kind of device for all: the strategies are of equal devices. */
function requireEqualDevices(devices: readonly ResolvedDevice[]): void {
  const first = devices[0]!;
  const other = devices.find(({ type }) => type !== first.type);
  if (other !== undefined)
    throw new InputError({ expected: `devices that are all ${first.type}`, at: "--cluster", got: other.type });
  if (first.peakFlopsPerSecond === null || first.memoryBytesPerSecond === null || first.memoryBytes === null)
    throw unknownDevice(first);
}

function unknownDevice({ type }: ResolvedDevice): InputError {
  return new InputError({
    expected: "devices with peaks and memory, such as GPUs of the catalog",
    at: "--cluster",
    got: type,
    hint: "`loratwin catalog` lists the GPUs whose times are known; give a --cluster of one kind.",
  });
}

/**
 * A request that all strategies can be asked for.
 * @throws InputError for devices that are not equal, or of which nobody knows peaks and memory, or another kind of
 * calibration.
 */
export function comparedRequest<Request extends ComparedRequest>(
  request: Request,
): Request & { readonly calibration: LayersCalibration } {
  const { devices, calibration } = request;
  requireEqualDevices(devices);
  if (calibration.model === "layers") return { ...request, calibration };
  // Nobody gives CPUs times of layers by default: what lacks is other devices, not a file.
  if (devices[0]!.kind === "cpu") throw unknownDevice(devices[0]!);
  throw new InputError({
    expected: "a layers calibration",
    at: "--calibration",
    got: calibration.model,
    hint: "`loratwin catalog NAME --calibration FILE` writes one.",
  });
}

function platformOf(request: ComparedRequest): Platform {
  const { devices, links, calibration: figures, program = EXECUTOR } = comparedRequest(request);
  const topology = clusterTopology(devices, links, {
    efficiency: figures.transferEfficiency,
    messageSeconds: figures.transferLatencySeconds,
  });
  const interconnect = topologyInterconnect(topology);
  const timed = figures.kernels?.[devices[0]!.type]?.collectives;
  // Who gives a link's rate means that.
  const isFabric = links.every(
    ({ type, bandwidthBytesPerSecond: rate }) =>
      type.startsWith("nvlink") && rate === CATALOG.links[type]?.bandwidthBytesPerSecond?.value,
  );
  return {
    ...{ devices, figures, program },
    interconnect:
      timed !== undefined && isFabric ? timedCollectives(interconnect, devices.length, timed) : interconnect,
  };
}

/**
 * Rows of a micro-batch where the job leaves its cut open: as few micro-batches as keep every device of a pipeline
 * busy, of equal sizes.
 */
function openCut(batchSize: number, numDevices: number): number {
  let rows = Math.max(1, Math.floor(batchSize / numDevices));
  while (batchSize % rows !== 0) rows -= 1;
  return rows;
}

function comparedJobs(
  { jobs, rows, devices }: ComparedRequest,
  schedule: ComparisonSchedule,
  cuts: boolean,
): readonly ComparedJob[] {
  refuseCompared(jobs, `--schedule ${schedule}`);
  return jobs.map(
    ({ name, adapter, batchSize, microBatchSize, microBatchTokens, arrivalSeconds, optimizer }, index) => {
      const own = {
        microBatchSize:
          microBatchSize ?? (microBatchTokens === undefined ? openCut(batchSize, devices.length) : undefined),
        microBatchTokens,
      };
      if (arrivalSeconds > 0)
        throw new InputError({
          expected: `jobs that are there from the start for --schedule ${schedule}`,
          at: `jobs[${index}].arrivalSeconds`,
          got: arrivalSeconds,
        });
      const { tokens, steps } = rows[index]!;
      return {
        name,
        adapter,
        ...(optimizer.maxGradNorm === undefined ? {} : { clips: true }),
        steps: Array.from(steps, (step) => step.map((row) => tokens[row]!)),
        cut: cuts ? own : { microBatchSize: batchSize },
      };
    },
  );
}

/**
 * The request's jobs one after another with a schedule that no plan has; recomputation that is left open is of all
 * layers or none. @throws InputError
 */
export function comparisonRun(request: ComparedRequest, choice: ComparisonChoice): JobsRun {
  const { architecture, dtype, recompute, devices, links, calibration } = request;
  const { schedule, full = false, accumulate = false, overlap = true, prefetch = 1 } = choice;
  if (full && isQuantized(dtype))
    throw new InputError({
      expected: "float32 or bfloat16 weights for --full",
      at: "model.dtype",
      got: dtype,
    });
  const platform = platformOf(request);
  const jobs = comparedJobs(request, schedule, accumulate || schedule === "interleaved" || schedule === "zb-h1");
  // Collectives cross all links together.
  const options = { overlap: overlap && !hasBlockingLinks({ links }), prefetch };
  const runWith = (known: Exclude<Recompute, "auto">): JobsRun => {
    const model = { architecture, dtype, recompute: known, full };
    const hash = contentHash({ schedule, model, jobs, options, devices, links, calibration });
    return { schedule, platform, model, jobs, options, hash, devices: devices.map(({ name }) => name) };
  };
  if (recompute !== "auto") return runWith(recompute);
  const kept = runWith("none");
  return jobsRefusal(kept) === undefined && !fitsDevices(platform, jobsNeeds(kept)) ? runWith("layer") : kept;
}
