// What the time of one step of a comparison schedule goes to, and what it waited for.
import { type CauseSums, type CauseTime, type ChainedRun, type IdleCause, productsOf } from "../../traces/index.ts";
import { NO_SHARES } from "./backward-shares.ts";
import type { SimulatedStep } from "./simulate-jobs.ts";
import { isCollective, type StepTask } from "./step-graph.ts";

/** Where a step is in its run. */
export interface StepPlace {
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

/** What a computation goes to on one of its devices, all of its time. */
function workParts({ work }: StepTask, tokens: number, ns: number): readonly CauseTime[] {
  if (work.letter === "U") return [{ cause: "update", ns }];
  if (work.letter === "W") return [{ cause: "weight gradients", ns }];
  const { recomputed, weights } = work.shares ?? NO_SHARES;
  const again = Math.round(ns * recomputed);
  const gradients = Math.min(ns - again, Math.round(ns * weights));
  return [
    productsOf(tokens, ns - again - gradients),
    { cause: "weight gradients", ns: gradients } as const,
    { cause: "recomputation", ns: again } as const,
  ].filter((part) => part.ns > 0);
}

/** A step, asked for what each of its tasks waited for. Events are indices of tasks. */
export class StepRun implements ChainedRun<number> {
  readonly startNs: number;
  readonly endNs: number;
  readonly #step: SimulatedStep;
  readonly #place: StepPlace;
  /** By task, those in front of it on its streams. */
  readonly #inFront: readonly (readonly number[])[];
  /** Computations by device, in order. */
  readonly #computed: readonly (readonly number[])[];
  readonly #last: number | undefined;

  constructor(step: SimulatedStep, numDevices: number, place: StepPlace) {
    const { tasks, orders } = step.graph;
    const inFront = tasks.map((): number[] => []);
    for (const order of orders) order.slice(1).forEach((task, at) => void inFront[task]!.push(order[at]!));
    const computed = Array.from({ length: numDevices }, (): number[] => []);
    // On a stream of several devices as on those of each: in the order of their start.
    const inTime = [...tasks.keys()].sort((a, b) => step.times.startNs[a]! - step.times.startNs[b]! || a - b);
    for (const task of inTime) {
      const { kind, devices } = tasks[task]!.work;
      if (kind === "compute") for (const device of devices) computed[device]!.push(task);
    }
    // A run begins with its first computation.
    const firstNs = (): number =>
      Math.min(...computed.flatMap(([task]) => (task === undefined ? [] : [step.times.startNs[task]!])));
    this.startNs = place.isFirst ? firstNs() : 0;
    this.endNs = step.times.makespanNs;
    this.#step = step;
    this.#place = place;
    this.#inFront = inFront;
    this.#computed = computed;
    this.#last = this.#latest([...tasks.keys()], []);
  }

  last(): number | undefined {
    return this.#last;
  }

  beginNs(task: number): number {
    return this.#step.times.startNs[task]!;
  }

  endOf(task: number): number {
    return this.#step.times.resultNs[task]!;
  }

  cameAfter(task: number): number | undefined {
    return this.#latest(this.#step.graph.tasks[task]!.after, this.#inFront[task]!);
  }

  /** Of tasks whose results were needed, and of those that were in front, what was over last. */
  #latest(needed: readonly number[], inFront: readonly number[]): number | undefined {
    const { resultNs, endNs } = this.#step.times;
    let [last, lastNs] = [undefined as number | undefined, Number.NEGATIVE_INFINITY];
    const see = (task: number, ns: number): void => {
      if (ns > lastNs) [last, lastNs] = [task, ns];
    };
    for (const task of needed) see(task, resultNs[task]!);
    for (const task of inFront) see(task, endNs[task]!);
    return last;
  }

  stepOf(task: number, _isWait: boolean, ns: number) {
    const { work } = this.#step.graph.tasks[task]!;
    const { kind, stage, letter, devices, microBatches } = work;
    const isMessage = kind === "message" || kind === "norms";
    const isOfAll = devices.length > 1 && !isMessage;
    const parts = kind === "compute" ? this.#partsOf(task, 0, ns) : [{ cause: this.#causeOf(task), ns }];
    return {
      action: `${stage}${letter}${microBatches[0]}`,
      // A message is drawn where it arrives.
      device: isMessage ? devices[1]! : devices[0]!,
      isOfAll,
      // A collective is drawn on the lane of what it keeps waiting.
      stream: isMessage ? ("receive" as const) : isCollective(kind) ? ("compute" as const) : kind,
      parts,
    };
  }

  /** Adds what the time of each device goes to, all of it, as often as the run has the step. */
  addCauses(sums: CauseSums, times: number): void {
    const { isFirst } = this.#place;
    const { startNs, endNs } = this.#step.times;
    this.#computed.forEach((own, device) => {
      let atNs = this.startNs;
      own.forEach((task, position) => {
        const beginNs = startNs[task]!;
        if (isFirst && position === 0) sums.add({ cause: "fill", ns: beginNs - atNs }, times);
        else for (const part of this.#waits(atNs, beginNs, task)) sums.add(part, times);
        const at = this.#step.graph.tasks[task]!.work.devices.indexOf(device);
        for (const part of this.#partsOf(task, at, endNs[task]! - beginNs)) sums.add(part, times);
        atNs = endNs[task]!;
      });
      for (const part of this.#waits(atNs, this.endNs, undefined)) sums.add(part, times);
    });
  }

  #partsOf(task: number, at: number, ns: number): readonly CauseTime[] {
    const known = this.#step.graph.tasks[task]!;
    return workParts(known, this.#step.graph.microBatches[known.work.microBatches[at]!]!.tokens, ns);
  }

  #causeOf(task: number): IdleCause {
    const { kind } = this.#step.graph.tasks[task]!.work;
    return isCollective(kind) || kind === "norms" ? kind : "transfer";
  }

  /** What a device waits for from one time to another, before a task of its own or to the end of the step. */
  #waits(fromNs: number, untilNs: number, next: number | undefined): readonly CauseTime[] {
    const parts: CauseTime[] = [];
    let atNs = untilNs;
    const since = (ns: number, cause: IdleCause): void => {
      const beginNs = Math.max(fromNs, Math.min(ns, atNs));
      if (beginNs < atNs) parts.push({ cause, ns: atNs - beginNs });
      atNs = beginNs;
    };
    const rest: IdleCause = this.#place.isLast ? "drain" : "step before";
    /** Until something is found that it takes part in, it only waits for others to end. */
    let isIn = next !== undefined;
    let isForNorms = false;
    let task = next === undefined ? this.last() : this.cameAfter(next);
    while (atNs > fromNs && task !== undefined) {
      const { kind, letter } = this.#step.graph.tasks[task]!.work;
      isIn ||= isCollective(kind);
      if (!isIn) break;
      isForNorms = kind === "norms" || (isForNorms && kind === "compute");
      if (kind === "compute") since(fromNs, isForNorms ? "norms" : letter === "F" ? "forward" : "backward");
      else since(this.beginNs(task), this.#causeOf(task));
      task = this.cameAfter(task);
    }
    since(fromNs, next === undefined ? rest : "between");
    return parts;
  }
}
