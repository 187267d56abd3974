import { type Action, type ActionKey, formatAction } from "./action.ts";
import type { PlanBody } from "./documents/plan.ts";
import { activeJobs, type MiniBatch, miniBatches } from "./mini-batch.ts";
import { SCHEDULE_TABLE } from "./schedules/schedules.ts";

/** What has to have ended before an action may start, beside the actions in front of it on its own stage. */
export interface Dependency {
  readonly action: ActionKey;
  /** Whether a message has to travel from that action's stage: activations, gradients, or nothing (a signal). */
  readonly message: "activation" | "gradient" | "none";
}

/** Answers for one plan; it holds only tables of mini-batches. */
export interface DependencyTable {
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
  return activeJobs(plan, miniBatch.group, miniBatch.step).some(
    (job) => plan.jobs[job]!.optimizer.maxGradNorm !== undefined,
  );
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
  const signal = (stage: number, microBatch: number): Dependency => ({
    action: formatAction({ stage, letter: "B", microBatch }),
    message: "none",
  });
  return {
    miniBatchOf,
    dependenciesOf({ stage, letter, microBatch }) {
      switch (letter) {
        case "F": {
          if (stage > 0)
            return [{ action: formatAction({ stage: stage - 1, letter, microBatch }), message: "activation" }];
          const { group, step } = plan.microBatches[microBatch]!;
          return step === 0 ? [] : [signal(0, lastBackward(plan, table[group]![step - 1]!))];
        }
        case "B":
          return stage === lastStage
            ? []
            : [{ action: formatAction({ stage: stage + 1, letter, microBatch }), message: "gradient" }];
        case "U": {
          const miniBatch = miniBatchOf(microBatch);
          return stage > 0 && clips(plan, miniBatch) ? [signal(0, lastBackward(plan, miniBatch))] : [];
        }
      }
    },
  };
}
