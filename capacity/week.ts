import { mean } from "../core/index.ts";
import type { JournalLine, Week } from "../plan/index.ts";
import type { CandidateFleet } from "./candidate-fleet.ts";
import type { JudgeInput } from "./judge-candidate.ts";
import { drawnFleet } from "./simulated-draws.ts";
import { simulateSlots } from "./slot-fleet.ts";

const HOUR_NS = 3600e9;
const HOURS_OF_WEEK = 168;

/** How many jobs wait and how many slots train, hour by hour, as the lines of a journal come. */
class HourlyUse {
  /** By hour, hours of jobs that waited and of slots that trained. */
  readonly waiting: number[];
  readonly busy: number[];
  readonly #jobsOn: number[];
  readonly #slotOf = new Map<number, number>();
  #numWaiting = 0;
  #numBusy = 0;
  #nowNs = 0;

  constructor(numHours: number, numSlots: number) {
    this.waiting = Array<number>(numHours).fill(0);
    this.busy = Array<number>(numHours).fill(0);
    this.#jobsOn = Array<number>(numSlots).fill(0);
  }

  add({ atNs, events, decisions }: JournalLine): void {
    this.#pass(atNs);
    for (const { kind, number } of events) {
      if (kind === "arrived") this.#numWaiting += 1;
      else if (kind === "ended") this.#leave(number);
    }
    for (const { kind, number, pipeline } of decisions) {
      if (kind === "start" || kind === "resume") {
        this.#numWaiting -= 1;
        this.#slotOf.set(number, pipeline!);
        this.#jobsOn[pipeline!]! += 1;
        if (this.#jobsOn[pipeline!] === 1) this.#numBusy += 1;
      } else if (kind === "refuse") this.#numWaiting -= 1;
      else if (kind === "preempt") {
        this.#leave(number);
        this.#numWaiting += 1;
      }
    }
  }

  #leave(number: number): void {
    const slot = this.#slotOf.get(number)!;
    this.#slotOf.delete(number);
    this.#jobsOn[slot]! -= 1;
    if (this.#jobsOn[slot] === 0) this.#numBusy -= 1;
  }

  /** What stood until now. */
  #pass(atNs: number): void {
    const endNs = Math.min(atNs, this.waiting.length * HOUR_NS);
    while (this.#nowNs < endNs) {
      const hour = Math.floor(this.#nowNs / HOUR_NS);
      const untilNs = Math.min(endNs, (hour + 1) * HOUR_NS);
      const share = (untilNs - this.#nowNs) / HOUR_NS;
      this.waiting[hour]! += share * this.#numWaiting;
      this.busy[hour]! += share * this.#numBusy;
      this.#nowNs = untilNs;
    }
    this.#nowNs = Math.max(this.#nowNs, atNs);
  }
}

/** How a candidate is used over a week: the same hours of all weeks and draws, on average. */
export function weekOf(known: CandidateFleet, { draws, hours }: Pick<JudgeInput, "draws" | "hours">): Week {
  const { numSlots } = known.fleet;
  const uses = draws.map((jobs, draw) => {
    const use = new HourlyUse(hours, numSlots);
    simulateSlots(drawnFleet(known, draw), jobs, (line) => use.add(line));
    return use;
  });
  const average = (valuesOf: (use: HourlyUse) => readonly number[]): readonly number[] =>
    Array.from({ length: Math.min(hours, HOURS_OF_WEEK) }, (_, hour) =>
      mean(uses.flatMap((use) => valuesOf(use).filter((_each, at) => at % HOURS_OF_WEEK === hour))),
    );
  return {
    waiting: [...average(({ waiting }) => waiting)],
    busy: average(({ busy }) => busy).map((slots) => slots / numSlots),
  };
}
