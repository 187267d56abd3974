// What is asked about machines that nobody has yet and about changes of the planner, and what is answered.
export {
  allCandidates,
  type Candidate,
  type Candidates,
  candidatesSchema,
  PRECISIONS,
  TENURES,
  type Tenure,
} from "./candidates.ts";
export {
  type ApartAnswer,
  type Beside,
  type CandidateRow,
  type CapacityAnswer,
  type CapacityFailures,
  type CapacityHeadroom,
  type CapacityInterruptions,
  type CapacityMoney,
  type CapacityObjective,
  capacityAnswerSchema,
  type Flip,
  OBJECTIVES,
  type Spread,
  type UnfitCandidate,
  type Week,
} from "./capacity-answer.ts";
export { type Forecast, forecastSchema, type JobKind, type ServiceLevel } from "./forecast.ts";
export {
  type AcceptedChanges,
  acceptedSchema,
  baselineSchema,
  type ExecutedGolden,
  GOLDENS_FILE,
  type Golden,
  type GoldenBudget,
  goldensSchema,
  type RegressBaseline,
  type StoredGolden,
} from "./goldens.ts";
export { type AcceleratorPrice, type Prices, pricesSchema } from "./prices.ts";
export type { StepLayout } from "./step-layout.ts";
