import { InputError } from "../core/index.ts";
import { type Dtype, type PlanRequest, type Recompute, SCHEDULES } from "../plan/index.ts";
import { type Arguments, flag, optionalCount, optionalText } from "./command.ts";
import type { Io } from "./io.ts";
import { loadCalibration, loadCluster } from "./load-cluster.ts";
import { type LoadedWorkload, loadWorkload } from "./load-workload.ts";
import { note } from "./output.ts";
import { placeInput } from "./place-input.ts";

/** A whole number, or one of some words, of which `auto` is the default. */
function countOr<Word extends string>(
  args: Arguments,
  name: string,
  ...others: readonly Word[]
): Word | "auto" | number {
  const words: readonly (Word | "auto")[] = ["auto", ...others];
  const text = optionalText(args, name) ?? "auto";
  const word = words.find((each) => each === text);
  if (word !== undefined) return word;
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1)
    throw new InputError({
      expected: `${words.join(", ")} or a whole number of at least 1`,
      at: `--${name}`,
      got: text,
    });
  return count;
}

/** What the options of a plan choose. */
export type Choices = Partial<
  Pick<PlanRequest, "schedule" | "maxInFlight" | "groups" | "recompute" | "pipelines" | "jobsAtOnce">
>;

/** --recompute, over the workload's. */
export function recomputeChoice(args: Arguments): Choices {
  const recompute = optionalText(args, "recompute") as Recompute | undefined;
  return recompute === undefined ? {} : { recompute };
}

/** What the options of plans alone choose. */
export function planChoices(args: Arguments): Choices {
  const schedule = SCHEDULES.find((name) => name === optionalText(args, "schedule"));
  const groups = optionalCount(args, "groups");
  return {
    ...recomputeChoice(args),
    ...(schedule === undefined ? {} : { schedule }),
    maxInFlight: countOr(args, "max-in-flight", "none"),
    pipelines: countOr<never>(args, "pipelines"),
    jobsAtOnce: countOr(args, "jobs-at-once", "all"),
    groups: groups ?? (flag(args, "fuse") ? "auto" : "unfused"),
  };
}

/** What the options ask for, and the documents that say so. */
export interface LoadedRequest {
  readonly request: PlanRequest;
  readonly loaded: LoadedWorkload;
  /** Whether times come from nominal figures, since nobody gave others. */
  readonly isNominal: boolean;
  /** A failure, with the line of the document that it is about. */
  readonly placed: (error: unknown) => unknown;
}

/**
 * What a workload file and the options ask for: the one request behind plans, simulations and strategies. @throws
 * InputError
 */
export async function loadRequest(
  io: Io,
  args: Arguments,
  file: string,
  choices: Choices = {},
): Promise<LoadedRequest> {
  const loaded = await loadWorkload(io, file);
  const { devices, links, source: cluster } = loadCluster(io, args, loaded.architecture.numLayers);
  const dtype = (optionalText(args, "dtype") as Dtype | undefined) ?? loaded.workload.model.dtype;
  const { calibration, source: costs, assumed } = loadCalibration(io, args, devices, dtype);
  for (const remark of loaded.remarks) note(io, args, remark);
  const request: PlanRequest = {
    architecture: loaded.architecture,
    dtype,
    modelDigest: loaded.model?.digest ?? null,
    recompute: loaded.workload.recompute,
    jobs: loaded.workload.jobs,
    rows: loaded.rows,
    devices,
    links,
    calibration,
    schedule: "auto",
    maxInFlight: "auto",
    pipelines: "auto",
    jobsAtOnce: "auto",
    groups: "auto",
    ...choices,
  };
  return {
    request,
    loaded,
    isNominal: assumed,
    placed: (error) => placeInput(error, { main: loaded.source, calibration: costs, cluster }),
  };
}
