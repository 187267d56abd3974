import type { Refactor } from "./planted-change.ts";

/** Changes of the code that change nothing of what it does. */
export const REFACTORS: readonly Refactor[] = [
  {
    name: "a sum written as a loop",
    changes: [
      {
        file: "plan/planner/grouping.ts",
        from: "for (const group of groups) if (group.load < lightest.load) lightest = group;",
        to: "for (let at = 1; at < groups.length; at += 1) {\n      const group = groups[at]!;\n      if (lightest.load > group.load) lightest = group;\n    }",
      },
    ],
  },
  {
    name: "a comparison the other way around",
    changes: [
      {
        file: "plan/scheduler/policies/priority.ts",
        from: "b.priority - a.priority || byArrival(a, b)",
        to: "-(a.priority - b.priority) || byArrival(a, b)",
      },
    ],
  },
  {
    name: "a name",
    changes: [
      { file: "plan/scheduler/policies/sjf.ts", from: "const leftNs = (job", to: "const remainingNs = (job" },
      {
        file: "plan/scheduler/policies/sjf.ts",
        from: "leftNs(a) - leftNs(b)",
        to: "remainingNs(a) - remainingNs(b)",
      },
    ],
  },
  {
    name: "a list made once more",
    changes: [
      {
        file: "plan/scheduler/policies/fifo.ts",
        from: "[...view.placed, ...view.waiting]",
        to: "[...[...view.placed], ...[...view.waiting]]",
      },
    ],
  },
  {
    name: "another number of the same value, and a comment",
    changes: [
      {
        file: "plan/actions/in-flight.ts",
        from: "  let now = 0;\n",
        to: "  // What is held now.\n  let now = 1 - 1;\n",
      },
    ],
  },
  {
    name: "a condition turned around",
    changes: [
      {
        file: "plan/schedules/admission.ts",
        from: "      if (!this.#room.fits(group)) break;\n      this.#room.enter(group);\n      count += 1;",
        to: "      const hasRoom = this.#room.fits(group);\n      if (hasRoom === false) break;\n      count += 1;\n      this.#room.enter(group);",
      },
    ],
  },
  {
    name: "a loop over a copy",
    changes: [
      {
        file: "sim/network/link.ts",
        from: "for (const flow of this.#flows) least = Math.min(least, flow.remainingBytes);",
        to: "for (const { remainingBytes } of [...this.#flows]) if (remainingBytes < least) least = remainingBytes;",
      },
    ],
  },
  {
    name: "a search the other way",
    changes: [
      {
        file: "plan/packing/pack-rows.ts",
        from: "(best < 0 || tokens[at]! > tokens[best]!)",
        to: "(best === -1 || tokens[best]! < tokens[at]!)",
      },
    ],
  },
  {
    name: "a value kept in a variable",
    changes: [
      {
        file: "sim/fleet/fleet-metrics.ts",
        from: "  const makespanSeconds = makespanNs / 1e9;",
        to: "  const nanoseconds = 1e9;\n  const makespanSeconds = makespanNs / nanoseconds;",
      },
    ],
  },
  {
    name: "a new figure beside the others",
    changes: [
      {
        file: "sim/fleet/fleet-metrics.ts",
        from: "    refused: outcomes.filter(({ refused }) => refused).length,",
        to: "    refused: outcomes.filter(({ refused }) => refused).length,\n    ...{ numJobs: outcomes.length },",
      },
    ],
  },
  {
    name: "two checks in the other order",
    changes: [
      {
        file: "plan/validate/validate-plan.ts",
        from: "  checkAfter(plan, orders);\n  checkRunsThrough(orders, dependencyTable(plan), plan);",
        to: "  checkRunsThrough(orders, dependencyTable(plan), plan);\n  checkAfter(plan, orders);",
      },
    ],
  },
];
