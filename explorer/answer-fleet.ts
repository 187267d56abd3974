// Scenes whose adapters come over time, and a policy says who trains when.
import { canonicalJson } from "../core/index.ts";
import { fleetHistory, type PlanRequest } from "../plan/index.ts";
import { type FleetPart, fleetPart } from "../reports/index.ts";
import { type FleetMetrics, fleetDocument, plannedFleet, simulateFleet } from "../sim/index.ts";
import { sceneRequest } from "./answer-scene.ts";
import { firstSteps, pipelinesAsBefore, stepShare } from "./first-estimate.ts";
import type { Scene, ScenePolicy } from "./scene.ts";

/** What the scheduler and the simulator say of a scene. */
export interface FleetAnswer {
  readonly metrics: Pick<
    FleetMetrics,
    "turnaroundSeconds" | "waitingSeconds" | "makespanSeconds" | "tokensPerSecond" | "utilisation" | "preemptions"
  >;
  /** What `simulate --policy --json` prints. */
  readonly json: string;
  /** Who trained when, and why. */
  readonly part: FleetPart;
}

function simulated(request: PlanRequest, policy: Exclude<ScenePolicy, "none">): FleetAnswer {
  const fleet = simulateFleet({ ...plannedFleet(request), policy });
  const { metrics, journal } = fleet;
  return { metrics, json: canonicalJson(fleetDocument(fleet)), part: fleetPart(policy, fleetHistory(journal), []) };
}

/** A scene under its policy. @throws InputError, PlanError */
export function answerFleet(scene: Scene, policy: Exclude<ScenePolicy, "none">): FleetAnswer {
  return simulated(sceneRequest(scene), policy);
}

function timesLonger<Times extends { readonly mean: number }>(times: Times, factor: number): Times {
  return Object.fromEntries(Object.entries(times).map(([name, value]) => [name, value * factor])) as unknown as Times;
}

/** What took so many times less time. */
function stretched({ metrics, part, json }: FleetAnswer, factor: number): FleetAnswer {
  const { spans } = part;
  const longer = (times: readonly number[]): readonly number[] => times.map((time) => Math.round(time * factor));
  return {
    json,
    metrics: {
      ...metrics,
      turnaroundSeconds: timesLonger(metrics.turnaroundSeconds, factor),
      waitingSeconds: timesLonger(metrics.waitingSeconds, factor),
      makespanSeconds: metrics.makespanSeconds * factor,
    },
    part: {
      ...part,
      jobs: part.jobs.map((job) => ({ ...job, arrivalNs: Math.round(job.arrivalNs * factor) })),
      spans: { ...spans, startNs: longer(spans.startNs), endNs: longer(spans.endNs) },
      endNs: Math.round(part.endNs * factor),
    },
  };
}

/** Short jobs are to stay short beside the others, for which an estimate may take so many times the actions. */
const MORE_ACTIONS = 3;
/** Steps of the shortest job. */
const FEW_STEPS = 2;

/**
 * The same in small: of each job the same share of its steps, coming so much sooner; in the end as many times longer.
 * `numPipelines`: of the last fleet, where there was one, so that they are not searched.
 * @throws InputError, PlanError
 */
export function firstFleet(
  scene: Scene,
  policy: Exclude<ScenePolicy, "none">,
  numPipelines: number | undefined,
): FleetAnswer {
  const least = stepShare(scene);
  const fewest = Math.min(...scene.jobs.map(({ steps }) => steps));
  const share = Math.min(1, Math.max(least, Math.min(FEW_STEPS / fewest, MORE_ACTIONS * least)));
  const short = firstSteps(sceneRequest(scene), share);
  const jobs = short.jobs.map((job) => ({ ...job, arrivalSeconds: job.arrivalSeconds * share }));
  const pipelines = numPipelines === undefined ? {} : { pipelines: pipelinesAsBefore(short, numPipelines) };
  return stretched(simulated({ ...short, ...pipelines, jobs }, policy), 1 / share);
}
