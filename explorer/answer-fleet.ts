// Scenes whose adapters come over time, and a policy says who trains when.
import { canonicalJson } from "../core/index.ts";
import { type ConsideredWay, fleetHistory } from "../plan/index.ts";
import { type FleetPart, fleetPart } from "../reports/index.ts";
import {
  type FleetMetrics,
  fleetDocument,
  fleetPlan,
  plannedFleet,
  type SimulatedFleet,
  simulateFleet,
} from "../sim/index.ts";
import { sceneRequest } from "./answer-scene.ts";
import type { Scene, ScenePolicy } from "./scene.ts";

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
    /** What `simulate --policy --json` prints. */
    readonly json: string;
    /** How the plan of the pipelines was chosen to be, the chosen way first. */
    readonly ways: readonly ConsideredWay[];
  };
}

/** A simulated fleet as the page shows it. */
export function fleetAnswer({ policy, metrics, journal }: SimulatedFleet): FleetAnswer {
  return { metrics, part: fleetPart(policy, fleetHistory(journal), []) };
}

/** A scene under its policy. `calibration` as for `sceneRequest`. @throws InputError, PlanError */
export function answerFleet(
  scene: Scene,
  policy: Exclude<ScenePolicy, "none">,
  calibration: string | undefined,
): FleetAnswer {
  const request = sceneRequest(scene, calibration);
  const plan = fleetPlan(request);
  const fleet = simulateFleet({ ...plannedFleet(request, plan), policy });
  const whole = { json: canonicalJson(fleetDocument(fleet)), ways: plan.explanation.ways };
  return { ...fleetAnswer(fleet), whole };
}
