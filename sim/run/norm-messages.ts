import { DueSlots, Fifo } from "../../core/index.ts";
import { activeMembers, clips, type LiveWork, type MiniBatch, NORM_BYTES, type Work } from "../../plan/index.ts";
import type { Connection } from "../network/connection.ts";
import type { OnConnection } from "./channel.ts";
import type { Connections } from "./connections.ts";
import type { RunSetting } from "./live-facts.ts";
import { type SmallMessages, sendSmall } from "./small-message.ts";

/** The stages of a pipeline that are on one machine, and the ways from there to its other machines. */
interface Place {
  readonly pipeline: number;
  readonly stages: readonly number[];
  readonly ways: Way[];
}

/** From one machine of a pipeline to another. */
interface Way {
  /** The slot of its next arrival. */
  readonly slot: number;
  readonly connection: Connection<OnConnection>;
  readonly to: Place;
  readonly arrivals: Fifo<{ readonly timeNs: number; readonly norms: OpenNorms }>;
}

/** Gradient norms of a mini-batch that are not at all machines of its pipeline. */
interface OpenNorms {
  readonly miniBatch: MiniBatch;
  readonly bytes: number;
  /** By stage of the pipeline: backwards that have not ended. */
  readonly backwards: Int32Array;
  /** How many stages elsewhere each machine has not heard of. */
  readonly missing: Map<Place, number>;
}

/**
 * What the stages of a pipeline on several machines tell each other of gradient norms: after its last backward of a
 * clipping mini-batch a stage sends its sums to each other machine, and an update waits for those of all stages. They
 * take no stream, but wait for what is in front of them on the same connection. Within a machine they take no time.
 */
export class NormMessages {
  readonly #pipelines: RunSetting["pipelines"];
  readonly #live: LiveWork;
  readonly #small: SmallMessages;
  /** By stage, where its pipeline is on several machines. */
  readonly #places: Place[] = [];
  readonly #placesOf: readonly (readonly Place[])[];
  readonly #ways: Way[] = [];
  readonly #due: DueSlots;
  readonly #open = new Map<MiniBatch, OpenNorms>();
  #isNeeded = false;
  /** Norms that were taken in this instant: the messages of the same backwards go before them. */
  #taken: { readonly from: Place; readonly norms: OpenNorms }[] = [];

  constructor(setting: RunSetting, connections: Connections, live: LiveWork, small: SmallMessages) {
    this.#pipelines = setting.pipelines;
    this.#live = live;
    this.#small = small;
    const machineOf = (stage: number): string => setting.devices[setting.stages[stage]!.device]!.machine;
    this.#placesOf = setting.pipelines.map(({ firstStage, endStage }, pipeline) => {
      const stages = Array.from({ length: endStage - firstStage }, (_, at) => firstStage + at);
      const names = [...new Set(stages.map(machineOf))];
      if (names.length === 1) return [];
      const places = names.map(
        (name): Place => ({ pipeline, stages: stages.filter((stage) => machineOf(stage) === name), ways: [] }),
      );
      places.forEach((place, from) => {
        for (const stage of place.stages) this.#places[stage] = place;
        places.forEach((to, at) => {
          const connection = connections.between(names[from]!, names[at]!);
          if (connection === null) return;
          const way: Way = { slot: this.#ways.length, connection, to, arrivals: new Fifo() };
          this.#ways.push(way);
          place.ways.push(way);
        });
      });
      return places;
    });
    this.#due = new DueSlots(this.#ways.length);
  }

  /** Work comes: where none of all its jobs clips nothing is sent. */
  expect({ jobs }: Pick<Work, "jobs">): void {
    this.#isNeeded ||= jobs.some(({ optimizer }) => optimizer.maxGradNorm !== undefined);
  }

  /** Whether an update waits for norms of another machine. */
  isMissing(stage: number, microBatch: number): boolean {
    const place = this.#places[stage];
    if (place === undefined || !this.#isNeeded) return false;
    return this.#open.get(this.#live.miniBatchOf(microBatch))?.missing.has(place) === true;
  }

  /** A backward of a stage has ended. */
  endBackward(stage: number, microBatch: number): void {
    const place = this.#places[stage];
    if (place === undefined || !this.#isNeeded) return;
    const miniBatch = this.#live.miniBatchOf(microBatch);
    const norms = this.#open.get(miniBatch) ?? this.#begin(place, miniBatch);
    if (norms === undefined) return;
    const at = stage - this.#pipelines[place.pipeline]!.firstStage;
    norms.backwards[at]! -= 1;
    if (norms.backwards[at] === 0) this.#taken.push({ from: place, norms });
  }

  /** All messages of an instant are on their way: what was taken in it follows. */
  sendTaken(nowNs: number): void {
    if (this.#taken.length === 0) return;
    for (const { from, norms } of this.#taken) for (const way of from.ways) this.#send(way, norms, nowNs);
    this.#taken = [];
  }

  /** When some arrive next; infinite where none do. */
  nextNs(): number {
    return this.#due.nextNs();
  }

  /** Applies what arrives at a time: the stages whose updates may start. */
  takeArrived(nowNs: number): readonly number[] {
    const stages: number[] = [];
    while (this.#due.nextNs() === nowNs) {
      const { slot, arrivals, to } = this.#ways[this.#due.take()!]!;
      const { norms } = arrivals.take()!;
      if (arrivals.first !== undefined) this.#due.add(slot, arrivals.first.timeNs);
      const missing = norms.missing.get(to)! - 1;
      norms.missing.set(to, missing);
      if (missing > 0) continue;
      norms.missing.delete(to);
      stages.push(...to.stages);
      if (norms.missing.size === 0) this.#open.delete(norms.miniBatch);
    }
    return stages;
  }

  /** Nothing for a mini-batch that does not clip. */
  #begin({ pipeline }: Place, miniBatch: MiniBatch): OpenNorms | undefined {
    if (!clips(this.#live, miniBatch)) return undefined;
    const { group, step, microBatches } = miniBatch;
    const { firstStage, endStage } = this.#pipelines[pipeline]!;
    const numStages = endStage - firstStage;
    const norms: OpenNorms = {
      miniBatch,
      bytes: NORM_BYTES * activeMembers(this.#live.groups, group, step).length,
      backwards: new Int32Array(numStages).fill(microBatches.length),
      missing: new Map(this.#placesOf[pipeline]!.map((place) => [place, numStages - place.stages.length])),
    };
    this.#open.set(miniBatch, norms);
    return norms;
  }

  #send(way: Way, norms: OpenNorms, nowNs: number): void {
    sendSmall(way.connection, norms.bytes, nowNs, this.#small, (timeNs) => this.#arriveAt(way, norms, timeNs));
  }

  #arriveAt({ slot, arrivals }: Way, norms: OpenNorms, timeNs: number): void {
    if (arrivals.first === undefined) this.#due.add(slot, timeNs);
    arrivals.add({ timeNs, norms });
  }
}
