import { describe, expect, it } from "vitest";
import { type FleetEvent, type Resources, Scheduler } from "../../../plan/index.ts";
import { packed } from "../../../plan/scheduler/policies/packed.ts";

/** One pipeline for two jobs, whose micro-batches have room for 100 tokens. */
const resources: Resources = {
  numPipelines: 1,
  microBatchTokens: 100,
  isSteady: true,
  shortfall: (_, jobs) => (jobs.length > 2 ? { kind: "jobs", most: 2 } : undefined),
  kindOf: () => "",
  iterationNs: () => 10,
  nextBytes: () => 1,
  nextLength: () => 1,
};

function arrived(number: number, tokens: number): FleetEvent {
  const request = {
    name: `job${number}`,
    user: "",
    priority: 0,
    arrivalNs: 0,
    deadlineNs: null,
    iterations: 1,
    tokens,
  };
  return { kind: "arrived", number, request, predicted: 1 };
}

describe("the policy packed", () => {
  it("takes the job that fills micro-batches best, and one that was passed often next", () => {
    const scheduler = new Scheduler(packed, resources);
    const at = (ns: number, ...events: readonly FleetEvent[]) =>
      scheduler.trigger(ns, events).decisions.map(({ kind, name, why }) => `${kind} ${name}: ${why}`);
    // 90 of 100 tokens, then 90 and 10; the one of 55 leaves more empty.
    expect(at(0, arrived(0, 55), arrived(1, 90), arrived(2, 10))).toEqual([
      "start job1: 10.0 % of the micro-batches stay empty",
      "start job2: 0.0 % of the micro-batches stay empty",
    ]);
    // Each time there is another one that fits better, until it has been passed eight times.
    const started: string[] = [];
    for (let number = 3; number < 10; number += 1) {
      const [decision] = at(number, { kind: "ended", number: number - 1 }, arrived(number, 10));
      started.push(decision!.split(":")[0]!);
    }
    expect(started).toEqual([...[3, 4, 5, 6, 7, 8].map((number) => `start job${number}`), "start job0"]);
  });
});
