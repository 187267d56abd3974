import { createRng } from "../core/index.ts";
import type { AdapterEntry, Handle } from "../native/index.ts";
import {
  type AdapterSite,
  type AdapterSpec,
  type Architecture,
  adapterParameters,
  adapterSites,
  type PlannedJob,
  projectionShape,
  type Stage,
  stageSites,
} from "../plan/index.ts";
import type { Later } from "./later.ts";
import { outputColumn, targetIndex } from "./lora-operators.ts";
import type { AdapterPair } from "./peft.ts";
import { widthsOf } from "./program-input.ts";
import type { StageDevice } from "./stage-host.ts";
import { matrixOf, type StageWeights } from "./stage-weights.ts";

/**
 * PEFT's start: A Kaiming-uniform with a = sqrt(5), that is U(-1/sqrt(in), 1/sqrt(in)); B zero; magnitudes the norms of
 * the base's rows, and rows of tokens these rows, which the device takes. A layer's numbers do not depend on the
 * partition.
 */
export function initialPairs(job: Pick<PlannedJob, "adapter" | "seed">, arch: Architecture): readonly AdapterPair[] {
  const { adapter, seed } = job;
  return adapterSites(adapter, arch).map(({ layer, projection, rank, experts, dora, tokens }) => {
    const { in: inFeatures, out } = projectionShape(arch, projection);
    if (tokens !== undefined)
      return { layer, projection, a: new Float32Array(rank * inFeatures).fill(Number.NaN), b: new Float32Array(0) };
    const rng = createRng(`${seed}/adapter/${layer}/${projection}`);
    const bound = 1 / Math.sqrt(inFeatures);
    return {
      layer,
      projection,
      a: new Float32Array(experts * rank * inFeatures).map(() => (2 * rng.nextFloat() - 1) * bound),
      b: new Float32Array(experts * out * rank),
      ...(dora ? { magnitudes: new Float32Array(out).fill(Number.NaN) } : {}),
    };
  });
}

/** All that training changes of an adapter; moments are laid out as the parameters are. */
export interface AdapterState {
  readonly parameters: readonly AdapterPair[];
  /** Of the optimizer; zero where absent. */
  readonly firstMoment?: readonly AdapterPair[] | undefined;
  readonly secondMoment?: readonly AdapterPair[] | undefined;
}

/** Where a job starts that no adapter was given to: made when somebody asks for it, and held by nobody. */
export class FreshState implements AdapterState {
  readonly #job: Pick<PlannedJob, "adapter" | "seed">;
  readonly #architecture: Architecture;

  constructor(job: Pick<PlannedJob, "adapter" | "seed">, architecture: Architecture) {
    this.#job = job;
    this.#architecture = architecture;
  }

  get parameters(): readonly AdapterPair[] {
    return initialPairs(this.#job, this.#architecture);
  }
}

/** A state that is read when somebody asks for it, and held by nobody. */
export class ReadState implements AdapterState {
  readonly read: () => AdapterState;

  constructor(read: () => AdapterState) {
    this.read = read;
  }

  get parameters(): readonly AdapterPair[] {
    return this.read().parameters;
  }

  get firstMoment(): readonly AdapterPair[] | undefined {
    return this.read().firstMoment;
  }

