// Scenes whose adapters come over time, and a policy says who trains when.
import { canonicalJson } from "../core/index.ts";
import {
  type ConsideredWay,
  fleetHistory,
  type PolicyName,
  type SolvePackings,
  withBetterPackings,
} from "../plan/index.ts";
import { type FleetPart, fleetPart } from "../reports/index.ts";
import {
  type FleetMetrics,
  fleetDocument,
  fleetPlan,
  plannedFleet,
  type SimulatedFleet,
  simulateFleet,
} from "../sim/index.ts";
import { sceneRequest, sceneStates } from "./answer-scene.ts";
import type { Scene } from "./scene.ts";

/** What the scheduler and the simulator say of a scene. */
export interface FleetAnswer {
  readonly metrics: Pick<
    FleetMetrics,
    | "turnaroundSeconds"
    | "waitingSeconds"
    | "makespanSeconds"
    | "tokensPerSecond"
    | "utilisation"
    | "fairness"
    | "preemptions"
    | "refused"
  >;
  /** Who trained when, and why. */
  readonly part: FleetPart;
  /** Absent for an estimate. */
  readonly whole?: {
    /** What `simulate --policy --no-intervals --json` prints. */
    readonly json: string;
    /** How the plan of the pipelines was chosen to be, the chosen way first. */
    readonly ways: readonly ConsideredWay[];
  };
}

/** A simulated fleet as the page shows it. */
export function fleetAnswer({ policy, metrics, journal }: SimulatedFleet): FleetAnswer {
  return { metrics, part: fleetPart(policy, fleetHistory(journal), []) };
}

/** A scene under its policy. `calibration` as for `sceneRequest`; `solve` packs rows where jobs share micro-batches. @throws InputError, PlanError */
export async function answerFleet(
  scene: Scene,
  policy: PolicyName,
  calibration: string | undefined,
  solve: SolvePackings,
): Promise<FleetAnswer> {
  const request = sceneRequest(scene, calibration);
  const plan = fleetPlan(request);
  const fleetOfPlan = plannedFleet(request, plan);
  const planned = { ...fleetOfPlan, setting: { ...fleetOfPlan.setting, states: sceneStates(scene) } };
  const fleet = await withBetterPackings((pack) => simulateFleet({ ...planned, policy, pack }), solve);
  const whole = { json: canonicalJson(fleetDocument(fleet)), ways: plan.explanation.ways };
  return { ...fleetAnswer(fleet), whole };
}
