import {
  type Action,
  dependencyTable,
  messageBytes,
  PLANNED_LETTERS,
  type PlanBody,
  parseAction,
  type ResolvedLink,
} from "../../plan/index.ts";
import type { RunTimes } from "../run/run-plan.ts";
import { type PipelineGraph, type PipelineMessage, type PipelineTask, pipelineTasks } from "./pipeline-tasks.ts";
import { runTasks, type TaskTimes } from "./run-tasks.ts";

/** Whose transfers take the compute streams: every link's, or those of the links that the plan marks. */
export type BlockingLinks = "all" | "marked";

/** Whether a plan of these links needs such tasks. */
export function hasBlockingLinks({ links }: { readonly links: readonly (ResolvedLink | null)[] }): boolean {
  return links.some((link) => link?.transfers === "blocking");
}

/** The boundary that a message crosses: the stage before it. */
export function boundaryOf({ from, to }: PipelineMessage): number {
  return Math.min(from, to);
}

/**
 * The tasks of a plan without times. Stage s computes on stream s; streams from the number of stages on are for what
 * travels beside.
 */
export function blockingTasks(plan: PlanBody, blocking: BlockingLinks): PipelineGraph {
  const dependencies = dependencyTable(plan);
  return pipelineTasks({
    orders: plan.actions.map((keys) => keys.map(parseAction)),
    numStages: plan.stages.length,
    firstStages: plan.pipelines.map(({ firstStage }) => firstStage),
    deviceOf: (stage) => stage,
    seconds: () => 0,
    message: () => ({ seconds: 0, flows: [], latencySeconds: 0 }),
    blockingSeconds: (message) =>
      blocking === "all" || plan.links[boundaryOf(message)]?.transfers === "blocking" ? 0 : undefined,
    signals: (action) =>
      dependencies
        .dependenciesOf(action as Action)
        .filter(({ message }) => message === "none")
        .map((dependency) => parseAction(dependency.action)),
  });
}

/**
 * The wires of a plan as links with rates: one for each direction between neighbours, one for both where a link is of
 * half duplex, or one that is shared.
 */
function wiresOf(plan: PlanBody, links: RunTimes["links"]) {
  const rates: number[] = [];
  const shared = new Map<string, number>();
  const wireOf = new Map<string, number>();
  plan.links.forEach((link, boundary) => {
    if (link === null) return;
    const { bytesPerSecond } = links.linkCost(link);
    if (bytesPerSecond === null) return;
    for (const direction of ["down", "up"]) {
      const isShared = link.shared || link.duplex === "half";
      const wire = (isShared ? shared.get(link.id) : undefined) ?? rates.push(bytesPerSecond) - 1;
      if (isShared) shared.set(link.id, wire);
      wireOf.set(`${boundary} ${direction}`, wire);
    }
  });
  return { rates, wireOf };
}

/** Whether a task is a message beside computation: one task for sender and receiver. */
export function isBeside({ streams }: PipelineTask, { stages }: Pick<PlanBody, "stages">): boolean {
  return streams[0]! >= stages.length;
}

/**
 * Runs the tasks with the times of a cost model or of a draw; devices do not slow each other.
 * @throws PlanError when no task can go on and some are left.
 */
export function runBlockingTasks(
  plan: PlanBody,
  graph: PipelineGraph,
  { links, action }: Pick<RunTimes, "links" | "action">,
): TaskTimes {
  const bytesOf = messageBytes(plan);
  const { rates, wireOf } = wiresOf(plan, links);
  const latencies = plan.links.map((link) => (link === null ? 0 : links.linkCost(link).latencySeconds));
  const timed = (task: PipelineTask): PipelineTask => {
    const { kind, op, message } = task;
    if (kind === "post") return task;
    if (kind === "compute") {
      const letter = PLANNED_LETTERS.indexOf(op.letter as Action["letter"]);
      return { ...task, seconds: action(op.stage, letter, op.microBatch) / 1e9 };
    }
    const boundary = boundaryOf(message!);
    const bytes = bytesOf(boundary, op.microBatch);
    const latencySeconds = latencies[boundary]!;
    const wire = wireOf.get(`${boundary} ${message!.from < message!.to ? "down" : "up"}`);
    if (kind === "receive")
      return { ...task, seconds: latencySeconds + (wire === undefined ? 0 : bytes / rates[wire]!) };
    const flows = wire === undefined ? [] : [{ route: [wire], bytes }];
    return isBeside(task, plan) ? { ...task, flows, latencySeconds } : { ...task, flows, seconds: latencySeconds };
  };
  return runTasks({ tasks: graph.tasks.map(timed), orders: graph.orders }, rates);
}
