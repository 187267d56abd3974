import { InputError } from "../../core/index.ts";
import type { LayersCalibration, PlanRequest } from "../../plan/index.ts";
import { runStrategy, type StrategyName, type StrategyRun } from "./compare-strategies.ts";

/** A request whose calibration is of shares of the peak, which is what observations say something of. */
export interface ObservedRequest extends PlanRequest {
  readonly calibration: LayersCalibration;
}

/** Steps of each job that stand for all: the pipeline fills in the first half, and the rest is the steady state. */
const STEPS = 12;

function firstSteps(request: ObservedRequest, steps: number): ObservedRequest {
  return { ...request, rows: request.rows.map((rows) => ({ ...rows, steps: rows.steps.slice(0, steps) })) };
}

/**
 * Tokens a second of all jobs together: of the whole run where no job has more than 12 steps, else in the steady state.
 * @throws InputError for a strategy that the workload and the cluster do not allow.
 */
export function observedRate(request: ObservedRequest, strategy: StrategyName): number {
  const run = (steps: number): StrategyRun => {
    const found = runStrategy(firstSteps(request, steps), strategy);
    if (found !== undefined) return found;
    throw new InputError({ expected: "a strategy that the workload and the cluster allow", got: strategy });
  };
  const long = run(STEPS);
  if (request.rows.every(({ steps }) => steps.length <= STEPS)) return long.tokensPerSecond;
  const short = run(STEPS / 2);
  return (long.tokens - short.tokens) / (long.makespanSeconds - short.makespanSeconds);
}

export function withFigures(request: ObservedRequest, figures: Partial<LayersCalibration>): ObservedRequest {
  return { ...request, calibration: { ...request.calibration, ...figures } };
}

const BISECTIONS = 32;
const LEAST_EFFICIENCY = 1e-3;

/**
 * The share of the peak at which a strategy reaches an observed rate, all other figures as they are: one number from
 * one observation.
 * @throws InputError for a strategy that the setting does not allow, or a rate that no share of the peak gives.
 */
export function efficiencyFromObservation(
  request: ObservedRequest,
  observed: { readonly strategy: StrategyName; readonly tokensPerSecond: number },
): number {
  const rateAt = (computeEfficiency: number): number =>
    observedRate(withFigures(request, { computeEfficiency }), observed.strategy);
  let [low, high] = [LEAST_EFFICIENCY, 1];
  const [slowest, fastest] = [rateAt(low), rateAt(high)];
  if (observed.tokensPerSecond < slowest || observed.tokensPerSecond > fastest)
    throw new InputError({
      expected: `between ${slowest.toFixed(0)} and ${fastest.toFixed(0)} tokens/s for ${observed.strategy}`,
      got: observed.tokensPerSecond,
      hint: "Launches, memory traffic and links bound the rate whatever the share of the peak is.",
    });
  for (let round = 0; round < BISECTIONS; round += 1) {
    const middle = Math.sqrt(low * high);
    if (rateAt(middle) < observed.tokensPerSecond) low = middle;
    else high = middle;
  }
  return high;
}
