import { sum } from "../../core/index.ts";
import { adapterParameters } from "../costs/adapter-parameters.ts";
import type { Setting } from "../documents/setting.ts";
import { PageTable, type StateBytes } from "../memory/page-table.ts";
import type { FleetWork } from "./fleet-work.ts";
import type { Decision, JournalLine } from "./journal.ts";

/** An adapter's parameters and their two moments, in float32. */
const PARAMETER_BYTES = 4;
const STATE_BYTES = 3 * PARAMETER_BYTES;

/**
 * What states of jobs take on their way between devices, memory and disk, as decisions move them: one after another,
 * since one thread of the host does it all. A job's first action waits for its state.
 */
export class FleetPaging {
  readonly #setting: Setting;
  readonly #works: readonly FleetWork[];
  readonly #table: PageTable;
  /** When all that was to be moved before has been. */
  #freeNs = 0;
  /** By job on a pipeline. */
  readonly #pipelineOf = new Map<number, number>();

  /** `works`: by the jobs' numbers. `order`: jobs in the order in which they train next, as far as it is known. */
  constructor(setting: Setting, works: readonly FleetWork[], order: () => Iterable<number>) {
    this.#setting = setting;
    this.#works = works;
    this.#table = new PageTable(setting.states?.hostBytes ?? Number.POSITIVE_INFINITY, order);
  }

  /** The most bytes of states at any time: in memory, and on disk. */
  get peak(): StateBytes {
    return this.#table.peak;
  }

  /** By job that begins with some decisions: when its adapter is on its devices. */
  follow({ atNs, events, decisions }: Pick<JournalLine, "atNs" | "events" | "decisions">): ReadonlyMap<number, number> {
    const ready = new Map<number, number>();
    for (const { kind, number } of events) if (kind === "ended") this.#pipelineOf.delete(number);
    for (const decision of decisions) {
      const seconds = this.#move(decision);
      if (seconds === undefined) continue;
      this.#freeNs = Math.max(this.#freeNs, atNs) + Math.round(1e9 * seconds);
      if (decision.kind === "start" || decision.kind === "resume") ready.set(decision.number, this.#freeNs);
    }
    return ready;
  }

  /** Seconds of what a decision moves; undefined where that is nothing. */
  #move({ kind, number, pipeline }: Decision): number | undefined {
    switch (kind) {
      case "start":
      case "resume": {
        this.#pipelineOf.set(number, pipeline!);
        const read = this.#table.isOnDisk(number) ? this.#diskSeconds(number) : 0;
        this.#table.drop(number);
        return read + this.#linkSeconds(number, pipeline!, kind === "start" ? PARAMETER_BYTES : STATE_BYTES);
      }
      case "preempt": {
        const from = this.#pipelineOf.get(number)!;
        this.#pipelineOf.delete(number);
        const bytes = STATE_BYTES * sum(this.#parametersOn(number, from));
        const written = this.#table.keep(number, number, bytes).map((gone) => this.#diskSeconds(gone));
        return this.#linkSeconds(number, from, STATE_BYTES) + sum(written);
      }
      case "stop":
      case "refuse":
        this.#pipelineOf.delete(number);
        this.#table.drop(number);
        return undefined;
      case "leave":
      case "stay":
        return undefined;
    }
  }

  /** By stage of a pipeline. */
  #parametersOn(number: number, pipeline: number): readonly number[] {
    const { model, pipelines, stages } = this.#setting;
    const { firstStage, endStage } = pipelines[pipeline]!;
    const { job } = this.#works[number]!;
    return stages.slice(firstStage, endStage).map((stage) => adapterParameters(model.architecture, stage, job));
  }

  #linkSeconds(number: number, pipeline: number, bytesOfParameter: number): number {
    const { states, stages, pipelines } = this.#setting;
    const { firstStage } = pipelines[pipeline]!;
    return sum(
      this.#parametersOn(number, pipeline).map((count, at) => {
        const rate = states?.linkBytesPerSecond[stages[firstStage + at]!.device] ?? Number.POSITIVE_INFINITY;
        return (bytesOfParameter * count) / rate;
      }),
    );
  }

  /** Pipelines are copies of one model: a job has as many parameters on one as on another. */
  #diskSeconds(number: number): number {
    const rate = this.#setting.states?.diskBytesPerSecond ?? Number.POSITIVE_INFINITY;
    return (STATE_BYTES * sum(this.#parametersOn(number, 0))) / rate;
  }
}
