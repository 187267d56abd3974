// Where a mixture of experts keeps what it works with. P = T perToken: pairs of a token and one of its experts.
import { type StageLayer, stageLayers } from "../actions/stage-layers.ts";
import { type Architecture, type Experts, expertsOf } from "../documents/architecture.ts";
import type { Stage } from "../documents/setting.ts";
import type { Place, Region } from "./region.ts";
import { expertScratchBytes } from "./scratch-bytes.ts";

const INT = 4;

/** What is kept of a mixture besides what all MLPs keep. C is the compute dtype. */
export interface MixtureTensors {
  /** [T, experts] */
  readonly logits: Place;
  /** int32 and fp32 [T, perToken] */
  readonly chosen: Place;
  readonly weights: Place;
  /** int32 [P], [P] and [experts + 1]: pairs in the order of experts, where each is in it, where experts start. */
  readonly order: Place;
  readonly places: Place;
  readonly starts: Place;
  /** C [P, hidden]: what the experts give, and in the backward its gradient. */
  readonly outputs: Place;
}

/** What a forward of mixtures works with, and a backward that makes them again. */
export interface MixtureWork {
  /** C [P, hidden]: rows in the order of experts. */
  readonly inputs: Place;
  readonly scratch: Place;
}

/** What their backward works with besides. */
export interface MixtureGradients extends MixtureWork {
  /** C [P, hidden] */
  readonly inputsGradient: Place;
  /** [T, perToken] and [T, experts] */
  readonly weightsGradient: Place;
  readonly logitsGradient: Place;
  /** The last rounded for products; absent in fp32, where they take it itself. */
  readonly logitsCompute: Place | undefined;
}

export function takeMixture(
  region: Region,
  { hiddenSize }: Architecture,
  { count, perToken }: Experts,
): MixtureTensors {
  return {
    logits: region.floats(count),
    chosen: region.floats(perToken),
    weights: region.floats(perToken),
    order: region.floats(perToken),
    places: region.floats(perToken),
    starts: region.take((count + 1) * INT),
    outputs: region.compute(perToken * hiddenSize),
  };
}

export function takeMixtureWork(region: Region, arch: Architecture, experts: Experts): MixtureWork {
  return {
    inputs: region.compute(experts.perToken * arch.hiddenSize),
    scratch: region.take(expertScratchBytes(arch)),
  };
}

export function takeMixtureGradients(
  region: Region,
  arch: Architecture,
  experts: Experts,
  isRounded: boolean,
): MixtureGradients {
  const { count, perToken } = experts;
  return {
    ...takeMixtureWork(region, arch, experts),
    inputsGradient: region.compute(perToken * arch.hiddenSize),
    weightsGradient: region.floats(perToken),
    logitsGradient: region.floats(count),
    logitsCompute: isRounded ? region.compute(count) : undefined,
  };
}

/** Which kinds of MLP a stage has, and which of them its backward makes again. */
export interface MlpKinds {
  readonly mixture: Experts | undefined;
  readonly isMixtureAgain: boolean;
  readonly isDenseAgain: boolean;
  /** Columns of the widest product of gate and up that any of them has. */
  readonly widest: number;
}

export function mlpKinds(arch: Architecture, stage: Stage): MlpKinds {
  const mlps = stageLayers(stage).filter(({ halves }) => halves.includes("mlp"));
  const isMixture = ({ layer }: StageLayer): boolean => expertsOf(arch, layer) !== undefined;
  const again = mlps.filter(({ isRecomputed }) => isRecomputed);
  const mixture = mlps.some(isMixture) ? arch.experts : undefined;
  const hasDense = mixture === undefined || !mlps.every(isMixture);
  const ofMixture = mixture === undefined ? 0 : mixture.perToken * mixture.intermediateSize;
  return {
    mixture,
    isMixtureAgain: again.some(isMixture),
    isDenseAgain: mixture === undefined || !again.every(isMixture),
    widest: Math.max(ofMixture, hasDense ? arch.intermediateSize : 0),
  };
}
