import type { Nanos } from "../core/index.ts";
import {
  type Action,
  actionDurations,
  formatAction,
  messageBytes,
  microBatchJobs,
  microBatchTokens,
  type PlanBody,
} from "../plan/index.ts";
import { createTraceRecorder, type Trace } from "../traces/index.ts";
import { type MemoryChange, memorySamples } from "./run/memory-samples.ts";
import { type ComputedRun, type RunFigures, runFigures } from "./run/run-figures.ts";
import type { RunTimes } from "./run/run-plan.ts";
import { stageOrder } from "./run/stage-orders.ts";
import type { SimulatedRun, SimulateOptions } from "./simulate-options.ts";
import { type BlockingLinks, blockingTasks, boundaryOf, isBeside, runBlockingTasks } from "./tasks/blocking-tasks.ts";
import type { PipelineGraph } from "./tasks/pipeline-tasks.ts";
import type { TaskTimes } from "./tasks/run-tasks.ts";

type TraceFacts = Omit<SimulateOptions, "costModel">;

function traceOf(options: TraceFacts, graph: PipelineGraph, times: TaskTimes): Trace {
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
  const changes = plan.stages.map((): MemoryChange[] => []);
  const positions = plan.actions.map((keys) => new Map(keys.map((key, position) => [key, position])));
  graph.tasks.forEach((task, index) => {
    const { op, kind, message, streams } = task;
    if (kind === "post") return;
    const { stage, microBatch } = op;
    const letter = op.letter as Action["letter"];
    const startNs = times.startNs[index]!;
    // Beside computation one task, on no stage's stream, is the event of both sides, until the message has arrived.
    const beside = isBeside(task, plan);
    const endNs = (beside ? times.resultNs : times.endNs)[index]!;
    const shared = { action: formatAction({ stage, letter, microBatch }), stage, letter, microBatch };
    const add = (stream: typeof kind, at: number): void =>
      recorder.add({
        ...shared,
        device: plan.stages[at]!.device,
        stream,
        startNs,
        durationNs: (endNs - startNs) as Nanos,
        ...facts[microBatch]!,
        ...(stream === "compute" ? {} : { bytes: bytesOf(boundaryOf(message!), microBatch) }),
      });
    add(kind, beside ? message!.from : streams[0]!);
    if (beside) add("receive", message!.to);
    if (kind !== "compute" || letter === "U") return;
    const position = positions[stage]!.get(shared.action)!;
    if (letter !== "B") changes[stage]!.push({ timeNs: startNs, position, at: "start" });
    if (letter !== "F") changes[stage]!.push({ timeNs: endNs, position, at: "end" });
  });
  plan.stages.forEach((_, stage) => {
    const inOrder = changes[stage]!.sort((a, b) => a.position - b.position);
    for (const sample of memorySamples(plan, stage, inOrder)) recorder.addCounter(sample);
  });
  return recorder.finish();
}

/**
 * Runs a plan in virtual time with transfers that do not overlap, of all links or of the marked ones: a message takes
 * the compute stream of its sender from the end of its action, and that of its receiver before the action that needs
 * it, latency and bytes alike. Where the receiver waits, both are held from the meeting to the end. The sender never
 * waits for the receiver, so that every order that runs with overlap runs without. A stage in the middle takes 2 sends,
 * 2 receives, F and B for each micro-batch. Messages of the other links travel beside computation, without limits of
 * buffers. Devices do not slow each other.
 * @throws PlanError when no action can go on and some are left.
 */
export function blockingRun(options: SimulateOptions, blocking: BlockingLinks): SimulatedRun<Trace> {
  const { plan, costModel } = options;
  const graph = blockingTasks(plan, blocking);
  const times = runBlockingTasks(plan, graph, { links: costModel, action: actionDurations(plan, costModel) });
  return { trace: traceOf(options, graph, times), figures: runFigures(plan, computedBy(plan, graph)(times)) };
}

/** The trace of such a run. @throws PlanError as `blockingRun` does */
export function simulateBlocking(options: SimulateOptions, blocking: BlockingLinks = "all"): Trace {
  return blockingRun(options, blocking).trace;
}

/** What the tasks of a graph compute, with some times of them. */
function computedBy(plan: PlanBody, graph: PipelineGraph): (times: TaskTimes) => ComputedRun {
  const orders = plan.actions.map((keys) => stageOrder(keys, () => []));
  const computed = plan.stages.map((_, stage) =>
    graph.orders[stage]!.filter((index) => graph.tasks[index]!.kind === "compute"),
  );
  return ({ startNs, endNs }) => ({
    devices: computed.map((tasks, stage) => ({
      compute: {
        ...orders[stage]!,
        startNs: Float64Array.from(tasks, (task) => startNs[task]!),
        endNs: Float64Array.from(tasks, (task) => endNs[task]!),
      },
    })),
  });
}

type LinkTimes = Pick<RunTimes, "links" | "action">;

/** What such runs compute, with other times each, which take the same tasks. */
export function blockingRuns(plan: PlanBody, blocking: BlockingLinks): (times: LinkTimes) => ComputedRun {
  const graph = blockingTasks(plan, blocking);
  const computed = computedBy(plan, graph);
  return (times) => computed(runBlockingTasks(plan, graph, times));
}

/** The figures of such runs. */
export function blockingFigures(plan: PlanBody, blocking: BlockingLinks): (times: LinkTimes) => RunFigures {
  const runs = blockingRuns(plan, blocking);
  return (times) => runFigures(plan, runs(times));
}
