import {
  createCostModel,
  type PlanBody,
  type PlanExplanation,
  type PlanRequest,
  type ReasonedPlan,
  reasonedPlan,
  requestCosts,
} from "../plan/index.ts";
import type { TraceStream } from "../traces/index.ts";
import { simulatedRun } from "./simulate.ts";

/** A plan with its prediction, and the run behind that. */
export interface PredictedPlan {
  readonly body: PlanBody & { readonly predicted: NonNullable<PlanBody["predicted"]> };
  /** Of a plan without a hash. */
  readonly trace: TraceStream;
}

/** The plan with its prediction: what the simulator says of it, and the memory that it needs. */
export function predictPlan(
  body: PlanBody,
  costModel = createCostModel(body.calibration, body.model.dtype),
): PredictedPlan {
  const { trace, figures } = simulatedRun({ plan: body, planHash: "", costModel });
  const { makespanSeconds, tokensPerSecond, bubbleRatio, bubbleRatioTotal } = figures;
  const peakMemoryBytes = body.stages.map(({ index }) => body.memory[index]!.total);
  const predicted = { makespanSeconds, tokensPerSecond, bubbleRatio, bubbleRatioTotal, peakMemoryBytes };
  return { body: { ...body, predicted }, trace };
}

/** A predicted plan, and why it is as it is. */
export interface ChosenPlan extends PredictedPlan {
  readonly explanation: PlanExplanation;
}

/** Plans with the simulator as their judge; `predicted` remembers what it said of those that it was asked for. */
function judgedPlan(request: PlanRequest) {
  const costModel = requestCosts(request);
  const seen = new Map<PlanBody, PredictedPlan>();
  const predicted = (plan: PlanBody): PredictedPlan => {
    const known = seen.get(plan) ?? predictPlan(plan, costModel);
    seen.set(plan, known);
    return known;
  };
  const simulatedNs = (plan: PlanBody): number => 1e9 * predicted(plan).body.predicted.makespanSeconds;
  return { plan: reasonedPlan({ simulatedNs, costModel, ...request }), predicted };
}

/**
 * What every command that is asked for a plan of jobs answers with. The simulator is the planner's judge. @throws
 * InputError, PlanError as `makePlan`
 */
export function planAndPredict(request: PlanRequest): ChosenPlan {
  const { plan, predicted } = judgedPlan(request);
  return { ...predicted(plan.body), explanation: plan.explanation };
}

/** The same plan, whose prediction is left open. @throws InputError, PlanError as `makePlan` */
export function planUnpredicted(request: PlanRequest): ReasonedPlan {
  return judgedPlan(request).plan;
}
