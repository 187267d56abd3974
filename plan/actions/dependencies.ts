import type { MicroBatch, PlannedGroup, PlannedJob } from "../documents/segment.ts";
import type { Setting } from "../documents/setting.ts";
import { type Action, type ActionKey, formatAction, type PlannedLetter, passOf } from "./action.ts";
import { type MiniBatch, type MiniBatchKey, miniBatches, type Numbered } from "./mini-batch.ts";
import { pipelineTable } from "./pipelines.ts";

/** What has to have ended before an action may start, beside the actions in front of it on its own stage. */
export interface Dependency {
  readonly action: ActionKey;
  /** Whether a message has to travel from that action's stage: activations, gradients, or nothing (a signal). */
  readonly message: "activation" | "gradient" | "none";
}

/** Who sends to whom: the neighbours of each stage in its pipeline. */
export interface MessageRoutes {
  /** The first stage of a stage's pipeline. */
  firstStageOf(stage: number): number;
  /**
   * The stage whose message an action needs: for F and E the stage before, for B the stage behind, in its pipeline; -1
   * for none.
   */
  senderOf(stage: number, letter: PlannedLetter): number;
  /** The stage that an action sends its result to; -1 for none. */
  receiverOf(stage: number, letter: PlannedLetter): number;
}

/** Answers for one plan; it holds only tables of mini-batches. */
export interface DependencyTable extends MessageRoutes {
  readonly numStages: number;
  readonly numMicroBatches: number;
  /**
   * The micro-batches whose backwards have to have ended on the pipeline's first stage. They are the only dependencies
   * beside the sender's action, and nothing travels for them.
   */
  signalsOf(stage: number, letter: PlannedLetter, microBatch: number): readonly number[];
  /** The stage whose backward of a micro-batch signals: the first of its pipeline, on which a job need not stay. */
  signallingStage(microBatch: number): number;
  dependenciesOf(action: Action): readonly Dependency[];
  miniBatchOf(microBatch: number): MiniBatch;
}

interface Grouped {
  readonly groups: Numbered<PlannedGroup>;
  readonly jobs: Numbered<PlannedJob>;
}

/** Whether an update needs the gradient norm over all stages: a job of the mini-batch clips. */
export function clips({ groups, jobs }: Grouped, { group, step }: MiniBatchKey): boolean {
  for (const { job, firstStep, endStep } of groups[group]!.members)
    if (firstStep + step < endStep && jobs[job]!.optimizer.maxGradNorm !== undefined) return true;
  return false;
}

export function messageRoutes(setting: Pick<Setting, "pipelines">): MessageRoutes {
  const { ofStage, isFirst, isLast } = pipelineTable(setting);
  return {
    firstStageOf: (stage) => ofStage(stage).firstStage,
    senderOf(stage, letter) {
      if (passOf(letter) === "F") return isFirst(stage) ? -1 : stage - 1;
      return letter === "U" || isLast(stage) ? -1 : stage + 1;
    },
    receiverOf(stage, letter) {
      if (passOf(letter) === "F") return isLast(stage) ? -1 : stage + 1;
      return letter === "U" || isFirst(stage) ? -1 : stage - 1;
    },
  };
}

const NONE: readonly number[] = [];

/**
 * The micro-batches whose backwards have to have ended on the pipeline's first stage before an action. F there: the ends
 * of the mini-batches before its own, and E the end of its own, as the plan names them. U of a clipping job elsewhere:
 * all backwards of its mini-batch, after which the gradient norm is whole.
 */
export function signalsOf(
  work: Grouped,
  letter: PlannedLetter,
  isFirst: boolean,
  { after }: Pick<MicroBatch, "after">,
  miniBatch: () => MiniBatch,
): readonly number[] {
  if (passOf(letter) === "F") return isFirst ? after : NONE;
  if (letter === "B" || isFirst) return NONE;
  const own = miniBatch();
  return clips(work, own) ? own.microBatches : NONE;
}

/** Dependencies between a pipeline's stages, and of the next mini-batch on the last one's weights. */
export function dependencyTable(
  plan: Pick<Setting, "stages" | "pipelines"> & {
    readonly groups: readonly PlannedGroup[];
    readonly jobs: readonly PlannedJob[];
    readonly microBatches: readonly MicroBatch[];
  },
): DependencyTable {
  const table = miniBatches(plan);
  const { isFirst } = pipelineTable(plan);
  const routes = messageRoutes(plan);
  const miniBatchOf = (microBatch: number): MiniBatch => {
    const { group, step } = plan.microBatches[microBatch]!;
    return table[group]![step]!;
  };
  const ofAction = (stage: number, letter: PlannedLetter, microBatch: number): readonly number[] =>
    signalsOf(plan, letter, isFirst(stage), plan.microBatches[microBatch]!, () => miniBatchOf(microBatch));
  const signallingStage = (microBatch: number): number =>
    plan.pipelines[plan.groups[plan.microBatches[microBatch]!.group]!.pipeline]!.firstStage;
  return {
    ...routes,
    numStages: plan.stages.length,
    numMicroBatches: plan.microBatches.length,
    miniBatchOf,
    signalsOf: ofAction,
    signallingStage,
    dependenciesOf({ stage, letter, microBatch }) {
      const sender = routes.senderOf(stage, letter);
      if (sender >= 0) {
        const message = passOf(letter) === "F" ? "activation" : "gradient";
        return [{ action: formatAction({ stage: sender, letter, microBatch }), message }];
      }
      return ofAction(stage, letter, microBatch).map((signal) => ({
        action: formatAction({ stage: signallingStage(signal), letter: "B", microBatch: signal }),
        message: "none",
      }));
    },
  };
}
