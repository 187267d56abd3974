import type { MessageCost, Task, TaskGraph } from "./run-tasks.ts";

/** One mini-batch over stages whose transfers block the compute streams of both sides. */
export interface RendezvousPipeline {
  readonly numStages: number;
  readonly numMicroBatches: number;
  readonly seconds: (stage: number, letter: "F" | "B", microBatch: number) => number;
  /**
   * Of a message over boundary b, which joins stages b and b + 1: `to` is the stage that gets it. Its latency blocks
   * too.
   */
  readonly transfer: (boundary: number, microBatch: number, to: number) => MessageCost;
  /** After a stage's last backward: gradients summed over replicas, then the update. */
  readonly flushSeconds: (stage: number) => number;
}

/**
 * 1F1B as runtimes with blocking sends order it (DeepSpeed's TrainSchedule). Steps alternate: stage s has a forward at
 * steps t = s (mod 2), of micro-batch (t - s) / 2, and a backward at the others, of micro-batch (t - (2 S - 1 - s)) /
 * 2. A forward step sends the gradient of the step before, receives an activation and computes; a backward step
 * receives a gradient, sends the activation of the step before and computes. What lies outside the mini-batch is left
 * out.
 */
export function rendezvousTasks(pipeline: RendezvousPipeline): TaskGraph {
  const { numStages, numMicroBatches } = pipeline;
  const tasks: Task[] = [];
  const known = new Map<string, number>();
  const orders: number[][] = Array.from({ length: numStages }, () => []);

  const taskOf = (task: Omit<Task, "after">): number => {
    const found = known.get(task.name);
    if (found !== undefined) return found;
    tasks.push({ ...task, after: [] });
    known.set(task.name, tasks.length - 1);
    return tasks.length - 1;
  };
  const transfer = (kind: "activation" | "gradient", boundary: number, microBatch: number): number => {
    const cost = pipeline.transfer(boundary, microBatch, kind === "activation" ? boundary + 1 : boundary);
    return taskOf({
      name: `${kind} ${microBatch} over ${boundary}`,
      streams: [boundary, boundary + 1],
      seconds: cost.seconds + cost.latencySeconds,
      flows: cost.flows,
    });
  };

  const isThere = (microBatch: number): boolean => microBatch >= 0 && microBatch < numMicroBatches;
  const numSteps = 2 * (numMicroBatches + numStages - 1);
  for (let stage = 0; stage < numStages; stage += 1) {
    const order = orders[stage]!;
    const last = numStages - 1;
    const forwardAt = (step: number): number => (step - stage) / 2;
    const backwardAt = (step: number): number => (step - (2 * numStages - 1 - stage)) / 2;
    for (let step = 0; step <= numSteps; step += 1) {
      const isForward = (step - stage) % 2 === 0;
      const microBatch = isForward ? forwardAt(step) : backwardAt(step);
      const before = isForward ? backwardAt(step - 1) : forwardAt(step - 1);
      const send = (): void => {
        if (!isThere(before)) return;
        if (isForward && stage > 0) order.push(transfer("gradient", stage - 1, before));
        if (!isForward && stage < last) order.push(transfer("activation", stage, before));
      };
      const receive = (): void => {
        if (!isThere(microBatch)) return;
        if (isForward && stage > 0) order.push(transfer("activation", stage - 1, microBatch));
        if (!isForward && stage < last) order.push(transfer("gradient", stage, microBatch));
      };
      if (isForward) send();
      receive();
      if (!isForward) send();
      if (!isThere(microBatch)) continue;
      const letter = isForward ? "F" : "B";
      const seconds = pipeline.seconds(stage, letter, microBatch);
      order.push(taskOf({ name: `${stage}${letter}${microBatch}`, streams: [stage], seconds }));
    }
    order.push(taskOf({ name: `${stage}U`, streams: [stage], seconds: pipeline.flushSeconds(stage) }));
  }
  return { tasks, orders };
}
