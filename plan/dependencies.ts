import { type Action, type ActionKey, formatAction, type PlannedLetter } from "./action.ts";
import type { PlanBody } from "./documents/plan.ts";
import { type MiniBatch, miniBatches } from "./mini-batch.ts";
import { pipelineTable } from "./pipelines.ts";
import { SCHEDULE_TABLE } from "./schedules/schedules.ts";

/** What has to have ended before an action may start, beside the actions in front of it on its own stage. */
export interface Dependency {
  readonly action: ActionKey;
  /** Whether a message has to travel from that action's stage: activations, gradients, or nothing (a signal). */
  readonly message: "activation" | "gradient" | "none";
}

/** Answers for one plan; it holds only tables of mini-batches. */
export interface DependencyTable {
  readonly numStages: number;
  readonly numMicroBatches: number;
  /** The first stage of a stage's pipeline. */
  firstStageOf(stage: number): number;
  /**
   * The stage whose message an action needs: for F the stage before, for B the stage behind, in its pipeline; -1 for
   * none.
   */
  senderOf(stage: number, letter: PlannedLetter): number;
  /** The stage that an action sends its result to; -1 for none. */
  receiverOf(stage: number, letter: PlannedLetter): number;
  /**
   * The micro-batch whose backward has to have ended on its pipeline's first stage; -1 for none. It is the one
   * dependency for which nothing travels, and the only one beside the sender's action.
   */
  signalOf(stage: number, letter: PlannedLetter, microBatch: number): number;
  dependenciesOf(action: Action): readonly Dependency[];
  miniBatchOf(microBatch: number): MiniBatch;
}

/** The micro-batch whose backward ends a mini-batch. */
function lastBackward(plan: Pick<PlanBody, "schedule">, miniBatch: MiniBatch): number {
  const { microBatches } = miniBatch;
  return (SCHEDULE_TABLE[plan.schedule].reversesBackwards ? microBatches[0] : microBatches[microBatches.length - 1])!;
}

/** Whether an update needs the gradient norm over all stages: a job of the mini-batch clips. */
export function clips(plan: Pick<PlanBody, "groups" | "jobs">, miniBatch: MiniBatch): boolean {
  return plan.groups[miniBatch.group]!.some((index) => {
    const job = plan.jobs[index]!;
    return miniBatch.step < job.steps && job.optimizer.maxGradNorm !== undefined;
  });
}

/**
 * Dependencies between a pipeline's stages (and of the next mini-batch on the last one's weights).
 * F: the stage before; on the first stage the end of the group's previous mini-batch there. B: the stage behind.
 * U of a clipping job: the mini-batch's last backward on the first stage, after which the gradient norm is whole.
 */
export function dependencyTable(
  plan: Pick<PlanBody, "schedule" | "groups" | "jobs" | "stages" | "pipelines" | "microBatches">,
): DependencyTable {
  const table = miniBatches(plan);
  const { ofStage, isFirst, isLast } = pipelineTable(plan);
  const firstStageOf = (stage: number): number => ofStage(stage).firstStage;
  const senderOf = (stage: number, letter: PlannedLetter): number => {
    if (letter === "F") return isFirst(stage) ? -1 : stage - 1;
    return letter === "U" || isLast(stage) ? -1 : stage + 1;
  };
  const receiverOf = (stage: number, letter: PlannedLetter): number => {
    if (letter === "F") return isLast(stage) ? -1 : stage + 1;
    return letter === "U" || isFirst(stage) ? -1 : stage - 1;
  };
  const miniBatchOf = (microBatch: number): MiniBatch => {
    const { group, step } = plan.microBatches[microBatch]!;
    return table[group]![step]!;
  };
  const signalOf = (stage: number, letter: PlannedLetter, microBatch: number): number => {
    if (letter === "F" && isFirst(stage)) {
      const { group, step } = plan.microBatches[microBatch]!;
      return step === 0 ? -1 : lastBackward(plan, table[group]![step - 1]!);
    }
    if (letter !== "U" || isFirst(stage)) return -1;
    const miniBatch = miniBatchOf(microBatch);
    return clips(plan, miniBatch) ? lastBackward(plan, miniBatch) : -1;
  };
  return {
    numStages: plan.stages.length,
    numMicroBatches: plan.microBatches.length,
    miniBatchOf,
    firstStageOf,
    senderOf,
    receiverOf,
    signalOf,
    dependenciesOf({ stage, letter, microBatch }) {
      const sender = senderOf(stage, letter);
      if (sender >= 0) {
        const message = letter === "F" ? "activation" : "gradient";
        return [{ action: formatAction({ stage: sender, letter, microBatch }), message }];
      }
      const signal = signalOf(stage, letter, microBatch);
      return signal < 0
        ? []
        : [
            {
              action: formatAction({ stage: firstStageOf(stage), letter: "B", microBatch: signal }),
              message: "none",
            },
          ];
    },
  };
}
