import { faultsIn, OTHER_DECISION, type PlantedFault, UNEXPLAINED } from "./planted-change.ts";

/** Plans that grow while jobs come and go, and schedules that are simulated only. */
export const GROWTH_FAULTS: readonly PlantedFault[] = [
  ...faultsIn("growing plans", "plan/growth/growing-plan.ts", [
    "a preempted job loses a step",
    "growing-evaluated",
    /^was planned before, and fails now: .*jobs that wait/,
    "return state.nextStep;",
    "return state.nextStep + 1;",
  ]),
  ...faultsIn("growing plans", "plan/growth/pipeline-growth.ts", [
    "a job that joins is not evaluated",
    "growing-evaluated",
    /is evaluated after steps none, and asks for/,
    "evaluations.at(step) ?? []];",
    "[]];",
  ]),
  ...faultsIn("growing plans", "sim/fleet/state-arrivals.ts", [
    "a job goes on before its state is there",
    "growing-evaluated",
    UNEXPLAINED,
    "this.#starts.hold(index, ns);",
    "void index;",
  ]),
  ...faultsIn("growing plans", "sim/fleet/spent-by-actions.ts", [
    "jobs are said to take half of the devices' time",
    "growing-limited",
    /^jobs are told to have taken .* s of devices, and their actions take/,
    "ns: ns - startNs[at]!, stage",
    "ns: (ns - startNs[at]!) / 2, stage",
  ]),
  ...faultsIn("halving", "plan/halving/rungs.ts", [
    "a rung comes too late",
    "halved",
    OTHER_DECISION,
    "Math.max(rung + 1,",
    "Math.max(rung + 2,",
  ]),
  ...faultsIn(
    "simulated schedules",
    "studies/strategies/tensor-parallel.ts",
    [
      "a layer does not wait for the sums of the one before",
      "tensor-parallel",
      /starts before what .* sends has arrived on/,
      "before = [builder.add({ streams: [split], after: before, ...repeated(reduce, reduces), work })];",
      "builder.add({ streams: [split], after: before, ...repeated(reduce, reduces), work });",
    ],
    [
      "activations of a split layer stay",
      "tensor-parallel",
      /^memory of .* is not given back at the end$/,
      'letter === "F" ? kept.layer : -kept.layer);',
      'letter === "F" ? kept.layer : -kept.layer / 2);',
    ],
  ),
  ...faultsIn("simulated schedules", "studies/strategies/zero-bubble.ts", [
    "one micro-batch more in flight",
    "zero-bubble",
    /^\d+ micro-batches are in flight on stage \d, where \d may be$/,
    "Math.min(numStages - stage, numMicroBatches)",
    "Math.min(numStages - stage + 1, numMicroBatches)",
  ]),
  ...faultsIn("figures", "traces/causes/critical-path.ts", [
    "a figure deep in a list has another name",
    "tensor-parallel",
    /^a figure is missing: simulate\.criticalPath\[\]\.savesNs/,
    "({ ...sum, savesNs: remedyOf",
    "({ ...sum, savedNs: remedyOf",
  ]),
];
