import { deserialize, serialize } from "node:v8";
import type {
  AdapterEntry,
  AdapterPart,
  ChannelWay,
  ClockReading,
  Completion,
  DeviceFault,
  DeviceStatistics,
  Dtype,
  Handle,
  Listener,
  Operator,
  ProductChoices,
  RunTask,
  SpeedSample,
  Task,
  UpdateTask,
} from "../../native/index.ts";
import type { Setting } from "../../plan/index.ts";
import type { ProductMeasurement } from "../products.ts";
import type { StageWeights } from "../stage-weights.ts";
import type { TensorDigests } from "../weights-digest.ts";
import type { StageGpu } from "./rank-gpus.ts";

/** What a run is: what the ranks have to agree on before anything is loaded. */
export interface RankOpening {
  readonly version: string;
  readonly setting: Setting;
  /** The folder of the base model, the same path on every machine, and the digest of what is in it. */
  readonly modelFolder: string;
  readonly modelDigest: string;
  readonly measureProducts: ProductMeasurement | undefined;
}

/** Bytes of a stage's arena, to or from a stage of another rank. */
export interface RankTransfer extends Task {
  readonly listeners?: readonly Listener[];
  readonly offset: number;
  readonly bytes: number;
  readonly peer: number;
  readonly channel: number;
  readonly way: ChannelWay;
}

/** What rank 0 tells another rank to do, in this order. `call`: it is answered, under that number. */
export type RankCommand =
  | { readonly kind: "open"; readonly call: number; readonly opening: RankOpening }
  | {
      readonly kind: "stage";
      readonly call: number;
      readonly stage: number;
      readonly domain: number;
      readonly arenaBytes: number;
    }
  | { readonly kind: "links"; readonly call: number; readonly arenaBytes: number }
  | { readonly kind: "events" | "cells"; readonly count: number }
  | { readonly kind: "renew"; readonly events: readonly number[] }
  | { readonly kind: "signal"; readonly event: number }
  | { readonly kind: "program"; readonly stage: number; readonly operators: readonly Operator[] }
  | {
      readonly kind: "adapter";
      readonly call: number;
      readonly stage: number;
      readonly adapter: Handle;
      readonly entries: readonly AdapterEntry[];
      readonly frozen: boolean;
    }
  | {
      readonly kind: "write";
      readonly stage: number;
      readonly adapter: Handle;
      readonly part: AdapterPart;
      readonly data: Float32Array;
    }
  | {
      readonly kind: "read";
      readonly call: number;
      readonly stage: number;
      readonly adapter: Handle;
      readonly part: AdapterPart;
    }
  | {
      readonly kind: "arena";
      readonly call: number;
      readonly stage: number;
      readonly offset: number;
      readonly count: number;
    }
  | { readonly kind: "release"; readonly stage: number; readonly adapter: Handle }
  | { readonly kind: "run"; readonly stage: number; readonly task: RunTask }
  | { readonly kind: "update"; readonly stage: number; readonly task: UpdateTask }
  | {
      readonly kind: "copy";
      readonly stage: number;
      readonly toStage: number;
      readonly task: Task & { readonly source: number; readonly bytes: number; readonly destinationOffset: number };
    }
  | { readonly kind: "send" | "receive"; readonly stage: number; readonly task: RankTransfer }
  | { readonly kind: "fault"; readonly stage: number; readonly task: Task; readonly fault: DeviceFault }
  | { readonly kind: "sampleSpeed"; readonly stage: number; readonly dtype: Dtype; readonly everyNs: number }
  | { readonly kind: "readClock" }
  | { readonly kind: "settle"; readonly call: number }
  | { readonly kind: "end" }
  | { readonly kind: "abort"; readonly reason: string };

/** What a rank says of its machine when it has joined. */
export interface RankFacts {
  readonly host: string;
  /** What decides which bytes it computes, by name. */
  readonly versions: Readonly<Record<string, string>>;
  /** By stage. */
  readonly gpus: readonly (StageGpu | undefined)[];
}

/** What a stage's device says of itself. */
export interface StageReport {
  readonly statistics: DeviceStatistics;
  readonly samples: readonly SpeedSample[];
  readonly products: ProductChoices | undefined;
}

/** What calls are answered with. */
export interface RankAnswers {
  readonly open: RankFacts;
  readonly stage: {
    readonly weights: StageWeights;
    readonly statistics: DeviceStatistics;
    /** Of the tensors that it has loaded, where they are in files. */
    readonly digests: TensorDigests | undefined;
  };
  /** The rank's host, once it has room for messages that are timed, and its clock is known. */
  readonly links: string;
  /** Bytes that it took. */
  readonly adapter: number;
  readonly read: Float32Array;
  readonly arena: Float32Array;
  /** By stage. */
  readonly settle: readonly (readonly [number, StageReport])[];
}

/**
 * What another rank tells rank 0. `originNs`: what its clock, which the readings are of, showed when the times of its
 * completions were 0.
 */
export type RankReport =
  | { readonly kind: "answer"; readonly call: number; readonly value: RankAnswers[keyof RankAnswers] }
  | { readonly kind: "refused"; readonly call: number; readonly error: RankError }
  | { readonly kind: "completions"; readonly originNs: number; readonly completions: readonly Completion[] }
  | { readonly kind: "failed"; readonly error: RankError }
  | { readonly kind: "clock"; readonly reading: ClockReading };

/** An error as it crosses: an InputError's or a DeviceError's parts, or a message alone. */
export interface RankError {
  readonly name: string;
  readonly message: string;
  readonly details: unknown;
}

export function encode(messages: readonly (RankCommand | RankReport)[]): Uint8Array {
  return serialize(messages);
}

/** What `encode` made: between ranks of one version, which is the first thing that they compare. */
export function decode<Message>(bytes: Uint8Array): readonly Message[] {
  return deserialize(bytes) as readonly Message[];
}
