import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type FleetJob,
  type JournalLine,
  type PolicyName,
  policyOf,
  type Resources,
  Scheduler,
} from "../../../plan/index.ts";
import { withWarmUp } from "../../../plan/scheduler/policies/warm-up.ts";
import type { Policy } from "../../../plan/scheduler/policy.ts";
import type { SimulatedJob } from "../../../sim/fleet/fleet-state.ts";
import { FleetRun } from "../../../sim/fleet/run-fleet.ts";

// Where what jobs need never changes, policies say who joins and who leaves, found by looking at the pipelines that are
// joined alone. The reference goes through all jobs in turn (`takeInTurn`) and asks of each whether it still has room.

const BYTES = 100;

interface Sized extends SimulatedJob {
  readonly bytes: number;
}

/** Memory by job, and places; kinds are sizes. */
function machines(numPipelines: number, most: number, jobs: readonly Sized[]): Resources {
  const nextBytes = ({ number }: FleetJob): number => jobs[number]!.bytes;
  return {
    numPipelines,
    isSteady: true,
    shortfall(pipeline, own) {
      if (own.length > most) return { kind: "jobs", most };
      const short = own.reduce((sum, job) => sum + nextBytes(job), 0) - BYTES;
      return short > 0 ? { kind: "memory", device: `device ${pipeline}`, bytes: short } : undefined;
    },
    kindOf: (job) => `${nextBytes(job)}`,
    iterationNs: ({ tokens }) => 10 * tokens,
    nextBytes,
    nextLength: () => 1,
  };
}

/** A policy that goes through all jobs in turn. */
function inTurn(policy: Policy): Policy {
  return { ...policy, decide: (view, memory) => policy.decide({ ...view, places: undefined }, memory) };
}

interface Fleet {
  readonly jobs: readonly Sized[];
  readonly numPipelines: number;
  readonly most: number;
  readonly name: PolicyName;
  readonly isAhead: boolean;
}

function journal({ jobs, numPipelines, most, name, isAhead }: Fleet, of: (policy: Policy) => Policy): JournalLine[] {
  const resources = machines(numPipelines, most, jobs);
  const lines: JournalLine[] = [];
  new FleetRun(jobs, new Scheduler(of(policyOf(name, resources)), resources), {
    numPipelines,
    times: { iterationNs: (_, own) => own.map(({ tokens }) => 5 * tokens * (1 + own.length)) },
    isAhead,
    onLine: (line) => void lines.push(line),
  }).run();
  return lines;
}

const POLICIES = ["sjf", "priority", "mlora", "fair", "deadline"] as const;

const job = fc.record({
  user: fc.constantFrom("a", "b", "c"),
  priority: fc.integer({ min: 0, max: 2 }),
  gapNs: fc.integer({ min: 0, max: 60 }),
  slackNs: fc.option(fc.integer({ min: 0, max: 5000 }), { nil: null }),
  asked: fc.integer({ min: 1, max: 30 }),
  share: fc.double({ min: 0.2, max: 1.5, noNaN: true }),
  tokens: fc.integer({ min: 1, max: 5 }),
  bytes: fc.constantFrom(10, 25, 40, 60, 100),
});

/** In the order of arrival, so that numbers are places. */
function sized(jobs: readonly (typeof job extends fc.Arbitrary<infer T> ? T : never)[]): readonly Sized[] {
  let arrivalNs = 0;
  return jobs.map(({ user, priority, gapNs, slackNs, asked, share, tokens, bytes }, index) => {
    arrivalNs += gapNs;
    const deadlineNs = slackNs === null ? null : arrivalNs + slackNs;
    const request = { name: `${index}`, user, priority, arrivalNs, deadlineNs, tokens, iterations: asked };
    return { request, iterations: Math.min(asked, Math.max(1, Math.round(share * asked))), bytes };
  });
}

describe("who joins and who leaves", () => {
  it("is what all jobs in turn come to, in every journal", { tags: ["slow"] }, () => {
    const fleets = fc.record({
      jobs: fc.array(job, { minLength: 1, maxLength: 120, size: "max" }).map(sized),
      numPipelines: fc.integer({ min: 1, max: 5 }),
      most: fc.integer({ min: 1, max: 5 }),
      name: fc.constantFrom(...POLICIES),
      isAhead: fc.boolean(),
    });
    fc.assert(
      fc.property(fleets, (fleet) => {
        expect(journal(fleet, (policy) => policy)).toEqual(journal(fleet, inTurn));
      }),
      { numRuns: 100 },
    );
  });

  it("is left to all jobs in turn where a policy decides of some of them for another one", { tags: ["slow"] }, () => {
    const fleets = fc.record({
      jobs: fc.array(job, { minLength: 1, maxLength: 40, size: "max" }).map(sized),
      numPipelines: fc.integer({ min: 1, max: 3 }),
      most: fc.integer({ min: 1, max: 3 }),
      name: fc.constantFrom(...POLICIES),
      isAhead: fc.boolean(),
    });
    fc.assert(
      fc.property(fleets, (fleet) => {
        const warm = (policy: Policy): Policy => withWarmUp(policy, 2);
        expect(journal(fleet, warm)).toEqual(journal(fleet, (policy) => warm(inTurn(policy))));
      }),
      { numRuns: 100 },
    );
  });

  it("is that on a fleet of 64 pipelines with hundreds of jobs that wait", () => {
    const jobs = fc.sample(fc.array(job, { minLength: 1500, maxLength: 1500, size: "max" }), {
      seed: 3,
      numRuns: 1,
    })[0]!;
    const busy = jobs.map((each) => ({ ...each, gapNs: each.gapNs % 4 }));
    const fleet: Fleet = { jobs: sized(busy), numPipelines: 64, most: 4, name: "mlora", isAhead: true };
    const lines = journal(fleet, (policy) => policy);
    expect(lines).toEqual(journal(fleet, inTurn));
    const kinds = new Set(lines.flatMap(({ decisions }) => decisions.map(({ kind }) => kind)));
    expect([...kinds].sort()).toEqual(["leave", "preempt", "resume", "start", "stay", "stop"]);
  });
});
