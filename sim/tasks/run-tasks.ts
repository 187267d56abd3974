import { maximum, type Nanos, PlanError, secondsToNanos } from "../../core/index.ts";
import { FlowNetwork } from "../network/flow-network.ts";
import type { Route } from "../network/max-min.ts";
import { Engine } from "./engine.ts";

/** Bytes that a task moves, and the links that they cross. */
export interface TaskFlow {
  readonly route: Route;
  readonly bytes: number;
}

/** What a message costs: time of its own on the lane, bytes over links, and time until it has arrived. */
export interface MessageCost {
  readonly seconds: number;
  readonly flows: readonly TaskFlow[];
  readonly latencySeconds: number;
}

/** One piece of work: a computation, a message or a collective. */
export interface Task {
  readonly name: string;
  /** Streams that it takes all at once and holds to its end. A rendezvous takes the compute streams of both sides. */
  readonly streams: readonly number[];
  /** Tasks, by index, whose results it needs. */
  readonly after: readonly number[];
  /** Time on the streams beside the bytes. */
  readonly seconds: number;
  /** All of them are on their way at once, when `seconds` have passed; the last to end ends the task. */
  readonly flows?: readonly TaskFlow[];
  /** From the end, when the streams are free again, until those who need the result may start. */
  readonly latencySeconds?: number;
}

/** Tasks and the order in which each stream runs its own. */
export interface TaskGraph {
  readonly tasks: readonly Task[];
  /** Task indices by stream; a task stands once in each of its streams. */
  readonly orders: readonly (readonly number[])[];
}

/** When each task started, left its streams, and had its result where it is needed; by index. */
export interface TaskTimes {
  readonly startNs: readonly Nanos[];
  readonly endNs: readonly Nanos[];
  readonly resultNs: readonly Nanos[];
  readonly makespanNs: Nanos;
}

type Happening =
  | { readonly type: "flows"; readonly version: number }
  | { readonly type: "waited"; readonly task: number }
  | { readonly type: "result"; readonly task: number };

const PRIORITIES: Readonly<Record<Happening["type"], number>> = { flows: 0, waited: 1, result: 2 };

/** One row a stream that has not finished, with the task at its head. */
function blockedError({ tasks, orders }: TaskGraph, heads: Int32Array, hasResult: Uint8Array): PlanError {
  const rows = orders.flatMap((order, stream) => {
    const index = order[heads[stream]!];
    if (index === undefined) return [];
    const missing = tasks[index]!.after.filter((other) => hasResult[other] === 0).map((other) => tasks[other]!.name);
    const why = missing.length > 0 ? `waits for ${missing.join(", ")}` : "waits for another of its streams";
    return [`stream ${stream}: ${heads[stream]} of ${order.length} ran; ${tasks[index]!.name} ${why}`];
  });
  return new PlanError({
    expected: "streams whose orders can all run",
    got: `${rows.length} blocked streams`,
    detail: rows.join("\n"),
    hint: "Two streams want two tasks in opposite order, or a task needs the result of a later one.",
  });
}

/**
 * Runs tasks in virtual time. A task starts as soon as it is the next one of all its streams and has every result that
 * it needs. `linkBytesPerSecond` are the rates of the links that routes name.
 * @throws PlanError when no task can go on and some are left.
 */
export function runTasks(graph: TaskGraph, linkBytesPerSecond: readonly number[] = []): TaskTimes {
  const { tasks, orders } = graph;
  const engine = new Engine<Happening>();
  const network = new FlowNetwork<number>(linkBytesPerSecond);
  const heads = new Int32Array(orders.length);
  const isBusy = new Uint8Array(orders.length);
  const hasResult = new Uint8Array(tasks.length);
  const missing = Int32Array.from(tasks, ({ after }) => after.length);
  const flowsLeft = Int32Array.from(tasks, ({ flows }) => flows?.length ?? 0);
  const users: number[][] = tasks.map(() => []);
  tasks.forEach(({ after }, index) => {
    for (const other of after) users[other]!.push(index);
  });
  const startNs = new Array<Nanos>(tasks.length).fill(0 as Nanos);
  const endNs = [...startNs];
  const resultNs = [...startNs];
  const due = new Set<number>(tasks.keys());
  let numResults = 0;
  let flowsChanged = false;

  const tryStart = (index: number): void => {
    const { streams, seconds } = tasks[index]!;
    if (missing[index] !== 0) return;
    for (const stream of streams) if (isBusy[stream] === 1 || orders[stream]![heads[stream]!] !== index) return;
    for (const stream of streams) isBusy[stream] = 1;
    startNs[index] = engine.nowNs;
    // A task without streams is not held back by an order, so that it must not start twice.
    missing[index] = -1;
    engine.schedule(engine.nowNs + secondsToNanos(seconds), PRIORITIES.waited, { type: "waited", task: index });
  };

  const leaveStreams = (index: number): void => {
    const { streams, latencySeconds } = tasks[index]!;
    endNs[index] = engine.nowNs;
    for (const stream of streams) {
      isBusy[stream] = 0;
      heads[stream]! += 1;
      const next = orders[stream]![heads[stream]!];
      if (next !== undefined) due.add(next);
    }
    const arrivalNs = engine.nowNs + secondsToNanos(latencySeconds ?? 0);
    engine.schedule(arrivalNs, PRIORITIES.result, { type: "result", task: index });
  };

  const apply = (happening: Happening): void => {
    switch (happening.type) {
      case "waited": {
        const { flows } = tasks[happening.task]!;
        if (flows === undefined || flows.length === 0) {
          leaveStreams(happening.task);
          return;
        }
        for (const { route, bytes } of flows) network.start(happening.task, bytes, engine.nowNs, route);
        flowsChanged = true;
        return;
      }
      case "flows":
        if (happening.version !== network.version) return;
        for (const task of network.takeEnded(engine.nowNs)) {
          flowsLeft[task]! -= 1;
          if (flowsLeft[task] === 0) leaveStreams(task);
        }
        flowsChanged = true;
        return;
      case "result":
        resultNs[happening.task] = engine.nowNs;
        hasResult[happening.task] = 1;
        numResults += 1;
        for (const user of users[happening.task]!) {
          missing[user]! -= 1;
          if (missing[user] === 0) due.add(user);
        }
    }
  };

  const settle = (): void => {
    for (const index of due) tryStart(index);
    due.clear();
    if (!flowsChanged) return;
    flowsChanged = false;
    const nextNs = network.nextEndNs();
    if (nextNs !== null) engine.schedule(nextNs, PRIORITIES.flows, { type: "flows", version: network.version });
  };

  engine.run(apply, settle);
  if (numResults < tasks.length) throw blockedError(graph, heads, hasResult);
  return { startNs, endNs, resultNs, makespanNs: maximum([0, ...resultNs]) as Nanos };
}