  get secondMoment(): readonly AdapterPair[] | undefined {
    return this.read().secondMoment;
  }
}

/** What of an adapter's state is on a device. */
export const STATE_PARTS = ["parameters", "firstMoment", "secondMoment"] as const;
export type StatePart = (typeof STATE_PARTS)[number];

/** The pairs of a stage's layers from a flat vector of them, such as a device has. */
export function stagePairs(
  values: Float32Array,
  stage: Stage,
  spec: AdapterSpec,
  arch: Architecture,
): readonly AdapterPair[] {
  let next = 0;
  const take = (length: number): Float32Array => {
    const part = values.slice(next, next + length);
    next += length;
    return part;
  };
  return stageSites(spec, arch, stage).map(({ layer, projection, rank, experts, dora }) => {
    const { in: inFeatures, out } = projectionShape(arch, projection);
    const [a, b] = [take(experts * rank * inFeatures), take(experts * out * rank)];
    return { layer, projection, a, b, ...(dora ? { magnitudes: take(out) } : {}) };
  });
}

/** A job's adapter on one stage's device. */
export interface StageAdapter {
  readonly handle: Handle;
  /** What answers of the job are compared with, where that is an adapter. */
  readonly reference: Handle | undefined;
  /** What the device took for it, by its own count. */
  bytes(): number;
  /** The pairs of this stage's layers as they are now. @throws DeviceError while a pending task uses the adapter */
  read(part: StatePart): Later<readonly AdapterPair[]>;
  /** Gives its memory back. @throws DeviceError while a pending task uses it */
  release(): void;
}

/** What a device is told of the sites of an adapter on a stage. */
function entriesOf(
  sites: readonly AdapterSite[],
  stage: Stage,
  arch: Architecture,
  weights: StageWeights,
): readonly AdapterEntry[] {
  return sites.map(({ layer, projection, rank, scale, experts, dora, tokens }) => {
    const { in: inFeatures, out: outFeatures } = projectionShape(arch, projection);
    return {
      target: targetIndex(layer, projection),
      ...{ rank, inFeatures, outFeatures, scale },
      ...(experts === 1 ? {} : { experts }),
      ...(tokens === undefined ? {} : { tokens: { table: weights.embedding!, ids: tokens } }),
      ...(dora
        ? {
            magnitudes: {
              weight: matrixOf(weights.layers[layer - stage.firstLayer]!, projection),
              column: outputColumn(projection, widthsOf(arch)),
            },
          }
        : {}),
    };
  });
}

/** The pairs of some sites as a device has them, one after another. */
function flatPairs(pairs: readonly AdapterPair[], sites: readonly AdapterSite[], length: number): Float32Array {
  const own = new Set(sites.map(({ layer, projection }) => targetIndex(layer, projection)));
  const flat = new Float32Array(length);
  let offset = 0;
  for (const { layer, projection, a, b, magnitudes } of pairs) {
    if (!own.has(targetIndex(layer, projection))) continue;
    for (const values of [a, b, ...(magnitudes === undefined ? [] : [magnitudes])]) {
      flat.set(values, offset);
      offset += values.length;
    }
  }
  return flat;
}

/** An adapter that is not trained, on a stage's device. */
export function createFrozenAdapter(
  device: Pick<StageDevice, "createAdapter" | "writeAdapter">,
  stage: Stage,
  spec: AdapterSpec,
  arch: Architecture,
  weights: StageWeights,
  pairs: readonly AdapterPair[],
): Handle {
  const sites = stageSites(spec, arch, stage);
  const handle = device.createAdapter(entriesOf(sites, stage, arch, weights), true);
  const length = adapterParameters(arch, stage, { adapter: spec });
  device.writeAdapter(handle, "parameters", flatPairs(pairs, sites, length));
  return handle;
}

export function createStageAdapter(
  device: StageDevice,
  stage: Stage,
  spec: AdapterSpec,
  arch: Architecture,
  weights: StageWeights,
  {
    start,
    reference,
  }: {
    readonly start: AdapterState;
    readonly reference?: Pick<AdapterState, "parameters"> | undefined;
  },
): StageAdapter {
  const sites = stageSites(spec, arch, stage);
  const handle = device.createAdapter(entriesOf(sites, stage, arch, weights));
  const frozen =
    reference === undefined ? undefined : createFrozenAdapter(device, stage, spec, arch, weights, reference.parameters);
  const length = adapterParameters(arch, stage, { adapter: spec });
  for (const part of STATE_PARTS) {
    const pairs = start[part];
    if (pairs !== undefined) device.writeAdapter(handle, part, flatPairs(pairs, sites, length));
  }
  return {
    handle,
    reference: frozen,
    bytes: () => device.adapterBytes(handle) + (frozen === undefined ? 0 : device.adapterBytes(frozen)),
    release() {
      device.releaseAdapter(handle);
      if (frozen !== undefined) device.releaseAdapter(frozen);
    },
    read(part) {
      const pairs = (values: Float32Array) => stagePairs(values, stage, spec, arch);
      const values = device.readAdapter(handle, part);
      return values instanceof Promise ? values.then(pairs) : pairs(values);
    },
  };
}
