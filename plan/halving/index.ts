// Verdicts where nobody knows the losses yet.
export { drawnStops } from "./drawn-stops.ts";
// Rungs, and verdicts at them.
export {
  type HalvingEvent,
  type HalvingPlan,
  type HalvingState,
  halvingStep,
  type RungVerdict,
  startHalving,
} from "./halving.ts";
export { halvingEvents } from "./halving-events.ts";
export { areEvaluated, halvingPlan, halvingRungs, type RungRules, type SweptJob } from "./rungs.ts";
export { type HalvedSweep, type PastSweeps, SweepHalving, type SweepVerdict } from "./sweep-halving.ts";
