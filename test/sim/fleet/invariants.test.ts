import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { packageFile, silent } from "../../../files/index.ts";
import {
  fleetHistory,
  type JournalLine,
  POLICIES,
  parseJournal,
  type Resources,
  Scheduler,
  timesOf,
} from "../../../plan/index.ts";
import { withWarmUp } from "../../../plan/scheduler/policies/warm-up.ts";
import { FleetRun } from "../../../sim/fleet/run-fleet.ts";
import { loadPolicy } from "../../../workbench/index.ts";
import { BYTES, madeFleet, randomFleet } from "./random-fleet.ts";

/** Of the examples: one that a person could have written. */
const OWN = await loadPolicy(silent("."), packageFile("examples", "policies", "shortest-first.mjs"));

const fleets = randomFleet.chain((fleet) =>
  fc.record({
    fleet: fc.constant(fleet),
    policy: fc.constantFrom(...POLICIES, "shortest-first" as const),
    warmUp: fc.integer({ min: 0, max: 2 }),
  }),
);

/** What holds of the journal of a fleet: every job is in one place, and pipelines hold what they have room for. */
class Witness {
  readonly #resources: Resources;
  readonly #bytes: readonly number[];
  readonly #placed = new Map<number, number>();
  readonly #between = new Set<number>();
  readonly #done = new Map<number, number>();

  constructor(resources: Resources, bytes: readonly number[]) {
    this.#resources = resources;
    this.#bytes = bytes;
  }

  see({ events, decisions }: JournalLine): void {
    this.#between.clear();
    for (const event of events) {
      if (event.kind === "progress") {
        expect(this.#placed.has(event.number)).toBe(true);
        expect(event.done).toBeGreaterThan(this.#done.get(event.number) ?? 0);
        this.#done.set(event.number, event.done);
        if (event.between) this.#between.add(event.number);
      }
      if (event.kind === "ended") this.#placed.delete(event.number);
    }
    for (const { kind, number, pipeline } of decisions) {
      if (kind === "start" || kind === "resume") {
        expect(this.#placed.has(number)).toBe(false);
        expect(kind === "resume").toBe((this.#done.get(number) ?? 0) > 0);
        this.#placed.set(number, pipeline!);
      }
      if (kind === "preempt" || kind === "stop") {
        // Between two iterations, and never twice.
        expect(this.#between.has(number)).toBe(true);
        expect(this.#placed.delete(number)).toBe(true);
      }
    }
    for (let pipeline = 0; pipeline < this.#resources.numPipelines; pipeline += 1) {
      const held = [...this.#placed].filter(([, where]) => where === pipeline);
      expect(held.reduce((sum, [number]) => sum + this.#bytes[number]!, 0)).toBeLessThanOrEqual(BYTES);
    }
  }
}

describe("a fleet under any policy", () => {
  it("loses no job, holds what there is room for, and decides the same from the same triggers", {
    tags: ["slow"],
  }, () => {
    fc.assert(
      fc.property(fleets, ({ fleet, policy: name, warmUp }) => {
        const { simulated, bytes, resources, numPipelines, times, isAhead, policy } = madeFleet(fleet);
        const made = () => (name === "shortest-first" ? OWN(resources) : policy(name));
        const policyFor = () => (warmUp === 0 ? made() : withWarmUp(made(), warmUp));
        const lines: JournalLine[] = [];
        const witness = new Witness(resources, bytes);
        const run = new FleetRun(simulated, new Scheduler(policyFor(), resources), {
          numPipelines,
          times,
          isAhead,
          onLine(line) {
            lines.push(line);
            witness.see(line);
          },
        });
        const { outcomes } = run.run();
        outcomes.forEach(({ endNs, startNs, arrivalNs, refused, trainedNs }) => {
          expect(endNs === undefined).toBe(refused);
          if (refused) expect(name).toBe("deadline");
          else {
            expect(startNs).toBeGreaterThanOrEqual(arrivalNs);
            expect(trainedNs).toBeLessThanOrEqual(endNs! - startNs!);
          }
        });
        // What a journal says of each job is what became of it.
        const history = fleetHistory(lines);
        expect(
          history.jobs.map((each) => ({ ...each, ...timesOf(each), refused: each.outcome === "refused" })),
        ).toMatchObject(outcomes);
        for (const { spans, request, endNs } of history.jobs) {
          const last = spans.reduce((until, { startNs, endNs: end }) => {
            expect(startNs).toBe(until);
            return end;
          }, request.arrivalNs);
          if (endNs !== undefined) expect(last).toBe(endNs);
        }
        expect(
          parseJournal(
            lines.map((line) => `${JSON.stringify(line)}\n`),
            "j",
          ).lines,
        ).toEqual(lines);
        const replayed = new Scheduler(policyFor(), resources);
        for (const line of lines) expect(replayed.trigger(line.atNs, line.events)).toEqual(line);
      }),
      { numRuns: 450 },
    );
  });
});
