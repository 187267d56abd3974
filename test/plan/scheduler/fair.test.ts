import { expect, it } from "vitest";
import { type FleetEvent, Scheduler } from "../../../plan/index.ts";
import { fair } from "../../../plan/scheduler/policies/fair.ts";
import type { Resources } from "../../../plan/scheduler/resources.ts";

/** One pipeline with room for a job. */
const resources: Resources = {
  numPipelines: 1,
  isSteady: true,
  shortfall: (_, jobs) => (jobs.length > 1 ? { kind: "memory", device: "cpu:0", bytes: 1 } : undefined),
  kindOf: () => "",
  iterationNs: () => 10,
  nextBytes: () => 1,
  nextLength: () => 1,
};

function arrived(number: number): FleetEvent {
  const request = { name: `job${number}`, user: "ann", priority: 0, arrivalNs: 0, deadlineNs: null, tokens: 16.1 };
  return { kind: "arrived", number, request: { ...request, iterations: 3 }, predicted: 3 };
}

it("fair says in whole tokens what a user has had", () => {
  const scheduler = new Scheduler(fair(), resources);
  scheduler.trigger(0, [arrived(0), arrived(1)]);
  const { decisions } = scheduler.trigger(30, [
    { kind: "progress", number: 0, done: 3, between: true },
    { kind: "ended", number: 0 },
  ]);
  // 3 * 16.1 is 48.300000000000004.
  expect(decisions).toMatchObject([{ kind: "start", name: "job1", why: "ann has had 48 tokens" }]);
});
