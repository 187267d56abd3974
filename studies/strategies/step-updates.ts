import { groupBy } from "../../core/index.ts";
import { NORM_BYTES } from "../../plan/index.ts";
import { messageSeconds } from "./interconnect.ts";
import type { Platform } from "./platform.ts";
import { isCollective, type StepGraph, type StepTask, type StepWork } from "./step-graph.ts";

export interface StepUpdates {
  /** By device. */
  readonly seconds: readonly number[];
  /** Whether an update needs the gradient norms of all devices. */
  readonly needsNorms: boolean;
}

/**
 * The step with an update on every device behind all else there, once its gradients are there. As in a plan, norms take
 * no time within a machine; each machine tells each other its own.
 */
export function withUpdates(platform: Platform, graph: StepGraph, { seconds, needsNorms }: StepUpdates): StepGraph {
  const { devices, interconnect } = platform;
  const tasks: StepTask[] = [...graph.tasks];
  const orders = graph.orders.map((order) => [...order]);
  const closing = devices.map((_, device) => orders[device]!.findLast((task) => tasks[task]!.work.kind === "compute")!);
  // Collectives are of all devices and follow each other.
  const collective = tasks.findLastIndex(({ work }) => isCollective(work.kind));
  const summed = collective < 0 ? [] : [collective];

  const add = (
    kind: StepWork["kind"],
    of: number,
    partners: readonly number[],
    task: Omit<StepTask, "work" | "name">,
  ) => {
    const { work } = tasks[closing[of]!]!;
    const { stage } = work;
    const letter = kind === "compute" ? "U" : work.letter;
    const microBatch = work.microBatches[work.devices.indexOf(of)]!;
    const microBatches = partners.map(() => microBatch);
    const own = { kind, stage, letter, devices: partners, microBatches, bytes: 0, heldBytes: 0 };
    return tasks.push({ ...task, name: `${kind} ${stage}${letter}${microBatch} on ${of}`, work: own }) - 1;
  };

  /** By machine, the tasks after which its devices know all norms. */
  const known = new Map<string, number[]>();
  if (needsNorms && devices.length > 1) {
    const machines = groupBy([...devices.keys()], (device) => devices[device]!.machine);
    for (const [machine, own] of machines) {
      const after = [...own.map((device) => closing[device]!), ...summed];
      known.set(machine, [add("norms", own[0]!, [own[0]!, own[0]!], { streams: [], after, seconds: 0 })]);
    }
    for (const [from, [sender]] of machines) {
      const after = known.get(from)!.slice(0, 1);
      for (const [to, [receiver]] of machines) {
        if (to === from) continue;
        const alone = messageSeconds(interconnect, interconnect.message(sender!, receiver!, NORM_BYTES)).arrival;
        known.get(to)!.push(add("norms", sender!, [sender!, receiver!], { streams: [], after, seconds: alone }));
      }
    }
  }
  devices.forEach(({ machine }, device) => {
    const after = [...summed, ...(known.get(machine) ?? [])];
    orders[device]!.push(add("compute", device, [device], { streams: [device], after, seconds: seconds[device]! }));
  });
  return { ...graph, tasks, orders };
}
