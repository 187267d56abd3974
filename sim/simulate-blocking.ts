import type { Nanos } from "../core/index.ts";
import {
  ACTION_LETTERS,
  type Action,
  dependencyTable,
  formatAction,
  microBatchJobs,
  microBatchTokens,
  type PipelineOp,
  parseAction,
} from "../plan/index.ts";
import { createTraceRecorder, type Trace } from "../traces/index.ts";
import { actionDurations } from "./action-durations.ts";
import { type InFlightChange, memorySamples } from "./memory-samples.ts";
import { messageBytes } from "./message-bytes.ts";
import { type PipelineMessage, pipelineTasks } from "./pipeline-tasks.ts";
import { type MessageCost, runTasks, type TaskTimes } from "./run-tasks.ts";
import type { SimulateOptions } from "./simulate.ts";
import { peakInFlight } from "./stage-orders.ts";

/** The wires of a plan as links with rates: one for each direction between neighbours, or one that is shared. */
function wiresOf({ plan, costModel }: SimulateOptions) {
  const rates: number[] = [];
  const shared = new Map<string, number>();
  const wireOf = new Map<string, number>();
  plan.links.forEach((link, boundary) => {
    const { bytesPerSecond } = costModel.linkCost(link);
    if (bytesPerSecond === null) return;
    for (const direction of ["down", "up"]) {
      const wire = (link.shared ? shared.get(link.id) : undefined) ?? rates.push(bytesPerSecond) - 1;
      if (link.shared) shared.set(link.id, wire);
      wireOf.set(`${boundary} ${direction}`, wire);
    }
  });
  return { rates, wireOf };
}

function planTasks(
  options: SimulateOptions,
  costOf: (message: PipelineMessage) => MessageCost,
  alone: (message: PipelineMessage) => number,
) {
  const { plan, costModel } = options;
  const durations = actionDurations(plan, costModel);
  const dependencies = dependencyTable(plan);
  const opOf = ({ stage, letter, microBatch }: Action): PipelineOp => ({ chunk: stage, letter, microBatch });
  return pipelineTasks({
    orders: plan.actions.map((keys) => keys.map((key) => opOf(parseAction(key)))),
    numChunks: plan.stages.length,
    deviceOf: (chunk) => chunk,
    seconds: ({ chunk, letter, microBatch }) =>
      durations(chunk, ACTION_LETTERS.indexOf(letter as Action["letter"]), microBatch) / 1e9,
    message: costOf,
    blockingSeconds: alone,
    signals: ({ chunk, letter, microBatch }) =>
      dependencies
        .dependenciesOf({ stage: chunk, letter: letter as Action["letter"], microBatch })
        .filter(({ message }) => message === "none")
        .map(({ action }) => opOf(parseAction(action))),
  });
}

function traceOf(options: SimulateOptions, graph: ReturnType<typeof planTasks>, times: TaskTimes): Trace {
  const { plan, planHash, calibrationHash = plan.calibrationHash, versions = {} } = options;
  const devices = plan.devices.map(({ name }) => name);
  const recorder = createTraceRecorder({ source: "simulated", planHash, calibrationHash, versions, devices });
  const bytesOf = messageBytes(plan);
  const facts = plan.microBatches.map((microBatch) => ({
    jobs: microBatchJobs(microBatch, plan.jobs),
    step: microBatch.step,
    part: microBatch.part,
    tokens: microBatchTokens(microBatch),
  }));
  const changes = plan.stages.map((): InFlightChange[] => []);
  graph.tasks.forEach(({ op, kind, streams }, index) => {
    if (kind === "post") return;
    const { chunk: stage, microBatch } = op;
    const letter = op.letter as Action["letter"];
    const startNs = times.startNs[index]!;
    const endNs = times.endNs[index]!;
    recorder.add({
      action: formatAction({ stage, letter, microBatch }),
      device: plan.stages[streams[0]!]!.device,
      stream: kind,
      startNs,
      durationNs: (endNs - startNs) as Nanos,
      stage,
      letter,
      microBatch,
      ...facts[microBatch]!,
      ...(kind === "compute" ? {} : { bytes: bytesOf[microBatch]! }),
    });
    if (kind === "compute" && letter === "F") changes[stage]!.push({ timeNs: startNs, delta: 1 });
    if (kind === "compute" && letter === "B") changes[stage]!.push({ timeNs: endNs, delta: -1 });
  });
  plan.stages.forEach(({ device }, stage) => {
    const peak = peakInFlight(plan.actions[stage]!.map((key) => ACTION_LETTERS.indexOf(parseAction(key).letter)));
    const inOrder = changes[stage]!.sort((a, b) => a.timeNs - b.timeNs || a.delta - b.delta);
    for (const sample of memorySamples(device, plan.memory[stage]!, peak, inOrder)) recorder.addCounter(sample);
  });
  return recorder.finish();
}

/**
 * Runs a plan in virtual time without overlap: a message takes the compute stream of its sender from the end of its action, and that
 * of its receiver before the action that needs it, latency and bytes alike. The sender never waits for the receiver, so that every order
 * that runs with overlap runs without. A stage in the middle takes 2 sends, 2 receives, F and B for each micro-batch.
 * @throws PlanError when no action can go on and some are left.
 */
export function simulateBlocking(options: SimulateOptions): Trace {
  const { plan, costModel } = options;
  const bytesOf = messageBytes(plan);
  const { rates, wireOf } = wiresOf(options);
  const costOf = ({ from, to, microBatch }: PipelineMessage): MessageCost => {
    const boundary = Math.min(from, to);
    const wire = wireOf.get(`${boundary} ${from < to ? "down" : "up"}`);
    return {
      seconds: 0,
      flows: wire === undefined ? [] : [{ route: [wire], bytes: bytesOf[microBatch]! }],
      latencySeconds: costModel.linkCost(plan.links[boundary]!).latencySeconds,
    };
  };
  const alone = (message: PipelineMessage): number => {
    const { flows, latencySeconds } = costOf(message);
    return latencySeconds + flows.reduce((total, { route, bytes }) => total + bytes / rates[route[0]!]!, 0);
  };
  const graph = planTasks(options, costOf, alone);
  return traceOf(options, graph, runTasks(graph, rates));
}
