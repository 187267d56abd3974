import { InvariantError } from "../../core/index.ts";
import {
  createRuntime,
  type Device,
  type DeviceOptions,
  type DeviceStatistics,
  type Handle,
  type Runtime,
  type Segment,
} from "../../native/index.ts";
import {
  type AdapterSpec,
  adapterSites,
  arenaLayout,
  computeDtype,
  type Dtype,
  generationGraphRoom,
  headLogitsPlaces,
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
import { forwardProgram } from "../stage-programs.ts";
import { loadStageWeights, type StageWeights } from "../stage-weights.ts";

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

/** What a run does with one sequence. */
export interface SequencePart {
  /** The next tokens of the sequence. */
  readonly tokens: ArrayLike<number>;
  /** How many came before, which are in the cache. */
  readonly past: number;
  /** The row of the cache that has its first. */
  readonly cacheRow: number;
  /** Tokens of the whole sequence, as far as it is known; long rotary frequencies go by it. */
  readonly total: number;
  /** Undefined: the base. */
  readonly adapter: string | undefined;
  /** Whether the logits behind its last token are wanted. */
  readonly wantsLogits: boolean;
  /** Of each token, the one behind it whose log-probability is wanted, -1: none. */
  readonly targets?: ArrayLike<number> | undefined;
}

/** What a run says of one sequence. */
export interface PartResult {
  /** [vocabulary], and the log of the sum of their exponentials; of one that wants them. */
  readonly logits: Float32Array | undefined;
  readonly logSum: number;
  /** Of each token with a target, minus its target's log-probability; 0 without one. */
  readonly losses: Float64Array | undefined;
}

/** Byte offsets in the arena. */
interface Places {
  readonly work: number;
  readonly logits: number;
  readonly logSums: number;
}

/** What runs give: logits of the rows that want them, or losses, too. */
interface Programs {
  readonly logits: Handle;
  readonly scored: Handle;
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
export class Decoder implements Disposable {
  readonly #runtime: Runtime;
  readonly #device: Device;
  readonly #input: DecoderInput;
  readonly #adapters = new Map<string, Handle>();
  readonly #stage: Stage;
  readonly #weights: StageWeights;
  readonly #layout: StageLayout;
  readonly #places: Places;
  readonly #programs: Programs;
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
      const { architecture } = input.model;
      const dtype = computeDtype(input.dtype);
      const composed = { architecture, stage, dtype, edges: { before: dtype, after: dtype }, layout, weights };
      const programs = {
        logits: device.createProgram(forwardProgram(composed, "logits")),
        scored: device.createProgram(forwardProgram(composed, "losses and logits")),
      };
      const { hiddenSize, vocabularySize } = architecture;
      const { lm_head: lds = 0 } = layout.shrunkColumns;
      const { logSums } = headLogitsPlaces(layout.mostLogits, hiddenSize, vocabularySize, dtype, lds);
      const logits = arena.work + layout.forward.logits.offset;
      const places = { logits, logSums: logits + logSums, work: arena.work };
      const whole = { ...input, cacheRows: units * UNIT_ROWS };
      return new Decoder(runtime, device, whole, { stage, weights, layout, places, programs });
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
      readonly places: Places;
      readonly programs: Programs;
    },
  ) {
    this.#runtime = runtime;
    this.#device = device;
    this.#input = input;
    this.#stage = parts.stage;
    this.#weights = parts.weights;
    this.#layout = parts.layout;
    this.#places = parts.places;
    this.#programs = parts.programs;
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
    const own = parts.reduce((sum, { tokens }) => sum + tokens.length, 0);
    // A product takes another way through a lone row, so it gets a neighbour that nobody looks at (matmul.h).
    const rows = Math.max(2, own);
    const all: readonly SequencePart[] =
      own === 1
        ? [...parts, { tokens: [0], past: 0, cacheRow: 0, total: 1, adapter: undefined, wantsLogits: false }]
        : parts;
    const ids = new Int32Array(rows);
    const sequences = new Int32Array(all.length + 1);
    const isScored = parts.some(({ targets }) => targets !== undefined);
    const targets = new Int32Array(rows).fill(-1);
    const segments: Segment[] = [];
    const logitRows: number[] = [];
    let row = 0;
    all.forEach(({ tokens, adapter, wantsLogits, targets: wanted }, index) => {
      ids.set(Array.from(tokens), row);
      if (wanted !== undefined) targets.set(Array.from(wanted), row);
      const end = row + tokens.length;
      if (adapter !== undefined) {
        const handle = this.#adapters.get(adapter);
        if (handle === undefined) throw new InvariantError({ expected: "an adapter of the decoder", got: adapter });
        segments.push({
          ...{ adapter: handle, rowStart: row, rowEnd: end },
          ...{ lossScale: 0, dropout: 0, dropoutSeed: [0, 0] },
        });
      }
      if (wantsLogits) logitRows.push(end - 1);
      row = end;
      sequences[index + 1] = end;
    });
    const caches = all.map(({ cacheRow, past, total }) => ({ first: cacheRow, past, total }));
    const losses = isScored
      ? Array.from({ length: rows }, (_, at) => ({ rowStart: at, rowEnd: at + 1, lossScale: 0 }))
      : [];
    let told: Float64Array | undefined;
    this.#runtime.onComplete(([done]) => {
      told = done!.losses;
      this.#seconds += (done!.endNs - done!.startNs) / 1e9;
    });
    this.#device.enqueueRun({
      id: 0,
      program: isScored ? this.#programs.scored : this.#programs.logits,
      waits: [],
      bindings: {
        ...{ rows, stashRows: this.#input.cacheRows, ids, sequences, caches, segments, losses },
        ...(isScored ? { targets } : {}),
        logitRows: Int32Array.from(logitRows),
        ...{ stash: 0, work: this.#places.work, in: 0, out: 0 },
      },
    });
    await this.#runtime.idle();
    const { vocabularySize: vocabulary } = this.#input.model.architecture;
    const logits = logitRows.length === 0 ? [] : this.#read(this.#places.logits, logitRows.length * vocabulary);
    const logSums = logitRows.length === 0 ? [] : this.#read(this.#places.logSums, logitRows.length);
    let next = 0;
    let start = 0;
    return parts.map(({ tokens, wantsLogits, targets: wanted }): PartResult => {
      const first = start;
      start += tokens.length;
      const lost = wanted === undefined ? undefined : told!.slice(first, start);
      if (!wantsLogits) return { logits: undefined, logSum: 0, losses: lost };
      const at = next;
      next += 1;
      const row = (logits as Float32Array).subarray(at * vocabulary, (at + 1) * vocabulary);
      return { logits: row, logSum: logSums[at]!, losses: lost };
    });
  }

  #read(offset: number, count: number): Float32Array {
    return this.#device.readArena(offset, count);
  }

  [Symbol.dispose](): void {
    this.#runtime[Symbol.dispose]();
  }
}
