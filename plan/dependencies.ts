import { type Action, type ActionKey, formatAction, type PlannedLetter } from "./action.ts";
import type { PlanBody } from "./documents/plan.ts";
import { type MiniBatch, miniBatches } from "./mini-batch.ts";
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
  /**
   * The micro-batch whose backward has to have ended on stage 0; -1 for none. It is the one dependency for which nothing travels, and the only
   * one beside F on the stage before and B on the stage behind.
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
 * Dependencies between stages (and of the next mini-batch on the last one's weights).
 * F: the stage before; on stage 0 the end of the group's previous mini-batch there. B: the stage behind.
 * U of a clipping job: the mini-batch's last backward on stage 0, after which the gradient norm is whole.
 */
export function dependencyTable(
  plan: Pick<PlanBody, "schedule" | "groups" | "jobs" | "stages" | "microBatches">,
): DependencyTable {
  const table = miniBatches(plan);
  const lastStage = plan.stages.length - 1;
  const miniBatchOf = (microBatch: number): MiniBatch => {
    const { group, step } = plan.microBatches[microBatch]!;
    return table[group]![step]!;
  };
  const signalOf = (stage: number, letter: PlannedLetter, microBatch: number): number => {
    if (letter === "F" && stage === 0) {
      const { group, step } = plan.microBatches[microBatch]!;
      return step === 0 ? -1 : lastBackward(plan, table[group]![step - 1]!);
    }
    if (letter !== "U" || stage === 0) return -1;
    const miniBatch = miniBatchOf(microBatch);
    return clips(plan, miniBatch) ? lastBackward(plan, miniBatch) : -1;
  };
  return {
    numStages: plan.stages.length,
    numMicroBatches: plan.microBatches.length,
    miniBatchOf,
    signalOf,
    dependenciesOf({ stage, letter, microBatch }) {
      if (letter === "F" && stage > 0)
        return [{ action: formatAction({ stage: stage - 1, letter, microBatch }), message: "activation" }];
      if (letter === "B" && stage < lastStage)
        return [{ action: formatAction({ stage: stage + 1, letter, microBatch }), message: "gradient" }];
      const signal = signalOf(stage, letter, microBatch);
      return signal < 0
        ? []
        : [{ action: formatAction({ stage: 0, letter: "B", microBatch: signal }), message: "none" }];
    },
  };
}
