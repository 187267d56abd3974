import { expect, it } from "vitest";
import { boundsOf } from "../../capacity/bounds.ts";
import type { SlotFleet } from "../../capacity/slot-fleet.ts";
import type { SlotTimes } from "../../capacity/slot-times.ts";

/** Two slots in which a step takes an hour, alone or with others. */
const times = { leastSeconds: () => 3600, stepSeconds: () => 3600 } as unknown as SlotTimes;
const fleet: SlotFleet = {
  ...{ numSlots: 2, jobsAtOnce: 1, policy: "fifo", times, startSeconds: 0, factor: 1 },
  expectedSeconds: (seconds) => seconds,
  luckOf: () => 1,
  deadlineSeconds: [],
  spanSeconds: 86_400,
};

/** Hours of eight jobs of three steps, one every half hour, of which three quarters have to end within so many. */
function hoursWithin(hours: number): number {
  const arrivals = Array.from({ length: 8 }, (_, job) => 1800 * job);
  const jobs = arrivals.map((arrivalSeconds, job) => ({ kind: 0, name: `${job}`, arrivalSeconds, steps: 3 }));
  const group = { level: { percent: 75, hours }, kinds: [0], names: ["one"] };
  return boundsOf(fleet, jobs, [group]).hours[0]!;
}

it("a level cannot be kept where its share's work is more than its slots do until the last job's hours are over", () => {
  // Three quarters of eight jobs are six, with 18 hours of work. Two slots do 7 until the last job comes, and 11 more in
  // 5.5 hours.
  expect(hoursWithin(5.51)).toBeCloseTo(3, 5);
  expect(hoursWithin(5.49)).toBe(Number.POSITIVE_INFINITY);
});
