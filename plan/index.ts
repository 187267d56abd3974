// One unit of compute work and its text form, the join key of everything.
export {
  ACTION_LETTERS,
  type Action,
  type ActionKey,
  type ActionLetter,
  BACKWARD,
  FORWARD,
  formatAction,
  PLANNED_LETTERS,
  type PlannedLetter,
  parseAction,
  parseAnyAction,
  UPDATE,
} from "./action.ts";
// Which cores the devices of this machine have.
export { assignCores, THIS_MACHINE } from "./assign-cores.ts";
// How a device stores activations.
export { COMPUTE_BYTES, type ComputeDtype, computeDtype } from "./compute-dtype.ts";
// What the time of an action follows from.
export type { ActionCost } from "./costs/action-cost.ts";
// Durations, rounded once, from the cost model: what planner and simulator go by.
export { type ActionDurations, actionDurations } from "./costs/action-durations.ts";
// Parameters of an adapter on a stage.
export { adapterParameters } from "./costs/adapter-parameters.ts";
// A calibration of fixed times.
export { constantCalibration } from "./costs/constant-calibration.ts";
// Durations: the one cost model of planner, memory check and simulator.
export {
  type Contention,
  type CostModel,
  createCostModel,
  type LinkCost,
} from "./costs/cost-model.ts";
// A calibration from what the catalog holds of a device, or of all of a cluster.
export { deviceCalibration, gpuCalibration, transferCalibration } from "./costs/device-calibration.ts";
// What BatchLoRA's graph pruning saves.
export { splitCosts, withoutPruning } from "./costs/graph-pruning.ts";
// What a decoder layer costs on a GPU, from its peaks and how near it comes to them.
export {
  type DevicePeaks,
  decoderDimensions,
  deviceSeconds,
  gptDimensions,
  type LayerDimensions,
  type LayerEfficiency,
  type LayerPass,
  type LayerShape,
  type LayerWork,
  layerSeconds,
  layerWork,
} from "./costs/layer-cost.ts";
// The same for whole layers of a model on a device.
export { backwardPasses, type LayerFigures, type LayerTimes, layerTimes } from "./costs/layer-model.ts";
// What an action's time is made of, and what a measured operator takes.
export { beyond, type Coefficients, featureValue, operatorSeconds } from "./costs/operator-seconds.ts";
export {
  type OperatorCall,
  type StageShape,
  stageOperators,
  updateOperator,
} from "./costs/operators.ts";
export { isProduct, productShare } from "./costs/product-share.ts";
export { stageShapes } from "./costs/stage-shapes.ts";
// Which micro-batches cost the same.
export { type WorkShapes, workShapes } from "./costs/work-shapes.ts";
// What has to end before an action may start.
export {
  type Dependency,
  type DependencyTable,
  dependencyTable,
  type MessageRoutes,
  messageRoutes,
} from "./dependencies.ts";
// What the names of this machine's devices say.
export { gpuOfName } from "./device-names.ts";
// The shape of a Llama-family decoder.
export {
  type Architecture,
  type Half,
  halfOf,
  loraGroup,
  PROJECTIONS,
  type Projection,
  projectionShape,
} from "./documents/architecture.ts";
// Cost models as data.
export {
  type Calibration,
  calibrationSchema,
  type LayersCalibration,
  type MeasuredCalibration,
  type MeasuredOperator,
} from "./documents/calibration.ts";
// The catalog of devices and links, each figure with its source.
export { type Catalog, catalogSchema, mergeCatalogs } from "./documents/catalog.ts";
// Machines, devices and links.
export { type Cluster, clusterSchema, type ResolvedDevice, type ResolvedLink } from "./documents/cluster.ts";
// The documents as JSON Schemas.
export { jsonSchema, planningSchemas } from "./documents/json-schemas.ts";
// How fast a machine was: probes, and what its system counted.
export {
  type CalibratedMachine,
  type DeviceProbe,
  type DeviceSpeed,
  type MachineProbe,
  type MachineState,
  machineProbeSchema,
  type Rate,
  type SystemCounts,
  systemCountsSchema,
} from "./documents/machine.ts";
export { type MachineHistoryLine, parseMachineHistory } from "./documents/machine-history.ts";
// Hugging Face's config.json as an architecture.
export { architectureFromConfig, huggingFaceConfigSchema } from "./documents/model-config.ts";
// The remaining documents and how they are read.
export { parseWorkload } from "./documents/parse-workload.ts";
// The plan document, and a plan as it is used.
export type { Plan, PlanBody, PlanDocument, Predicted } from "./documents/plan.ts";
export { PRESETS } from "./documents/presets.ts";
// Reading documents, with file, line and path in every message.
export {
  checkDocument,
  expectation,
  parseDocument,
  placeError,
  type ReadText,
  readText,
} from "./documents/read-document.ts";
// Work: jobs, groups, micro-batches and the orders of their actions, segment by segment.
export type {
  Member,
  MicroBatch,
  PlannedGroup,
  PlannedJob,
  PlannedRow,
  Segment,
  Work,
} from "./documents/segment.ts";
// What never changes in a run.
export {
  type Buffers,
  type PlannedPipeline,
  type Room,
  SCHEDULES,
  type ScheduleName,
  type Setting,
  type Stage,
  type StageMemory,
} from "./documents/setting.ts";
// Workloads: jobs over one base model.
export type { AdapterSpec, FileData, Job, LengthData, OptimizerSpec, Workload } from "./documents/workload.ts";
export { type Dtype, dtypeSchema, jobDefaults, type Recompute, recomputeSchema } from "./documents/workload.ts";
// A plan that grows while it runs.
export { type AdmittedGroup, GrowingPlan } from "./growth/growing-plan.ts";
export { type LivePiece, LiveWork } from "./growth/live-work.ts";
// What is held along an order.
export { peakHeld, peakInFlight } from "./in-flight.ts";
// What a device needs, for programs that hold other parts of a model than a plan's stages too.
export { type KeptActivations, keptActivations } from "./memory/kept-activations.ts";
export { adapterBytes, type HeldInput, heldBytes, memoryTable } from "./memory/memory-model.ts";
export { EXECUTOR, type ProgramMemory, reservedMemory } from "./memory/program-memory.ts";
// When a stage needs which adapters, and where they take the most.
export { jobsAtOnce } from "./memory/residents.ts";
// What devices of one memory hold once.
export { sharedWeightsText } from "./memory/shared-weights.ts";
// Where every activation of a stage lies.
export {
  type ArenaLayout,
  arenaLayout,
  layerInput,
  type StageLayout,
} from "./memory/stage-layout.ts";
// Where the activations of each micro-batch in flight lie.
export { layoutOfStage } from "./memory/stage-units.ts";
export { bytesInUse, FirstFit, microBatchUnits, stashPlacement } from "./memory/stash.ts";
// The size of what travels between stages.
export { messageBytes, messageBytesPerToken } from "./message-bytes.ts";
// Mini-batches and the jobs inside a micro-batch.
export {
  activeJobs,
  activeMembers,
  isFused,
  type JobSegment,
  jobSegments,
  jobStep,
  jobsOfGroup,
  type MiniBatch,
  type MiniBatchKey,
  microBatchJobs,
  microBatchTokens,
  type Numbered,
} from "./mini-batch.ts";
// Which stages, groups, jobs and micro-batches are of which pipeline.
export {
  type PipelineTable,
  pipelineGroups,
  pipelineJobs,
  pipelineMicroBatches,
  pipelineTable,
  roomOf,
} from "./pipelines.ts";
export { checkPlan, parsePlan, sealPlan } from "./plan-hash.ts";
// The planner.
export { pipelineCounts } from "./planner/divide.ts";
// Why a plan is as it is.
export type { ConsideredWay, MemoryBinding, PlanExplanation, SharingComparison } from "./planner/explanation.ts";
export { isLengthData, type JobRows, lengthRows } from "./planner/job-rows.ts";
export { makePlan, type ReasonedPlan, reasonedPlan } from "./planner/make-plan.ts";
// How mini-batches are cut.
export { type Cut, cutRows } from "./planner/pack.ts";
// What a plan is asked for.
export type { PlanRequest } from "./planner/request.ts";
export { clusterFromList, type HostFacts, resolveDevices, resolveLinks } from "./resolve-cluster.ts";
// The schedules by themselves, for models of other costs than a plan's.
export type { Orders, Schedule, ScheduleInput } from "./schedules/schedule-input.ts";
export { SCHEDULE_TABLE } from "./schedules/schedules.ts";
// A plan as it is written, and cut into segments.
export { planDocument, planSegments } from "./segments.ts";
// Which halves of which layers a stage has.
export { type StageLayer, stageLayers } from "./stage-layers.ts";
// Stages as a person reads them.
export { recomputationText, stageText } from "./stage-text.ts";
export { planOrders, validatePlan } from "./validate-plan.ts";
