import { createCostModel, makePlan, type PlanBody, type PlanRequest } from "../plan/index.ts";
import { runMetrics, type TraceStream } from "../traces/index.ts";
import { simulateStream } from "./simulate.ts";

/** A plan with its prediction, and the run behind that. */
export interface PredictedPlan {
  readonly body: PlanBody & { readonly predicted: NonNullable<PlanBody["predicted"]> };
  /** Of a plan without a hash. */
  readonly trace: TraceStream;
}

/** The plan with its prediction: what the simulator says of it, and the memory that it needs. */
export function predictPlan(body: PlanBody): PredictedPlan {
  const costModel = createCostModel(body.calibration, body.model.dtype);
  const trace = simulateStream({ plan: body, planHash: "", costModel });
  const { makespanSeconds, tokensPerSecond, bubbleRatio, bubbleRatioTotal } = runMetrics({ ...body, hash: "" }, trace);
  const peakMemoryBytes = body.stages.map(({ index }) => body.memory[index]!.total);
  const predicted = { makespanSeconds, tokensPerSecond, bubbleRatio, bubbleRatioTotal, peakMemoryBytes };
  return { body: { ...body, predicted }, trace };
}

/** What every command that is asked for a plan of jobs answers with. @throws InputError, PlanError as `makePlan` */
export function planAndPredict(request: PlanRequest): PredictedPlan {
  return predictPlan(makePlan(request));
}
