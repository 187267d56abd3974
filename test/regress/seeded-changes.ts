import type { SourceChange } from "./changed-clone.ts";

/** A fault that somebody might make, and what is to be said of it. */
export interface SeededFault {
  readonly name: string;
  readonly changes: readonly SourceChange[];
  /** A golden workload that catches it, and the cause that is named there. */
  readonly caughtBy: string;
  readonly cause: RegExp;
}

export const FAULTS: readonly SeededFault[] = [
  {
    name: "a lost overlap",
    changes: [
      {
        file: "sim/simulate.ts",
        from: "  return runStream(plan, runPlan(plan, costModel), {",
        to: "  if (plan.stages.length > 1) return simulateBlocking(options);\n  return runStream(plan, runPlan(plan, costModel), {",
      },
    ],
    caughtBy: "slow-network",
    cause: /^(transfers take \+|\w+: transfers take \+|\w+ waits \+)/,
  },
  {
    name: "a wrong priority",
    changes: [
      { file: "plan/scheduler/policies/priority.ts", from: "b.priority - a.priority", to: "a.priority - b.priority" },
    ],
    caughtBy: "priority",
    cause: /^decision \d+ is the first to differ: .* priority \d\) before, .* now$/,
  },
  {
    name: "an imbalance of 3 %",
    changes: [
      {
        file: "plan/planner/partition.ts",
        from: "    cost(stageOfHalves(index, numDevices, start, end));",
        to: "    (index === 0 ? 1.08 : 1) * cost(stageOfHalves(index, numDevices, start, end));",
      },
    ],
    caughtBy: "slow-network",
    cause: /^layers of the stages: .* before, .* now$/,
  },
  {
    name: "a stale memory estimate",
    changes: [
      {
        file: "plan/memory/cuda-memory.ts",
        from: "parameters * (4 * FLOAT + COMPUTE_BYTES.bfloat16)",
        to: "parameters * (2 * FLOAT + COMPUTE_BYTES.bfloat16)",
      },
    ],
    caughtBy: "unfused",
    cause: /^the memory of a\d is thought to be -?\d+\.\d % less$/,
  },
  {
    name: "a drained pipeline",
    changes: [
      {
        file: "plan/schedules/lorapp.ts",
        from: 'greedyOrders(input, "B")',
        to: 'greedyOrders({ ...input, maxInFlight: 1 }, "B")',
      },
    ],
    caughtBy: "lorapp",
    cause: /^unit:\d waits \+.* in the steady phase$/,
  },
  {
    name: "a starved user",
    changes: [
      {
        file: "plan/scheduler/policies/fair.ts",
        from: "shares.get(a)! - shares.get(b)!",
        to: "shares.get(b)! - shares.get(a)!",
      },
    ],
    caughtBy: "fair",
    cause: /^decision \d+ is the first to differ: .* has had .* tokens\).* now$/,
  },
  {
    name: "FIFO order broken among equals",
    changes: [
      { file: "plan/scheduler/policy.ts", from: "return a.number - b.number;", to: "return b.number - a.number;" },
    ],
    caughtBy: "fifo",
    cause: /^equal jobs are out of order: alike-\d starts before alike-\d, which came first$/,
  },
  {
    name: "a lost job",
    changes: [
      {
        file: "plan/scheduler/in-order.ts",
        from: "  for (const job of jobs) {\n    const pipeline = placeOf(job);",
        to: '  for (const job of jobs) {\n    if (job.name === "probe") continue;\n    const pipeline = placeOf(job);',
      },
    ],
    caughtBy: "fifo",
    cause: /^was planned before, and fails now: .*trains every job, or refuses it.*probe/,
  },
  {
    name: "a wrong group count",
    changes: [
      {
        file: "plan/planner/grouping.ts",
        from: "Math.min(numGroups, loads.length)",
        to: "Math.min(numGroups + 1, loads.length)",
      },
    ],
    caughtBy: "three-groups",
    cause: /^groups: 3 before, 4 now$/,
  },
  {
    name: "a tie broken by the order of insertion",
    changes: [
      {
        file: "plan/scheduler/policies/sjf.ts",
        from: "leftNs(a) - leftNs(b) || byArrival(a, b)",
        to: "leftNs(a) - leftNs(b) || b.number - a.number",
      },
    ],
    caughtBy: "sjf",
    cause: /^equal jobs are out of order: alike-\d starts before alike-\d, which came first$/,
  },
];

/** Changes of the code that change nothing of what it does. */
export const REFACTORS: readonly { readonly name: string; readonly changes: readonly SourceChange[] }[] = [
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
];
