import type { Architecture, StepLayout } from "../../plan/index.ts";
import type { StepMachine } from "./step-machine.ts";

/** Tensor and context parallelism beyond is no use inside a step. */
const MOST_SPLIT = 8;
/** Tokens of a micro-batch on each accelerator that shares its rows, the most first: more bring nothing beyond. */
const MICRO_TOKENS = [16_384, 8192, 4096, 2048, 1024] as const;
/** Of the layers, those that are computed again. */
const RECOMPUTED = [0, 0.25, 0.5, 0.75, 1] as const;

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
function splitsOf({ count, scaleUp }: StepMachine, architecture: Architecture) {
  const inLayer = powersOfTwo(Math.min(count, scaleUp, MOST_SPLIT));
  return inLayer
    .filter((tensorParallel) => dividesHeads(architecture, tensorParallel))
    .flatMap((tensorParallel) =>
      inLayer.flatMap((contextParallel) =>
        powersOfTwo(Math.min(count, architecture.numLayers)).map((pipelineParallel) => ({
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
        architecture.numLayers % pipelineParallel === 0,
    );
}

/** Every layout of a step of one model, the simplest first, whether it has room or not. */
export function allLayouts(machine: StepMachine, architecture: Architecture): readonly StepLayout[] {
  return splitsOf(machine, architecture).flatMap((split) => {
    const { tensorParallel, contextParallel, pipelineParallel } = split;
    const dataParallel = machine.count / (tensorParallel * contextParallel * pipelineParallel);
    const isAlone = dataParallel * contextParallel === 1;
    return (isAlone ? (["state"] as const) : (["state", "weights"] as const)).flatMap((sharded) =>
      RECOMPUTED.flatMap((share) =>
        MICRO_TOKENS.map((tokens) => ({
          ...{ ...split, dataParallel, sharded },
          recomputedLayers: Math.round(share * architecture.numLayers),
          microTokens: tokens * contextParallel,
        })),
      ),
    );
  });
}
