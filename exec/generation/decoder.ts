import {
  createRuntime,
  type Device,
  type DeviceOptions,
  type DeviceStatistics,
  type Handle,
  type Runtime,
} from "../../native/index.ts";
import {
  type AdapterSpec,
  adapterSites,
  arenaLayout,
  type Dtype,
  generationGraphRoom,
  type Projection,
  type Room,
  type Stage,
  type StageLayout,
  stageLayout,
  UNIT_ROWS,
} from "../../plan/index.ts";
import { createFrozenAdapter } from "../adapters.ts";
import type { BaseModel } from "../model-folder.ts";
import type { AdapterPair } from "../peft.ts";
import { loadStageWeights, type StageWeights } from "../stage-weights.ts";
import { type PartResult, type SequencePart, type SequenceRunner, SequenceRuns } from "./sequence-runs.ts";

/** An adapter by its name. */
export interface NamedAdapter {
  readonly name: string;
  readonly spec: AdapterSpec;
  readonly pairs: readonly AdapterPair[];
}

export interface DecoderInput {
  readonly model: BaseModel;
  readonly dtype: Dtype;
  readonly device: DeviceOptions;
  /** What there is to be room for: the largest ranks, and magnitudes. */
  readonly specs: readonly AdapterSpec[];
  /** The most rows of a run, sequences of a run, and rows of the cache. */
  readonly runRows: number;
  readonly sequences: number;
  readonly cacheRows: number;
}

/** The only stage of a model on one device. */
function wholeStage({ architecture }: BaseModel): Stage {
  return {
    ...{ index: 0, device: 0, firstLayer: 0, endLayer: architecture.numLayers },
    ...{ embedding: true, head: true, recomputedLayers: 0 },
  };
}

function roomOf({ model, specs, runRows, sequences }: Omit<DecoderInput, "device">): Room {
  const ranks: Partial<Record<Projection, number>> = {};
  const dora = new Set<Projection>();
  for (const spec of specs) {
    for (const { projection, rank } of adapterSites(spec, model.architecture))
      ranks[projection] = Math.max(rank, ranks[projection] ?? 0);
    if (spec.dora === true) for (const projection of spec.targets) dora.add(projection);
  }
  return {
    ...{ maxTokens: runRows, maxSequence: runRows, maxJobs: sequences, ranks },
    ...(dora.size === 0 ? {} : { dora: [...dora] }),
  };
}

/** The device, on a GPU with room for graphs of its runs unless it says how much. */
function deviceOptions(input: DecoderInput): DeviceOptions {
  const { device, model, dtype } = input;
  if (device.kind !== "cuda") return device;
  const { ranks, dora = [] } = roomOf(input);
  const targets = new Set(Object.keys(ranks) as Projection[]);
  const { architecture } = model;
  const graphRoomBytes = generationGraphRoom({ architecture, dtype, stage: wholeStage(model), targets, dora });
  return { graphRoomBytes, ...device };
}

/** Where everything lies in a decoder's arena. */
function decoderLayout(input: Omit<DecoderInput, "device">, kind: "cpu" | "cuda", threads: number): StageLayout {
  return stageLayout({
    ...{ architecture: input.model.architecture, stage: wholeStage(input.model), dtype: input.dtype },
    ...{ room: roomOf(input), kind, threads },
    generation: { mostLogits: Math.max(2, input.sequences) },
  });
}

/**
 * A base model with adapters on one device, with a cache of keys and values, and one program that takes sequences further.
 * A row of a run has the same bits whatever rows are beside it; on a GPU as far as the library of its products keeps to one
 * way for every number of rows, which it does not promise.
 */
export class Decoder implements Disposable, SequenceRunner {
  readonly #runtime: Runtime;
  readonly #device: Device;
  readonly #input: DecoderInput;
  readonly #adapters: Map<string, Handle>;
  readonly #stage: Stage;
  readonly #weights: StageWeights;
  readonly #layout: StageLayout;
  readonly #runs: SequenceRuns;
  #seconds = 0;

