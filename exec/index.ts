// What the addon and this machine have.
export {
  buildCommand,
  buildFile,
  type CudaGraphs,
  gpuFreeBytes,
  joinMpi,
  mpiName,
  multipliesBfloat16,
  type NativeInfo,
  nativeInfo,
  ncclInfo,
  productLibraryName,
  type World,
  waysToAddon,
} from "../native/index.ts";
// The numbers that an adapter starts with.
export { type AdapterState, FreshState, initialPairs, ReadState } from "./adapters.ts";
// The devices of this machine that a plan's devices are.
export { assignDevices, assignRankDevices, checkTrainable } from "./assign-devices.ts";
// What of a calibration is of another machine than this one.
export { calibratedElsewhere } from "./calibrated-elsewhere.ts";
// A row whose answers are compared, as a plan has it.
export { comparedRow } from "./compared-row.ts";
// Why a job trains no further.
export { adapterDivergence, type Divergence, divergenceText } from "./divergence.ts";
// By what jobs end early that go on in another part of a run.
export type { PastLosses } from "./early-stops.ts";
// A job on its held-out rows.
export type { BestEvaluation, Evaluated, EvaluationMetrics } from "./evaluations.ts";
// A plan carried out on this machine's devices.
export { executePlan } from "./execute.ts";
// A plan carried out with a look at how fast the machine is meanwhile.
export { executeProbed } from "./execute-probed.ts";
// A task that has ended, as a device reported it.
export type { SeenCompletion } from "./executed-trace.ts";
// What a run is given, and what it gives.
export type { ExecuteInput, ExecuteResult } from "./execution.ts";
// The tensors of a mixture of experts, and how PEFT lays out an adapter's matrices of them.
export { type MixtureParts, mixtureParts, turn } from "./expert-tensors.ts";
// Whether weights are numbers.
export { checkFinite, firstNotFinite } from "./finite-weights.ts";
export { type FleetBytes, FleetExecution, type FleetExecutionInput } from "./fleet-execution.ts";
// Prompts answered by a base model and its adapters.
export type { TokenConstraint } from "./generation/adjust-logits.ts";
export type { Decoder, NamedAdapter } from "./generation/decoder.ts";
export type { Generation, GenerationRequest, Generator, SeenToken } from "./generation/generator.ts";
export { type OpenGenerator, openGenerator } from "./generation/open-generator.ts";
export { type Candidate, candidates, checkSampling, GREEDY, type Sampling } from "./generation/sampling.ts";
export type { Block } from "./held-out-blocks.ts";
// What a job trains on, and from.
export type { DueInput, JobInput, JobStart } from "./job-input.ts";
// A job between two of its steps, and its file.
export { readJobState, writeJobState } from "./job-state-file.ts";
export type { JobState } from "./job-states.ts";
// Probes of how fast devices multiply and move memory.
export { type LostPipeline, lostText } from "./lost-pipeline.ts";
// What the system counts while a run goes on: stolen time, other programs.
export { watchSystem } from "./machine-load.ts";
export { createSpeedProbe, type SpeedProbe } from "./machine-speed.ts";
// Operators measured for a calibration.
export { type Measurements, measurePlan } from "./measure.ts";
// Base models on disk.
export { type BaseModel, type ModelFolder, openModelFolder } from "./model-folder.ts";
// What JavaScript does on the devices' cores.
export { type OwnWork, shareOfOthers, watchOwnWork } from "./own-work.ts";
// Adapters in the folders of Hugging Face's PEFT.
export { type AdapterPair, readPeftFolder, TOKEN_ROWS, writePeftFolder } from "./peft.ts";
// What else may be said of an adapter in its configuration.
export { CHANGES_BASE, OTHER_FORMS, patternOf, tokenIndices } from "./peft-config.ts";
export { fromPeftB } from "./peft-experts.ts";
// A line of metrics.jsonl, and what it has of answers that are compared.
export type { PreferenceMeasures } from "./preference-measures.ts";
// Whether a calibration's ways of products are those of this machine's library.
// Stages on several machines: rank 0, which decides, and the others.
export { endRanks } from "./ranks/end-ranks.ts";
// How messages travel between ranks.
export { type MeasuredLink, measureLinks } from "./ranks/measure-links.ts";
export { neededRanks } from "./ranks/needed-ranks.ts";
export { RankedHost } from "./ranks/ranked-host.ts";
export { serveRank } from "./ranks/serve-rank.ts";
// What an execution tells while it goes on.
export {
  type EarlyStop,
  listener,
  listeners,
  type Progress,
  type RunEvent,
  type RunListener,
  type RunProgress,
  type TakenJob,
} from "./run-event.ts";
// Whether the rows that were read are those of the plan.
export { checkRows } from "./run-input.ts";
export type { JobSample } from "./samples.ts";
// What a plan says that decided its prediction and that the executor has no use for.
export { simulatedOnly } from "./simulated-only.ts";
// Where stages run.
export type { StageHost } from "./stage-host.ts";
// States of jobs that are on no device.
export { held, letGo } from "./state-pages.ts";
export type { StepMetrics } from "./step-metrics.ts";
// A base model of random numbers.
export { syntheticWeights } from "./synthetic-model.ts";
// The trace of a run that was cut off.
export { unfinishedTrace } from "./unfinished-trace.ts";
// Digests of weights and adapters.
export { adapterDigest, weightsDigest } from "./weights-digest.ts";
