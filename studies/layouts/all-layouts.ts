import { InputError } from "../../core/index.ts";
import type { Architecture, StepLayout } from "../../plan/index.ts";
import { plainSoftware } from "../observations/plain-software.ts";
import type { StepMachine } from "./step-machine.ts";

/** Tensor and context parallelism beyond is no use inside a step. */
const MOST_SPLIT = 8;
/** Tokens of a micro-batch on each accelerator that shares its rows, the most first: more bring nothing beyond. */
const MICRO_TOKENS = [16_384, 8192, 4096, 2048, 1024] as const;
/** Of the layers, those that are computed again. */
const RECOMPUTED = [0, 0.25, 0.5, 0.75, 1] as const;

/** What of a layout is given; the rest is tried. */
export type AskedLayout = {
  readonly [Key in
    | "tensorParallel"
    | "contextParallel"
    | "pipelineParallel"
    | "sharded"
    | "recomputedLayers"
    | "microTokens"]?: StepLayout[Key] | undefined;
};

function powersOfTwo(most: number): readonly number[] {
  const powers: number[] = [];
  for (let power = 1; power <= most; power *= 2) powers.push(power);
  return powers;
}

/** Whether heads can be given to so many: those of keys are copied where they are fewer. */
function dividesHeads({ numHeads, numKvHeads }: Architecture, parts: number): boolean {
  return numHeads % parts === 0 && (numKvHeads % parts === 0 || parts % numKvHeads === 0);
}

/** How the model can be split over some of the accelerators, those that the fast link connects inside a layer. */
function splitsOf(machine: StepMachine, architecture: Architecture, asked: AskedLayout) {
  const { count, scaleUp, virtualStages = 1, release } = machine;
  // Plain software has copies of the model, whole or sharded, unless a split is asked for.
  const isPlain = plainSoftware(release) !== undefined;
  const inLayer = powersOfTwo(isPlain ? 1 : Math.min(count, scaleUp, MOST_SPLIT));
  const stages = powersOfTwo(isPlain ? 1 : Math.min(count, architecture.numLayers));
  const only = (given: number | undefined, all: readonly number[]) => (given === undefined ? all : [given]);
  return only(asked.tensorParallel, inLayer)
    .filter((tensorParallel) => dividesHeads(architecture, tensorParallel))
    .flatMap((tensorParallel) =>
      only(asked.contextParallel, inLayer).flatMap((contextParallel) =>
        only(asked.pipelineParallel, stages).map((pipelineParallel) => ({
          tensorParallel,
          contextParallel,
          // Rows are exchanged for heads where there are enough of those; otherwise keys and values go around.
          contextExchange: dividesHeads(architecture, tensorParallel * contextParallel)
            ? ("all-to-all" as const)
            : ("ring" as const),
          pipelineParallel,
        })),
      ),
    )
    .filter(
      ({ tensorParallel, contextParallel, pipelineParallel }) =>
        tensorParallel * contextParallel <= scaleUp &&
        count % (tensorParallel * contextParallel * pipelineParallel) === 0 &&
        architecture.numLayers % (pipelineParallel === 1 ? 1 : pipelineParallel * virtualStages) === 0,
    );
}

/** What was given, in the words of the options. */
function askedText(asked: AskedLayout, virtualStages: number | undefined): string {
  const { tensorParallel: tensor, contextParallel: context, pipelineParallel: pipeline } = asked;
  const sizes = { tensor, context, pipeline, "virtual stages": virtualStages };
  const parts = Object.entries(sizes).flatMap(([name, size]) => (size === undefined ? [] : [`${name} ${size}`]));
  return parts.length === 0 ? "none" : parts.join(", ");
}

/**
 * Every layout of a step of one model with what was asked for, the simplest first, whether it has room or not.
 * @throws InputError where accelerators or model do not allow what was asked for
 */
export function allLayouts(
  machine: StepMachine,
  architecture: Architecture,
  asked: AskedLayout = {},
): readonly StepLayout[] {
  const { numHeads, numLayers } = architecture;
  const splits = splitsOf(machine, architecture, asked);
  if (splits.length === 0)
    throw new InputError({
      expected:
        `parallelism that divides ${machine.count} accelerators (${machine.scaleUp} in a fast link), ${numHeads} heads ` +
        `and ${numLayers} layers with their virtual stages`,
      got: askedText(asked, machine.virtualStages),
    });
  return splits.flatMap((split) => {
    const { tensorParallel, contextParallel, pipelineParallel } = split;
    const dataParallel = machine.count / (tensorParallel * contextParallel * pipelineParallel);
    const isAlone = dataParallel * contextParallel === 1;
    const shards = isAlone ? (["state"] as const) : (["state", "weights"] as const);
    const shares = RECOMPUTED.map((share) => Math.round(share * numLayers));
    const microTokens = MICRO_TOKENS.map((tokens) => tokens * contextParallel);
    // One copy has nobody to share with.
    return shards
      .filter((each) => isAlone || each === (asked.sharded ?? each))
      .flatMap((sharded) =>
        (asked.recomputedLayers === undefined ? shares : [asked.recomputedLayers]).flatMap((recomputedLayers) =>
          (asked.microTokens === undefined ? microTokens : [asked.microTokens]).map((tokens) => ({
            ...{ ...split, dataParallel, sharded, recomputedLayers },
            microTokens: tokens,
          })),
        ),
      );
  });
}