  /** @throws DeviceError, InputError */
  static async open(input: DecoderInput): Promise<Decoder> {
    const runtime = createRuntime();
    try {
      const device = runtime.createDevice(deviceOptions(input));
      const isGpu = input.device.kind === "cuda";
      const layout = decoderLayout(input, isGpu ? "cuda" : "cpu", Math.max(1, device.cores.length));
      const units = Math.ceil(input.cacheRows / UNIT_ROWS);
      const arena = arenaLayout(layout, units, { activationIn: 0, activationOut: 0, gradientIn: 0, gradientOut: 0 });
      await device.prepareArena(arena.bytes);
      const stage = wholeStage(input.model);
      const form = { dtype: input.dtype, dora: layout.dora, isForwardOnly: true };
      const weights = await loadStageWeights(device, input.model, stage, form);
      const adapters = new Map<string, Handle>();
      const cacheRows = units * UNIT_ROWS;
      const runs = new SequenceRuns(device, {
        ...{ architecture: input.model.architecture, dtype: input.dtype, stage, layout, weights },
        ...{ work: arena.work, cache: 0, cacheRows, isScored: true },
        adapterOf: (name) => adapters.get(name),
      });
      return new Decoder(runtime, device, { ...input, cacheRows }, { stage, weights, layout, adapters, runs });
    } catch (error) {
      runtime[Symbol.dispose]();
      throw error;
    }
  }

  private constructor(
    runtime: Runtime,
    device: Device,
    input: DecoderInput,
    parts: {
      readonly stage: Stage;
      readonly weights: StageWeights;
      readonly layout: StageLayout;
      readonly adapters: Map<string, Handle>;
      readonly runs: SequenceRuns;
    },
  ) {
    this.#runtime = runtime;
    this.#device = device;
    this.#input = input;
    this.#stage = parts.stage;
    this.#weights = parts.weights;
    this.#layout = parts.layout;
    this.#adapters = parts.adapters;
    this.#runs = parts.runs;
  }

  /** Whether there is room for an adapter of this form. */
  hasRoomFor(spec: AdapterSpec): boolean {
    const { shrunkColumns, dora } = this.#layout;
    return adapterSites(spec, this.#input.model.architecture).every(
      ({ projection, rank, dora: has }) =>
        rank <= (shrunkColumns[projection] ?? 0) && (!has || dora.includes(projection)),
    );
  }

  /** Adds an adapter for which there is room. @throws DeviceError where the device's memory has none */
  add({ name, spec, pairs }: NamedAdapter): void {
    const { architecture } = this.#input.model;
    this.#adapters.set(name, createFrozenAdapter(this.#device, this.#stage, spec, architecture, this.#weights, pairs));
  }

  /** Gives an adapter's memory back; no run may use it. */
  remove(name: string): void {
    const handle = this.#adapters.get(name);
    if (handle === undefined) return;
    this.#adapters.delete(name);
    this.#device.releaseAdapter(handle);
  }

  /** Rows of the cache. */
  get cacheRows(): number {
    return this.#input.cacheRows;
  }

  /** Of all runs so far, as the device counts them. */
  get seconds(): number {
    return this.#seconds;
  }

  statistics(): DeviceStatistics {
    return this.#device.statistics();
  }

  /** One run of some sequences. What it is given is right: who calls it has checked it. */
  async run(parts: readonly SequencePart[]): Promise<readonly PartResult[]> {
    let told: Float64Array | undefined;
    this.#runtime.onComplete(([done]) => {
      told = done!.losses;
      this.#seconds += (done!.endNs - done!.startNs) / 1e9;
    });
    this.#device.enqueueRun({ id: 0, ...this.#runs.task(parts) });
    await this.#runtime.idle();
    return this.#runs.results(parts, told);
  }

  [Symbol.dispose](): void {
    this.#runtime[Symbol.dispose]();
  }
}
