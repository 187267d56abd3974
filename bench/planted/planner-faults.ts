import { faultsIn, OTHER_ROWS, type PlantedFault, UNEXPLAINED } from "./planted-change.ts";

const LIST = "plan/schedules/list-scheduler.ts";
const HELD = /^the memory of [as]\d is thought to be -?\d+\.\d % (more|less)$/;

/** What a plan decides, what it is thought to take, and who checks it. */
export const PLANNER_FAULTS: readonly PlantedFault[] = [
  ...faultsIn(
    "planner order",
    LIST,
    [
      "forwards before backwards",
      "in-flight-2",
      /^micro-batches in flight: 2, 2, 2, 1 before, 2, 2, 2, 2 now$/,
      'this.#letters = prefer === "B" ? [BACKWARD, FORWARD] : [FORWARD, BACKWARD];',
      "this.#letters = [FORWARD, BACKWARD];",
    ],
    [
      "one micro-batch too many in flight",
      "in-flight-2",
      /^3 micro-batches are in flight on stage 0, where 2 may be, as is asked for$/,
      "if (inFlight >= this.#limit)",
      "if (inFlight > this.#limit)",
    ],
  ),
  ...faultsIn("planner order", "plan/schedules/lorapp.ts", [
    "a drained pipeline",
    "lorapp",
    /^unit:\d waits \+.* in the steady phase$/,
    'greedyOrders(input, "B")',
    'greedyOrders({ ...input, maxInFlight: 1 }, "B")',
  ]),
  ...faultsIn(
    "schedule limits",
    "plan/schedules/admission.ts",
    [
      "one job too many at once",
      "switches",
      /train at once, where 2 may$/,
      "this.#jobs + this.#jobsOf(group) <= this.#limit;",
      "this.#jobs + this.#jobsOf(group) <= this.#limit + 1;",
    ],
    ["the least work first", "fifo", UNEXPLAINED, "work.get(b)! - work.get(a)!", "work.get(a)! - work.get(b)!"],
  ),
  {
    area: "schedule limits",
    name: "one too many in flight, and the validation lets it pass",
    changes: [
      { file: LIST, from: "if (inFlight >= this.#limit)", to: "if (inFlight > this.#limit)" },
      {
        file: "plan/validate/validate-plan.ts",
        from: "limit !== null && peak > limit)",
        to: "limit !== null && peak > limit + 1)",
      },
    ],
    caughtBy: "in-flight-2",
    cause: /^3 micro-batches are in flight on stage 0, where 2 may be, as is asked for$/,
  },
  ...faultsIn("division", "plan/planner/partition.ts", [
    "an imbalance of 3 %",
    "slow-network",
    /^layers of the stages: .* before, .* now$/,
    "    cost(stageOfHalves(index, numDevices, start, end));",
    "    (index === 0 ? 1.08 : 1) * cost(stageOfHalves(index, numDevices, start, end));",
  ]),
  ...faultsIn("grouping", "plan/planner/grouping.ts", [
    "one group too many",
    "three-groups",
    /^groups: 3 before, 4 now$/,
    "Math.min(numGroups, loads.length)",
    "Math.min(numGroups + 1, loads.length)",
  ]),
  ...faultsIn(
    "packing",
    "plan/planner/pack.ts",
    [
      "long rows counted as short ones",
      "adapters",
      OTHER_ROWS,
      "[job, row, tokens[row]!, scored[row]!] :",
      "[job, row, Math.min(tokens[row]!, 300), Math.min(scored[row]!, 299)] :",
    ],
    [
      "a row of large batches is left out",
      "adapters",
      /^was planned before, and fails now: .*Expected 8 rows of job/,
      "const rows = taken.map((row) => plannedRow",
      "const rows = taken.slice(taken.length > 7 ? 1 : 0).map((row) => plannedRow",
    ],
  ),
  ...faultsIn("packing", "plan/packing/pack-rows.ts", [
    "micro-batches are not evened out",
    "packed",
    UNEXPLAINED,
    "if (best.other < 0) return;",
    "if (best.other < Number.POSITIVE_INFINITY) return;",
  ]),
  ...faultsIn("rows", "plan/actions/order-rows.ts", [
    "a row is trained twice and another never",
    "adapters",
    OTHER_ROWS,
    "rows[at] = order?.[place] ?? place;",
    "rows[at] = order?.[place] ?? (at === 1 ? place - 1 : place);",
  ]),
  ...faultsIn(
    "evaluation rhythm",
    "plan/actions/evaluation.ts",
    [
      "a step too early",
      "evaluated",
      /^watched is evaluated after steps .*, and asks for 1, 3, 5$/,
      "(step + 1) % everySteps === 0",
      "step % everySteps === 0",
    ],
    [
      "at the end alone",
      "evaluated",
      /^watched is evaluated after steps 5, and asks for 1, 3, 5$/,
      "(step + 1) % everySteps === 0 ||",
      "(step + 1) % everySteps === -1 ||",
    ],
  ),
  ...faultsIn("memory model", "plan/memory/stash.ts", [
    "activations rounded down",
    "adapters",
    HELD,
    "Math.ceil(microBatchTokens(microBatch) / UNIT_ROWS)",
    "Math.max(1, Math.floor(microBatchTokens(microBatch) / UNIT_ROWS))",
  ]),
  ...faultsIn("memory model", "plan/memory/cuda-memory.ts", [
    "moments of adapters at half their size",
    "unfused",
    HELD,
    "parameters * (vectors * FLOAT + COMPUTE_BYTES.bfloat16)",
    "parameters * (vectors * 2 + COMPUTE_BYTES.bfloat16)",
  ]),
  ...faultsIn("memory model", "plan/planner/judge.ts", [
    "a fifth more memory than there is",
    "tight-memory",
    /^was planned before, and fails now: .*Expected stages 0 within the 12000000000 bytes/,
    "(devices[device]!.memoryBytes ?? Number.POSITIVE_INFINITY)",
    "1.2 * (devices[device]!.memoryBytes ?? Number.POSITIVE_INFINITY)",
  ]),
  {
    area: "validation",
    name: "more memory than there is, and the validation lets it pass",
    changes: [
      {
        file: "plan/planner/judge.ts",
        from: "(devices[device]!.memoryBytes ?? Number.POSITIVE_INFINITY)",
        to: "3 * (devices[device]!.memoryBytes ?? Number.POSITIVE_INFINITY)",
      },
      {
        file: "plan/validate/validate-memory.ts",
        from: "if (capacity === null || bytes <= capacity) continue;",
        to: "if (capacity === null || bytes <= 3 * capacity) continue;",
      },
    ],
    caughtBy: "tight-memory",
    cause: /^s\d is to hold \d+ bytes, and has 12000000000$/,
  },
  ...faultsIn("sweeps", "plan/documents/expand-sweeps.ts", [
    "a point is left out",
    "sweep-at-once",
    OTHER_ROWS,
    "points.forEach((point, index) => {",
    "points.slice(1).forEach((point, index) => {",
  ]),
  ...faultsIn("planning time", "plan/planner/make-plan.ts", [
    "everything is done eleven times over",
    "budget",
    /^planning and simulating take \d+\.\d times as much of the processor$/,
    "  const divisions = tryDivisions(planRequest);",
    "  for (let again = 0; again < 10; again += 1) tryDivisions(planRequest);\n  const divisions = tryDivisions(planRequest);",
  ]),
  ...faultsIn("planning memory", "plan/planner/make-plan.ts", [
    "a table that nobody needs is kept for good",
    "budget",
    /^the process has \d+\.\d times as much memory$/,
    "  const divisions = tryDivisions(planRequest);",
    "  const divisions = tryDivisions(planRequest);\n  ((globalThis as unknown as { kept: unknown[] }).kept ??= []).push(new Float64Array(2e7).fill(1));",
  ]),
];
