import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type FleetJob,
  fleetHistory,
  type JournalLine,
  POLICIES,
  type PolicyFactory,
  parseJournal,
  policyOf,
  type Resources,
  Scheduler,
  timesOf,
} from "../../../plan/index.ts";
import { withWarmUp } from "../../../plan/scheduler/policies/warm-up.ts";
import { FleetRun, type SimulatedJob } from "../../../sim/fleet/run-fleet.ts";
import { loadPolicy, silent } from "../../../workbench/index.ts";
import { packageFile } from "../../../workbench/package-file.ts";

const BYTES = 100;

/** Our policies, and those of the examples, which a person could have written. */
const MADE: Readonly<Record<string, PolicyFactory>> = {
  ...Object.fromEntries(POLICIES.map((name) => [name, (resources: Resources) => policyOf(name, resources)])),
  "shortest-first": await loadPolicy(silent("."), packageFile("examples", "policies", "shortest-first.mjs")),
};

/** Memory by job, and iterations that take longer the more jobs share a pipeline. */
function machines(numPipelines: number, bytes: readonly number[]): Resources {
  const nextBytes = ({ number }: FleetJob): number => bytes[number]!;
  return {
    numPipelines,
    isSteady: true,
    shortfall(pipeline, jobs) {
      const short = jobs.reduce((sum, job) => sum + nextBytes(job), 0) - BYTES;
      return short > 0 ? { kind: "memory", device: `device ${pipeline}`, bytes: short } : undefined;
    },
    kindOf: (job) => `${nextBytes(job)}`,
    iterationNs: ({ tokens }) => 10 * tokens,
    nextBytes,
    nextLength: ({ number, done }) => 1 + ((number * 7 + done * 3) % 13),
  };
}

const job = fc.record({
  user: fc.constantFrom("a", "b", "c"),
  priority: fc.integer({ min: 0, max: 3 }),
  arrivalNs: fc.integer({ min: 0, max: 3000 }),
  slackNs: fc.option(fc.integer({ min: 0, max: 5000 }), { nil: null }),
  asked: fc.integer({ min: 1, max: 20 }),
  share: fc.double({ min: 0, max: 1, noNaN: true }),
  guess: fc.integer({ min: 1, max: 30 }),
  tokens: fc.integer({ min: 1, max: 5 }),
  bytes: fc.integer({ min: 10, max: BYTES }),
});

const fleets = fc.record({
  jobs: fc.array(job, { minLength: 1, maxLength: 25 }),
  numPipelines: fc.integer({ min: 1, max: 4 }),
  policy: fc.constantFrom(...Object.keys(MADE)),
  warmUp: fc.integer({ min: 0, max: 2 }),
  isAhead: fc.boolean(),
});

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
  it("loses no job, holds what there is room for, and decides the same from the same triggers", () => {
    fc.assert(
      fc.property(fleets, ({ jobs, numPipelines, policy: name, warmUp, isAhead }) => {
        const byArrival = [...jobs].sort((a, b) => a.arrivalNs - b.arrivalNs);
        const bytes = byArrival.map((each) => each.bytes);
        const simulated = byArrival.map(
          ({ user, priority, arrivalNs, slackNs, asked, share, guess, tokens }, index) => {
            const request = { name: `${index}`, user, priority, arrivalNs, tokens, iterations: asked };
            return {
              request: { ...request, deadlineNs: slackNs === null ? null : arrivalNs + slackNs },
              iterations: Math.max(1, Math.round(share * asked)),
              predictions: [{ done: 1, predicted: Math.min(guess, asked) }],
            } satisfies SimulatedJob;
          },
        );
        const resources = machines(numPipelines, bytes);
        const policyFor = () => (warmUp === 0 ? MADE[name]!(resources) : withWarmUp(MADE[name]!(resources), warmUp));
        const lines: JournalLine[] = [];
        const witness = new Witness(resources, bytes);
        const run = new FleetRun(simulated, new Scheduler(policyFor(), resources), {
          numPipelines,
          times: { iterationNs: (_, own) => own.map(({ tokens }) => 5 * tokens * (1 + own.length)) },
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
        expect(parseJournal(lines.map((line) => `${JSON.stringify(line)}\n`).join(""), "j").lines).toEqual(lines);
        const replayed = new Scheduler(policyFor(), resources);
        for (const line of lines) expect(replayed.trigger(line.atNs, line.events)).toEqual(line);
      }),
      { numRuns: 450 },
    );
  });
});
