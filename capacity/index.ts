// The answer: the best candidate that keeps a level of service, with what stands beside it.
export { type CapacityReport, capacityDocument, capacityReport } from "./answer.ts";
// All that an answer follows from, and who may simulate for it.
export type { Ahead, CapacityRequest } from "./find-capacity.ts";
// What the answer becomes where something is otherwise.
export { bestOf, type CapacityQuestion, type FoundBest, flipsOf } from "./flips.ts";
// What accelerators cost, in parts.
export type { Cost } from "./money.ts";
// What one run costs, as far as its accelerators go.
export { type RunTariff, runCost, runTariff } from "./run-cost.ts";
// What a recommendation is tried and run with.
export { type RunFiles, runFiles, workloadName } from "./run-files.ts";
// What other threads are asked for, and what is remembered of it.
export { type AskedCandidate, simulatedCandidate } from "./simulated-candidate.ts";
export type { SeenDraw, SeenDraws } from "./simulated-draws.ts";
export { type SlotKind, slotKind } from "./slot-kind.ts";
