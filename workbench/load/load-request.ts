import { InputError } from "../../core/index.ts";
import { weightsDigest } from "../../exec/index.ts";
import type { Context, FileOrDocument } from "../../files/index.ts";
import {
  type Dtype,
  type PlanChoices,
  type PlanRequest,
  placeError,
  type StatesRoom,
  workloadRequest,
} from "../../plan/index.ts";
import { type DeviceChoice, loadCalibration, loadCluster } from "./load-cluster.ts";
import { type LoadedWorkload, loadWorkload, unusedInPlans } from "./load-workload.ts";
import { placeInput } from "./place-input.ts";
import type { RowReader } from "./read-rows.ts";
import type { Sizes } from "./sizes.ts";

/** What may be said of a workload beside its file. What is absent is the workload's, or the planner's to choose. */
export interface RequestChoice extends DeviceChoice {
  /** A calibration file. */
  readonly calibration?: FileOrDocument | undefined;
  readonly dtype?: Dtype | undefined;
  /** The plan is to know the bytes of its model's weights. */
  readonly verifyWeights?: boolean;
  /** Jobs come over time, and a scheduler decides: priorities and deadlines mean something. */
  readonly overTime?: boolean;
  /** Of jobs over time; as planned when absent. */
  readonly sizes?: Sizes | undefined;
  /** Jobs that come over time are taken as if they were there from the start: it is their shapes that matter. */
  readonly shapesOnly?: boolean;
  readonly choices?: PlanChoices;
  /** Has read the jobs' rows, and what is to be said of them is said. */
  readonly rows?: RowReader;
}

/** What was asked for, and the documents that say so. */
export interface LoadedRequest {
  readonly request: PlanRequest;
  readonly loaded: LoadedWorkload;
  /** Of jobs over time, where those have their states that are on no device. */
  readonly states: StatesRoom;
  /** Whether times come from nominal figures, since nobody gave others. */
  readonly isNominal: boolean;
  /** A failure, with the line of the document that it is about. */
  readonly placed: (error: unknown) => unknown;
}

/** Jobs of a trace are many, and come over time. @throws InputError */
export function refuseArrivals({ workload, source }: LoadedWorkload): void {
  if (workload.arrivals === undefined) return;
  const error = new InputError({
    expected: "jobs that are there from the start",
    at: "arrivals",
    got: workload.arrivals.trace,
    hint: "`loratwin simulate WORKLOAD --policy NAME` simulates jobs that come as those of a cluster trace.",
  });
  throw placeError(error, source);
}

async function weightsOf(context: Context, { model }: LoadedWorkload): Promise<string | undefined> {
  if (model === undefined)
    throw new InputError({ expected: "a model folder", at: "--verify-weights", got: "an architecture alone" });
  return await context.during("reading weights", () => weightsDigest(model));
}

/** The one request behind plans, simulations and strategies of a workload file. @throws InputError */
export async function loadRequest(
  context: Context,
  file: FileOrDocument,
  choice: RequestChoice,
): Promise<LoadedRequest> {
  const loaded = await context.during("reading data", (onRead) =>
    loadWorkload(context, file, { reader: choice.rows, onRead }),
  );
  if (choice.overTime !== true) refuseArrivals(loaded);
  const { devices, links, states, source: cluster } = loadCluster(context, choice, loaded.architecture.numLayers);
  const dtype = choice.dtype ?? loaded.workload.model.dtype;
  const {
    calibration,
    source: costs,
    assumed,
  } = loadCalibration(context, choice, devices, {
    ...{ dtype, architecture: loaded.architecture },
  });
  const isSaid = choice.rows !== undefined;
  if (!isSaid) for (const remark of loaded.remarks) context.note(remark);
  if (choice.overTime !== true && choice.shapesOnly !== true)
    for (const remark of unusedInPlans(loaded)) context.note(remark);
  if (!isSaid) for (const warning of loaded.warnings) context.warn(warning);
  const { jobs, recompute } = loaded.workload;
  const request: PlanRequest = {
    ...workloadRequest(
      { recompute, jobs: choice.shapesOnly === true ? jobs.map((job) => ({ ...job, arrivalSeconds: 0 })) : jobs },
      {
        architecture: loaded.architecture,
        dtype,
        modelDigest: loaded.model?.digest ?? null,
        rows: loaded.rows,
        devices,
        links,
        calibration,
      },
      choice.choices,
    ),
    weightsDigest: choice.verifyWeights === true ? await weightsOf(context, loaded) : undefined,
  };
  return {
    request,
    loaded,
    states,
    isNominal: assumed,
    placed: (error) => placeInput(error, { main: loaded.source, calibration: costs, cluster }),
  };
}
