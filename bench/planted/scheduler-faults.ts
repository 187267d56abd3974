import { faultsIn, OTHER_DECISION, type PlantedFault, UNEXPLAINED } from "./planted-change.ts";

const POLICIES = "plan/scheduler/policies";
const PREEMPTED = 'this.#put({ ...job, standing: "preempted", pipeline: undefined, reserved: undefined });';

/** Who trains when. */
export const SCHEDULER_FAULTS: readonly PlantedFault[] = [
  ...faultsIn("policies", `${POLICIES}/fifo.ts`, [
    "fifo looks past a job that does not fit",
    "fifo-by-memory",
    /begins while \S+ waits, which goes before it under fifo$/,
    "looksPast: 0,",
    "looksPast: 64,",
  ]),
  ...faultsIn(
    "policies",
    `${POLICIES}/sjf.ts`,
    [
      "sjf by all iterations",
      "sjf-alone",
      OTHER_DECISION,
      "predictedLeft(job) * resources.iterationNs(job)",
      "job.iterations * resources.iterationNs(job)",
    ],
    [
      "a tie broken by the order of insertion",
      "sjf-alone",
      /^equal jobs are out of order: alike-\d starts before alike-\d, which came first$/,
      "leftNs(a) - leftNs(b) || byArrival(a, b)",
      "leftNs(a) - leftNs(b) || b.number - a.number",
    ],
  ),
  ...faultsIn(
    "policies",
    `${POLICIES}/priority.ts`,
    [
      "the smallest priority first",
      "priority",
      /begins while \S+ waits, which goes before it under priority$/,
      "b.priority - a.priority",
      "a.priority - b.priority",
    ],
    ["mlora looks at nobody behind", "mlora", OTHER_DECISION, "const LOOKS_PAST = 64;", "const LOOKS_PAST = 0;"],
  ),
  ...faultsIn("policies", `${POLICIES}/minpad.ts`, [
    "minpad takes the last of equals",
    "minpad",
    OTHER_DECISION,
    "if (padding < best.padding) best",
    "if (padding <= best.padding) best",
  ]),
  ...faultsIn("policies", `${POLICIES}/adaptive.ts`, [
    "adaptive lets the furthest from their end go first",
    "adaptive",
    OTHER_DECISION,
    "predictedLeft(a) - predictedLeft(b) ||",
    "predictedLeft(b) - predictedLeft(a) ||",
  ]),
  ...faultsIn("policies", `${POLICIES}/packed.ts`, [
    "packed takes what fills the least",
    "packed",
    OTHER_DECISION,
    "|| empty < best.empty",
    "|| empty > best.empty",
  ]),
  ...faultsIn(
    "policies",
    `${POLICIES}/fair.ts`,
    ["a starved user", "fair", OTHER_DECISION, "shares.get(a)! - shares.get(b)!", "shares.get(b)! - shares.get(a)!"],
    [
      "who trains counts as served more",
      "fair",
      OTHER_DECISION,
      "missed.get(job.user)! - held",
      "missed.get(job.user)! + held",
    ],
  ),
  ...faultsIn(
    "policies",
    `${POLICIES}/deadline.ts`,
    [
      "nobody is refused",
      "deadline",
      OTHER_DECISION,
      "endNs <= due(job)) return [];",
      "endNs <= due(job) + 1e12) return [];",
    ],
    [
      "the latest deadline first",
      "deadline",
      /begins while \S+ waits, which goes before it under deadline$/,
      "due(a) - due(b);",
      "due(b) - due(a);",
    ],
  ),
  ...faultsIn("policies", `${POLICIES}/twin.ts`, [
    "twin hardly ever changes its mind",
    "twin",
    OTHER_DECISION,
    "betterBy = 0.005",
    "betterBy = 0.5",
  ]),
  ...faultsIn("order of arrival", "plan/scheduler/policy.ts", [
    "the last of equals first",
    "fifo",
    /^equal jobs are out of order: alike-\d starts before alike-\d, which came first$/,
    "return a.number - b.number;",
    "return b.number - a.number;",
  ]),
  ...faultsIn("placement", "plan/scheduler/in-order.ts", [
    "a lost job",
    "fifo",
    /^was planned before, and fails now: .*trains every job, or refuses it.*probe/,
    "  for (const job of jobs) {\n    const pipeline = placeOf(job);",
    '  for (const job of jobs) {\n    if (job.name === "probe") continue;\n    const pipeline = placeOf(job);',
  ]),
  ...faultsIn("preemption", "sim/fleet/pipeline-clock.ts", [
    "a job may leave at any end of an iteration",
    "priority",
    /^no decision explains it|^decisions may not explain it/,
    "const between = justEnded && (members.isLeaving(place) || !this.#isAhead);",
    "const between = justEnded;",
  ]),
  ...faultsIn("preemption", "plan/scheduler/admission.ts", [
    "nobody waits for the room of who leaves",
    "arriving-evaluated",
    /^2 jobs train at once on a pipeline, where 1 may$/,
    "const isShort = resources.shortfall(pipeline, [...own, job]) !== undefined;",
    "const isShort = resources.shortfall(pipeline, [job]) !== undefined;",
  ]),
  ...faultsIn(
    "resume",
    "plan/scheduler/scheduler.ts",
    [
      "an iteration is given to who was preempted",
      "priority",
      UNEXPLAINED,
      PREEMPTED,
      PREEMPTED.replace("...job,", "...job, done: Math.min(job.done + 1, job.iterations - 1),"),
    ],
    [
      "who was preempted starts again",
      "priority",
      /loses iterations$/,
      PREEMPTED,
      PREEMPTED.replace("...job,", "...job, done: 0,"),
    ],
  ),
  ...faultsIn("arrivals", "sim/fleet/run-fleet.ts", [
    "jobs come a second early",
    "fifo",
    /is there before it comes$/,
    "this.#seenNs(job.request) > atNs) break;",
    "this.#seenNs(job.request) > atNs + 1e9) break;",
  ]),
  ...faultsIn("determinism", "plan/scheduler/policy.ts", [
    "ties by chance",
    "fifo",
    /^two runs of it differ/,
    "return a.number - b.number;",
    "return Math.floor(a.number / 8) - Math.floor(b.number / 8) || Math.random() - 0.5;",
  ]),
  {
    area: "determinism",
    name: "a state that is left from before",
    changes: [
      {
        file: "plan/scheduler/policy.ts",
        from: "export function byArrival(a: FleetJob, b: FleetJob): number {\n  return a.number - b.number;",
        to: "let calls = 0;\nexport function byArrival(a: FleetJob, b: FleetJob): number {\n  calls += 1;\n  return calls > 40 ? b.number - a.number : a.number - b.number;",
      },
    ],
    caughtBy: "fifo",
    cause: /^two runs of it differ|out of order|^decision \d+/,
  },
  ...faultsIn("learned sizes", "plan/scheduler/learned-sizes.ts", [
    "a job may have what was never seen",
    "learned-sizes",
    OTHER_DECISION,
    "const SETTLED = 15;",
    "const SETTLED = 1;",
  ]),
];
