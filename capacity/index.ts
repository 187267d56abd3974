// The answer: the cheapest candidate that keeps a level of service, with what stands beside it.
export { type Beside, type CandidateRow, type CapacityReport, capacityReport } from "./answer.ts";
// All that an answer follows from.
export type { CapacityRequest } from "./find-capacity.ts";
// What the answer becomes where something is otherwise.
export { type Flip, flipsOf } from "./flips.ts";
// What accelerators cost, in parts.
export type { Cost } from "./money.ts";
// What one run costs, as far as its accelerators go.
export { type RunTariff, runCost, runTariff } from "./run-cost.ts";
export { slotKind } from "./slot-kind.ts";
