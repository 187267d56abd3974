import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mean } from "../../../core/index.ts";
import {
  type AskedEvent,
  createCostModel,
  evaluatesAfter,
  FleetOutcomes,
  type FleetWork,
  fleetSetting,
  type JournalLine,
  POLICIES,
  packGreedily,
  policyOf,
  Scheduler,
  type Segment,
  settingResources,
  validatePlan,
} from "../../../plan/index.ts";
import { CohortTimes } from "../../../sim/fleet/cohort-times.ts";
import { fleetForecaster } from "../../../sim/fleet/forecast.ts";
import { type ActionFleetInput, runFleetActions } from "../../../sim/fleet/run-actions.ts";
import { requestOf } from "../../../sim/fleet/simulate-fleet.ts";
import { fleetTwin, happeningsOf, simulateFleet, withSameDecisions, worksOfPlan } from "../../../sim/index.ts";
import { planSmall, type SmallJob, smallCase } from "../../exec/small-run.ts";
import { grownPlan } from "../../plan/grow.ts";

const SECOND = 1e9;

const job = fc.record({
  rank: fc.integer({ min: 1, max: 8 }),
  steps: fc.integer({ min: 20, max: 60 }),
  batchSize: fc.constantFrom(2, 4),
  microBatchSize: fc.constantFrom(1, 2),
  length: fc.integer({ min: 6, max: 60 }),
  spread: fc.integer({ min: 1, max: 40 }),
});

const rest = {
  arrivals: fc.array(fc.integer({ min: 0, max: 600 }), { minLength: 8, maxLength: 8 }),
  priorities: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 8, maxLength: 8 }),
  numDevices: fc.integer({ min: 1, max: 3 }),
  pipelines: fc.integer({ min: 1, max: 2 }),
  most: fc.integer({ min: 1, max: 3 }),
  policy: fc.constantFrom(...POLICIES),
};
const fleets = fc.record({ jobs: fc.array(job, { minLength: 2, maxLength: 8 }), ...rest });
/** Evaluated seldom or always, on a few rows or on more than a step has, or not at all. */
const evaluation = fc.record({ everySteps: fc.integer({ min: 1, max: 25 }), count: fc.integer({ min: 1, max: 12 }) });
const evaluatedJob = fc
  .tuple(job, fc.option(evaluation, { nil: undefined, freq: 3 }))
  .map(([own, held]) => (held === undefined ? own : { ...own, evaluation: held }));
const evaluatedFleets = fc.record({ jobs: fc.array(evaluatedJob, { minLength: 2, maxLength: 8 }), ...rest });
type Fleet = typeof fleets extends fc.Arbitrary<infer Value> ? Value : never;

function fleetOf({ jobs, arrivals, priorities, numDevices, pipelines, most }: Fleet) {
  const numPipelines = Math.min(pipelines, jobs.length);
  const devices = `unit*${numDevices * numPipelines}`;
  const plan = planSmall(smallCase(jobs as readonly SmallJob[]), {
    devices,
    groups: "unfused",
    pipelines: numPipelines,
  });
  const costs = createCostModel(plan.calibration, "float32");
  const setting = fleetSetting(plan);
  const members = worksOfPlan(plan)
    .map((work, i) => ({
      work: { ...work, job: { ...work.job, priority: priorities[i]! } },
      arrival: { user: `user${i % 2}`, arrivalNs: arrivals[i]! * SECOND, deadlineNs: null },
    }))
    .sort((a, b) => a.arrival.arrivalNs - b.arrival.arrivalNs);
  return { setting, costs, members, most };
}

function runActions(
  { setting, costs, members, most }: ReturnType<typeof fleetOf>,
  policy: Fleet["policy"],
  more: Pick<ActionFleetInput, "requests"> = {},
) {
  const works: readonly FleetWork[] = members.map(({ work }) => work);
  const resources = () => settingResources({ setting, works, most, iterationNs: () => SECOND });
  const forecast = fleetForecaster({ times: { iterationNs: (_, own) => own.map(() => SECOND) }, isAhead: true });
  const scheduler = new Scheduler(policyOf(policy, resources(), { forecast }), resources());
  const sharing =
    policy === "packed" ? new CohortTimes(setting, costs, works, { pack: packGreedily }).sharing : undefined;
  const lines: JournalLine[] = [];
  const segments: Segment[] = [];
  const outcomes = new FleetOutcomes();
  const { endNs } = runFleetActions({
    ...{ setting, costs, scheduler, sharing, ...more },
    jobs: members.map((member) => ({ work: member.work, request: requestOf(member) })),
    onLine(line) {
      lines.push(line);
      outcomes.add(line);
    },
    onSegment: (segment) => segments.push(segment),
  });
  const replayed = new Scheduler(policyOf(policy, resources(), { forecast }), resources());
  for (const line of lines) expect(replayed.trigger(line.atNs, line.events)).toEqual(line);
  const again = new Scheduler(policyOf(policy, resources(), { forecast }), resources());
  return { lines, segments, outcomes: outcomes.all(), endNs, works, again, sharing };
}

