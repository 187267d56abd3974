import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type JournalLine, POLICIES, Scheduler } from "../../../plan/index.ts";
import { withWarmUp } from "../../../plan/scheduler/policies/warm-up.ts";
import type { FleetState } from "../../../sim/fleet/fleet-state.ts";
import { FleetRun, type FleetStart } from "../../../sim/fleet/run-fleet.ts";
import { madeFleet, randomFleet } from "./random-fleet.ts";

/** An iteration ends before the cut that the scheduler hears of behind it. */
const UNTOLD = {
  fleet: {
    jobs: [
      { arrivalNs: 0, asked: 5, share: 0.9, tokens: 1 },
      { arrivalNs: 2, asked: 1, share: 0, tokens: 4 },
    ].map((job) => ({ user: "a" as const, priority: 0, slackNs: null, guess: 1, bytes: 10, ...job })),
    numPipelines: 2,
    isAhead: false,
  },
  ...{ policy: "sjf" as const, warmUp: 0, triggers: 0, beyondNs: 59 },
};

const cuts = fc.record({
  fleet: randomFleet,
  policy: fc.constantFrom(...POLICIES),
  warmUp: fc.integer({ min: 0, max: 2 }),
  triggers: fc.integer({ min: 0, max: 60 }),
  /** Behind the last of them, and before the next. */
  beyondNs: fc.integer({ min: 0, max: 60 }),
});

/** A state that was written to a file and read again. */
function reread(state: FleetState): FleetState {
  return JSON.parse(JSON.stringify(state)) as FleetState;
}

describe("a fleet that is cut at any time", () => {
  it("goes on from its state as it would have without", () => {
    fc.assert(
      fc.property(cuts, ({ fleet, policy: name, warmUp, triggers, beyondNs }) => {
        const { simulated, resources, policy, ...machines } = madeFleet(fleet);
        const policyFor = () => (warmUp === 0 ? policy(name) : withWarmUp(policy(name), warmUp));
        const runOf = (jobs: typeof simulated, lines: JournalLine[], from?: FleetStart) =>
          new FleetRun(jobs, new Scheduler(policyFor(), resources, from?.state.scheduler), {
            ...machines,
            from,
            onLine: (line) => void lines.push(line),
          });
        const lines: JournalLine[] = [];
        const whole = runOf(simulated, lines);
        whole.advance({ triggers });
        const untilNs = Math.max(0, lines.at(-1)?.atNs ?? 0) + beyondNs;
        whole.advance({ untilNs });
        const { state, truths, toCome } = whole.cut(untilNs);
        const before = lines.length;
        const { outcomes } = whole.run();

        const rest: JournalLine[] = [];
        const again = runOf(toCome, rest, { state: reread(state), truths });
        const resumed = again.run();
        expect(rest).toEqual(lines.slice(before));
        const left = new Set(resumed.outcomes.map((outcome) => outcome.name));
        expect(resumed.outcomes).toEqual(outcomes.filter((outcome) => left.has(outcome.name)));
        // All that had not ended, and nobody else.
        expect(left.size).toBe(
          outcomes.filter(({ endNs, refused }) => !refused && endNs! > untilNs).length + numRefused(rest),
        );
      }),
      { numRuns: 400, examples: [[UNTOLD]] },
    );
  });
});

function numRefused(lines: readonly JournalLine[]): number {
  return lines.flatMap(({ decisions }) => decisions).filter(({ kind }) => kind === "refuse").length;
}
