import {
  type AdapterSpec,
  type Architecture,
  type ComputeDtype,
  computeDtype,
  type Dtype,
  type LayersCalibration,
  type LayerTimes,
  layerTimes,
  type ProgramMemory,
  type Recompute,
  type ResolvedDevice,
} from "../../plan/index.ts";
import type { Interconnect } from "./interconnect.ts";

/** Equal devices, how near software comes to what they can do, and what a program takes of their memory. */
export interface Platform {
  readonly devices: readonly ResolvedDevice[];
  readonly figures: LayersCalibration;
  readonly interconnect: Interconnect;
  readonly program: ProgramMemory;
}

/** What one job trains, whatever the rows of its steps are. */
export interface TrainedModel {
  readonly architecture: Architecture;
  readonly dtype: Dtype;
  /** Of activations and messages: `computeDtype(dtype)` where absent. */
  readonly compute?: ComputeDtype;
  readonly recompute: Exclude<Recompute, "auto">;
  /** Whether base weights are trained: then W runs, and gradients and optimizer state exist for all of them. */
  readonly full: boolean;
  readonly adapter: AdapterSpec;
  /** Whether gradients are clipped by their norm over the whole model; they are not where absent. */
  readonly clips?: boolean;
}

export function computeOf({ dtype, compute = computeDtype(dtype) }: TrainedModel): ComputeDtype {
  return compute;
}

/** Seconds of whole layers of a model, of which each device has 1 / `split`. */
export function timesOf({ devices, figures }: Platform, model: TrainedModel, split = 1): LayerTimes {
  const { architecture, dtype, full, adapter } = model;
  const targets = full ? [] : adapter.targets;
  const subject = { architecture, dtype, compute: computeOf(model), device: devices[0]!, full, split, targets };
  return layerTimes(subject, figures);
}