/** What is asked for of some jobs at some seconds; who is paused goes on later. */
const requests = fc
  .array(
    fc.record({
      kind: fc.constantFrom("stop", "priority", "pause"),
      number: fc.integer({ min: 0, max: 7 }),
      from: fc.integer({ min: 0, max: 600 }),
      for: fc.integer({ min: 1, max: 100 }),
    }),
    { maxLength: 6 },
  )
  .map((list) =>
    list
      .flatMap(({ kind, number, from, for: seconds }) => {
        const at = (atNs: number, event: AskedEvent) => ({ atNs, event: { ...event, askedNs: atNs } });
        if (kind === "stop") return [at(from * SECOND, { kind, number, by: "user", why: "cancelled" })];
        if (kind === "priority") return [at(from * SECOND, { kind, number, priority: seconds })];
        return [at(from * SECOND, { kind, number }), at((from + seconds) * SECOND, { kind: "unpause", number })];
      })
      .sort((a, b) => a.atNs - b.atNs),
  );

describe("a fleet, action by action", () => {
  it("trains and evaluates every job as it would be alone, as a valid plan, and replays to the same decisions", {
    tags: ["slow"],
    timeout: 120_000,
  }, () => {
    fc.assert(
      fc.property(fc.oneof(fleets, evaluatedFleets), (fleet) => {
        const given = fleetOf(fleet);
        const { segments, outcomes, endNs, works } = runActions(given, fleet.policy);
        const plan = grownPlan(given.setting, segments);
        validatePlan(plan);
        for (const [number, planned] of plan.jobs.entries()) {
          const rowsOf = (evaluated: boolean): readonly (readonly number[])[] => {
            const steps: number[][] = [];
            for (const { group, step, rows, evaluation: isEvaluation = false } of plan.microBatches) {
              const own = rows.filter(([job]) => job === number).map(([, row]) => row);
              if (own.length === 0 || isEvaluation !== evaluated) continue;
              const { firstStep } = plan.groups[group]!.members.find(({ job }) => job === number)!;
              steps[firstStep + step] = [...(steps[firstStep + step] ?? []), ...own];
            }
            return steps.map((rows) => rows.sort((a, b) => a - b));
          };
          const stepsOf = (evaluated: boolean): readonly number[] =>
            [...rowsOf(evaluated).entries()].flatMap(([step, rows]) => (rows === undefined ? [] : [step]));
          const { steps } = works.find(({ job }) => job.name === planned.name)!;
          expect(rowsOf(false)).toEqual(
            Array.from(steps, (parts) =>
              parts
                .flat()
                .map(([, row]) => row)
                .sort((a, b) => a - b),
            ),
          );
          const all = Array.from(steps, (_, step) => step);
          const { evaluation: held } = planned;
          expect(stepsOf(true)).toEqual(
            held === undefined ? [] : all.filter((step) => evaluatesAfter(held, step, planned.steps)),
          );
        }
        for (const outcome of outcomes) expect(outcome.endNs).toBeGreaterThan(outcome.startNs!);
        expect(Math.max(...outcomes.map((outcome) => outcome.endNs!))).toBeLessThanOrEqual(endNs);
      }),
      { numRuns: 25, endOnFailure: true },
    );
  });

  it("has a twin that is told what happened, and decides the same", { tags: ["slow"], timeout: 120_000 }, () => {
    fc.assert(
      fc.property(fc.oneof(fleets, evaluatedFleets), requests, (fleet, asked) => {
        const given = fleetOf(fleet);
        const { lines, outcomes, works, again, sharing } = runActions(given, fleet.policy, { requests: asked });
        const { setting, costs } = given;
        const happenings = happeningsOf(lines);
        const twin = fleetTwin({ setting, costs, works, sharing, happenings, scheduler: again });
        expect(twin.journal).toEqual(lines);
        expect(twin.outcomes).toEqual(outcomes);
      }),
      { numRuns: 25, endOnFailure: true },
    );
  });

  it("comes to each decision at its own time again, where its plan is given", {
    tags: ["slow"],
    timeout: 120_000,
  }, () => {
    fc.assert(
      fc.property(fc.oneof(fleets, evaluatedFleets), requests, (fleet, asked) => {
        const { setting, costs, ...given } = fleetOf(fleet);
        const { lines, segments } = runActions({ setting, costs, ...given }, fleet.policy, { requests: asked });
        if (segments.length > 0) expect(withSameDecisions({ setting, costs, segments, journal: lines })).toEqual(lines);
      }),
      { numRuns: 25, endOnFailure: true },
    );
  });

  it.each([
    ["without evaluations", fleets],
    ["of jobs that are evaluated", evaluatedFleets],
  ])(
    "has the turnaround of a simulation iteration by iteration, %s",
    { tags: ["slow"], timeout: 120_000 },
    (_, given) => {
      const errors: number[] = [];
      fc.assert(
        fc.property(given, (fleet) => {
          const request = { ...fleetOf(fleet), policy: fleet.policy };
          const [fine, rough] = (["actions", "iterations"] as const).map((granularity) => {
            const { metrics } = simulateFleet({ ...request, granularity });
            return metrics.turnaroundSeconds.mean;
          });
          errors.push(Math.abs(rough! / fine! - 1));
        }),
        { numRuns: 20, seed: 11, endOnFailure: true },
      );
      expect(mean(errors)).toBeLessThan(0.01);
    },
  );
});
