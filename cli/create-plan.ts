import { InputError } from "../core/index.ts";
import {
  createCostModel,
  type Dtype,
  makePlan,
  type Plan,
  type PlanBody,
  type PlanRequest,
  type Recompute,
  type ScheduleName,
  sealPlan,
} from "../plan/index.ts";
import { simulateStream } from "../sim/index.ts";
import { runMetrics, type TraceStream } from "../traces/index.ts";
import { type Arguments, flag, optionalCount, optionalText } from "./command.ts";
import type { Io } from "./io.ts";
import { loadCalibration, loadCluster } from "./load-cluster.ts";
import { type LoadedWorkload, loadWorkload } from "./load-workload.ts";
import { note } from "./output.ts";
import { placeInput } from "./place-input.ts";
import { requirePlanSchedule } from "./simulate-comparison.ts";

function inFlightOption(args: Arguments): "auto" | "none" | number {
  const text = optionalText(args, "max-in-flight") ?? "auto";
  if (text === "auto" || text === "none") return text;
  const limit = Number(text);
  if (!Number.isSafeInteger(limit) || limit < 1)
    throw new InputError({ expected: "auto, none or a whole number of at least 1", at: "--max-in-flight", got: text });
  return limit;
}

interface Prediction {
  readonly body: PlanBody;
  /** The run behind it, of a plan without a hash. */
  readonly trace: TraceStream;
}

function predict(body: PlanBody): Prediction {
  const draft = { ...body, hash: "" };
  const costModel = createCostModel(body.calibration, body.model.dtype);
  const trace = simulateStream({ plan: body, planHash: "", costModel });
  const { makespanSeconds, tokensPerSecond, bubbleRatio, bubbleRatioTotal } = runMetrics(draft, trace);
  const peakMemoryBytes = body.stages.map(({ index }) => body.memory[index]!.total);
  const predicted = { makespanSeconds, tokensPerSecond, bubbleRatio, bubbleRatioTotal, peakMemoryBytes };
  return { body: { ...body, predicted }, trace };
}

/** The plan with its prediction: what the simulator says of it, and the memory that it needs. */
export function predictPlan(body: PlanBody): PlanBody {
  return predict(body).body;
}

export interface CreatedPlan {
  readonly plan: Plan;
  readonly loaded: LoadedWorkload;
  /** The run behind the plan's prediction. */
  readonly simulated: TraceStream;
}

/** Plans a workload file as the options say. @throws InputError, PlanError */
export async function createPlan(io: Io, args: Arguments, file: string): Promise<CreatedPlan> {
  requirePlanSchedule(args);
  const { devices, links, source: cluster } = loadCluster(io, args);
  const groups = optionalCount(args, "groups");
  const maxInFlight = inFlightOption(args);
  const loaded = await loadWorkload(io, file);
  const dtype = (optionalText(args, "dtype") as Dtype | undefined) ?? loaded.workload.model.dtype;
  const { calibration, source: costs, assumed } = loadCalibration(io, args, devices, dtype);
  for (const remark of loaded.remarks) note(io, args, remark);
  if (assumed) note(io, args, "No calibration given: times are from nominal figures; `loratwin calibrate` measures.");
  const request: PlanRequest = {
    architecture: loaded.architecture,
    dtype,
    modelDigest: loaded.model?.digest ?? null,
    recompute: (optionalText(args, "recompute") as Recompute | undefined) ?? loaded.workload.recompute,
    jobs: loaded.workload.jobs,
    rows: loaded.rows,
    devices,
    links,
    calibration,
    schedule: optionalText(args, "schedule") as ScheduleName,
    maxInFlight,
    groups: groups ?? (flag(args, "fuse") ? "auto" : "unfused"),
  };
  try {
    const { body, trace } = predict(makePlan(request));
    const plan = sealPlan(body, loaded.locations);
    return { plan, loaded, simulated: { ...trace, planHash: plan.hash } };
  } catch (error) {
    throw placeInput(error, { main: loaded.source, calibration: costs, cluster });
  }
}
