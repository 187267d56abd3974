// Actions: what is done, what it waits for, and in which pieces.
export * from "./actions/index.ts";
// The devices and links that loratwin knows.
export { CATALOG } from "./catalog/catalog.ts";
// Which cores each device of this machine has.
export { assignCores, coreNames, idleCoresText, THIS_MACHINE } from "./cluster/assign-cores.ts";
// What the names of this machine's devices say.
export { gpuOfName } from "./cluster/device-names.ts";
// The devices and links of a cluster, with what the catalog and this machine add.
export { clusterFromList, countedType } from "./cluster/listed-devices.ts";
// Which process runs which stage of a plan over several machines.
export { machinesOf, stageRanks } from "./cluster/machine-ranks.ts";
export { type HostFacts, resolveDevices, resolveLinks } from "./cluster/resolve-cluster.ts";
export { resolveStates } from "./cluster/resolve-states.ts";
// Durations from the cost model in whole nanoseconds, by which planner and simulator go.
export { type ActionDurations, actionDurations } from "./costs/action-durations.ts";
// The operators of an action, with the shapes that they run on.
export { updateOperators } from "./costs/action-operators.ts";
// How many parameters an adapter has on a stage.
export { adapterParameters } from "./costs/adapter-parameters.ts";
// What times are taken from where nobody gives a calibration.
export { assumedCalibration } from "./costs/assumed-calibration.ts";
// A calibration of fixed times.
export { constantCalibration } from "./costs/constant-calibration.ts";
// The cost model of a calibration: how long the actions and messages of a plan take.
export {
  type Contention,
  type CostModel,
  createCostModel,
  type OwnWorkCosts,
  withOwnWork,
} from "./costs/cost-model.ts";
// A calibration from what the catalog holds of a device, or of all devices of a cluster.
export {
  deviceCalibration,
  gpuCalibration,
  type TrainingLosses,
  trainingLosses,
  transferCalibration,
} from "./costs/device-calibration.ts";
// Of the time of an action, the part of each job.
export { actionShares, dividedNs, type JobShare } from "./costs/job-shares.ts";
// What whole layers of a model cost on a device by those figures.
export { backwardPasses, type LayerTimes, layerTimes, updateSeconds } from "./costs/layer-model.ts";
// What stages of one pipeline on several machines tell each other.
export { NORM_BYTES, networkOf } from "./costs/norm-signal.ts";
export type { OperatorCall } from "./costs/operator-calls.ts";
// What an action's time is made of, and what a measured operator takes.
export { beyond, type Coefficients, featureValue, operatorSeconds } from "./costs/operator-seconds.ts";
export {
  type RunLetter,
  type StageShape,
  sampleRunOperators,
  stageOperators,
  UPDATED_ELEMENTS,
  updateOperator,
} from "./costs/operators.ts";
// Which operators get slower as products do, and their share of a time.
export { isProduct, productShare } from "./costs/product-share.ts";
export { isQuantized, type QuantizedDtype } from "./costs/quantized-weights.ts";
// Names of what runs take that answer prompts.
export { CHOICE, DECODED } from "./costs/sample-operators.ts";
// What jobs have taken of devices, in time and money, and how much of a budget that is.
export { addSpent, maxCostText, NOTHING_SPENT, Spending, shareSpent, spentOn, timesSpent } from "./costs/spending.ts";
// What the actions of each stage of a plan work on.
export { stageShapes } from "./costs/stage-shapes.ts";
// Weights that are kept in fewer bits than products take.
export { dequantizedBytes, WEIGHT_BYTES } from "./costs/weight-bytes.ts";
// Which micro-batches cost the same.
export { workShapes } from "./costs/work-shapes.ts";
// Where an adapter is on a model.
export {
  type AdapterSite,
  adapterSites,
  GATE_UP_PATTERN,
  jobsOn,
  loraSites,
  modulePattern,
  parameterName,
  patternAt,
  projectionPath,
} from "./documents/adapter-sites.ts";
// The shape of a decoder, and what attention of its layers sees.
export {
  type Architecture,
  type Experts,
  expertsOf,
  layerAttention,
  type RopeScaling,
  ropesOf,
} from "./documents/architecture.ts";
// The calibration document: a cost model as data.
export {
  type Calibration,
  calibrationSchema,
  type LayersCalibration,
  type MeasuredCalibration,
  type MeasuredOperator,
} from "./documents/calibration.ts";
// What a catalog of devices and links looks like, and how one goes in front of another.
export { type Catalog, type CatalogDevice, catalogSchema, mergeCatalogs } from "./documents/catalog.ts";
// A device of it by a name that a person writes.
export { devicesNamed, requireDeviceName } from "./documents/catalog-names.ts";
export {
  CHECKPOINT_VERSION,
  type Checkpoint,
  type CheckpointJob,
  checkpointSchema,
} from "./documents/checkpoint.ts";
// Manifests of checkpoints, and what has to agree to go on from one.
export { checkpointHash, jobDigest } from "./documents/checkpoint-hash.ts";
// The cluster document, and the devices and links that it comes to.
export { type Cluster, clusterSchema, type ResolvedDevice, type ResolvedLink } from "./documents/cluster.ts";
// What a job trains on.
export { COLUMN_NAMES, type FileData, type LengthData, MOST_ROWS, ROLE_NAMES } from "./documents/data.ts";
// A path in a document, and the same as text.
export { type DocumentPath, formatPath } from "./documents/document-path.ts";
// How a base model's weights are kept, and other words for it.
export { DTYPE_WORDS, type Dtype, dtypeHint, dtypeSchema } from "./documents/dtype.ts";
// When a job ends before its last step.
export { type EarlyStopping, stoppingOptions } from "./documents/early-stopping.ts";
// The jobs of a sweep.
export { type Sweep, withValues } from "./documents/expand-sweeps.ts";
// What a schema expected, in words.
export { expectation } from "./documents/expectation.ts";
// What keys of other tools are here.
export { FOREIGN_KEYS } from "./documents/foreign-keys.ts";
// Documents as a person writes them, for programs that hand them in.
export type * from "./documents/given-documents.ts";
// Files of a JSON document a line, of any length.
export { type FileLines, jsonLines } from "./documents/json-lines.ts";
// The documents as JSON Schemas.
export { jsonSchema, planningSchemas } from "./documents/json-schemas.ts";
// What takes documents of each kind.
export { documentHint } from "./documents/kinds.ts";
// The learning rate of a step.
export { learningRateAt } from "./documents/learning-rate.ts";
// Losses that compare answers.
export {
  comparedData,
  comparesWithStart,
  hasDivergence,
  hasReference,
  type LossSpec,
  lossSchema,
  refuseCompared,
} from "./documents/loss.ts";
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
export { type MachineHistoryLine, parseMachineHistory, parseOwnWorkHistory } from "./documents/machine-history.ts";
// Hugging Face's config.json as an architecture.
export { architectureFromConfig, huggingFaceConfigSchema } from "./documents/model-config.ts";
// What jobs cost, and may cost.
export { type MaxCost, maxCostSchema, type Spent, spentSchema } from "./documents/money.ts";
export { completeJob, parseWorkload, withSweeps } from "./documents/parse-workload.ts";
// The plan document, and a plan as it is used.
export type { Plan, PlanBody, PlanDocument, Predicted } from "./documents/plan.ts";
// Models that have a name: their config.json.
export { PRESETS } from "./documents/presets.ts";
export {
  ADAPTED,
  copiesOf,
  type Half,
  halfOf,
  isInLayers,
  isOfMixture,
  layerProjections,
  loraGroup,
  PROJECTIONS,
  type Projection,
  projectionShape,
  projectionsOf,
  targetsOn,
  UNFUSED_PROJECTIONS,
} from "./documents/projections.ts";
export * from "./documents/questions.ts";
export type { RateSchedule } from "./documents/rate-schedule.ts";
// Reading documents, with file, line and path in every message.
export { checkDocument, parseDocument, parseReadable, placeError } from "./documents/read-document.ts";
export { type ReadText, readText } from "./documents/read-text.ts";
// Work: jobs, groups, micro-batches and the orders of their actions, segment by segment.
export type {
  ComparedRow,
  MicroBatch,
  PlannedGroup,
  PlannedJob,
  PlannedRow,
  Segment,
  Work,
} from "./documents/segment.ts";
// The setting of a plan: what never changes in a run.
export {
  type Buffers,
  type PlannedPipeline,
  type Room,
  SCHEDULES,
  type ScheduleName,
  type Setting,
  type Stage,
  type StageMemory,
  type StatesRoom,
} from "./documents/setting.ts";
// The next point of a search.
export type { ModelSearchSpec } from "./documents/sweep.ts";
// Workloads: jobs over one base model.
export {
  type AdapterSpec,
  type Arrivals,
  type Evaluation,
  type Job,
  jobDefaults,
  jobSchema,
  nameSchema,
  type OptimizerSpec,
  type Recompute,
  recomputeSchema,
  type Users,
  type Workload,
  writtenJobSchema,
} from "./documents/workload.ts";
// The architecture of a workload without a model folder.
export { workloadArchitecture } from "./documents/workload-architecture.ts";
// Sizes as people write them.
export { writtenBytesSchema } from "./documents/written-values.ts";
// Whether a job's losses are worth its going on.
export * from "./early-stopping/index.ts";
// Whether work is within a pipeline's room.
export { checkSizes } from "./growth/check-room.ts";
// A plan that grows while it runs.
export { GrowingPlan } from "./growth/growing-plan.ts";
// The part of such a plan, or of any, that is in flight.
export { type LivePiece, LiveWork } from "./growth/live-work.ts";
// Successive halving of sweeps.
export * from "./halving/index.ts";
// Layers on a GPU, and its kernels: what they were measured to take.
export * from "./kernels/index.ts";
// Memory that is fitted to measured points, as they come.
export {
  type FittedMemory,
  INITIAL_MEMORY,
  learnMemory,
  predictMemory,
} from "./memory/fitted-memory.ts";
// What BatchLoRA's graph pruning saves, and a plan as a program without it would run it.
export { splitCosts, withoutPruning } from "./memory/graph-pruning.ts";
export { generationGraphRoom } from "./memory/graph-room.ts";
// What a forward keeps for its backward.
export { type KeptActivations, keptActivations } from "./memory/kept-activations.ts";
// What a device has to hold, for programs that hold other parts of a model than a plan's stages too.
export { adapterBytes, heldBytes, memoryTable } from "./memory/memory-model.ts";
export { type MemoryTerms, stageTerms } from "./memory/memory-terms.ts";
// Which states of jobs that wait are in a host's memory, and which on its disk.
export { PageTable, type StateBytes } from "./memory/page-table.ts";
// What a program takes beside weights and activations: our executor, and others.
export { EXECUTOR, type ProgramMemory, reservedMemory } from "./memory/program-memory.ts";
// When a stage needs which adapters, and where they take the most.
export { jobsAtOnce } from "./memory/residents.ts";
// The layout of a stage of a plan.
export type { SamplingLayout } from "./memory/sampling-layout.ts";
// Where the logits of runs with a cache lie.
export { headLogitsPlaces } from "./memory/scratch-bytes.ts";
// Which memory a device has, and the weights that devices of one memory hold once, as a text.
export { memoryName, sharedWeightsText } from "./memory/shared-weights.ts";
// Where each activation of a stage lies within a micro-batch's memory.
export {
  type ArenaLayout,
  arenaLayout,
  type BranchTensors,
  layerInput,
  type MlpTensors,
  type StageLayout,
  stageLayout,
} from "./memory/stage-layout.ts";
export { layoutOfStage, samplingOfStage } from "./memory/stage-units.ts";
// Where the activations of each micro-batch in flight lie.
export { bytesInUse, FirstFit, microBatchUnits, stashPlacement, UNIT_ROWS } from "./memory/stash.ts";
// Rows of jobs that share micro-batches, packed by tokens.
export { type SolvePackings, withBetterPackings } from "./packing/better-packings.ts";
export { leastLongest, longestOf, type Packing, type PackingProblem, packGreedily } from "./packing/pack-rows.ts";
export { balancedGroups, packMiniBatch } from "./packing/packed-groups.ts";
export { betterPacking, packingModel } from "./packing/packing-model.ts";
export { ownRows } from "./packing/shared-steps.ts";
export { solvedPacking } from "./packing/solved-packing.ts";
// Chains of neighbours that a cluster's devices are divided into.
export { chains } from "./planner/chains.ts";
// Into how many pipelines the devices can be divided.
export { pipelineCounts } from "./planner/divide.ts";
// How the rows of a mini-batch are cut into micro-batches.
// Rows cut into micro-batches, and jobs that are cut so.
export { plannedJob } from "./planner/draft.ts";
// Why a plan is as it is.
export type { ConsideredWay, PlanExplanation } from "./planner/explanation.ts";
// Plans of one pipeline each as one plan.
export { joinPipelines, type PipelinePart } from "./planner/join-pipelines.ts";
// The planner: from a request to a plan, with its reasons or without.
export { checkJobs, makePlan, type ReasonedPlan, reasonedPlan } from "./planner/make-plan.ts";
export { type Cut, cutRows, leavesCutOpen, partsOfStep } from "./planner/pack.ts";
// The costs of a request, remembered for all who ask of its plans.
export { requestCosts } from "./planner/remembered-costs.ts";
// What the planner is asked: jobs, devices, costs and choices.
export type { PlanRequest } from "./planner/request.ts";
// What of a plan is left once its jobs have made some steps.
export { restOfPlan } from "./planner/rest-of-plan.ts";
// What a fleet of many long jobs is planned by.
export { standIns } from "./planner/stand-ins.ts";
// A workload with what it rests on, as such a question.
export { type PlanChoices, workloadRequest } from "./planner/workload-request.ts";
// Jobs that are evaluated on the same rows, the best first.
export * from "./ranking/index.ts";
// What hung on a decision.
export { type BothWays, bothWays } from "./scheduler/both-ways.ts";
// Who has spent a budget.
export { Budgets, budgetsOf, hasBudget, type JobBudgets, type SpentByUser } from "./scheduler/budgets.ts";
// Where the decisions of two fleets part.
export {
  type ComparedDecisions,
  compareDecisions,
  type PartedDecisions,
  type TimedDecision,
} from "./scheduler/compare-decisions.ts";
export { cutOff, type KnownJob, wasCutOff } from "./scheduler/cut-off.ts";
// A fleet that is given a decision of another one, in place of its policy's.
export { executedDecision, isMade } from "./scheduler/executed-decision.ts";
export type { Sharing } from "./scheduler/fleet-groups.ts";
// Jobs over time: who trains when.
export {
  CUT_OFF,
  FleetChronicle,
  type FleetHistory,
  fleetHistory,
  type JobHistory,
  type SpanKind,
} from "./scheduler/fleet-history.ts";
export { type FleetJob, type JobRequest, predictedLeft, type StoppedBy } from "./scheduler/fleet-job.ts";
export { FleetPaging } from "./scheduler/fleet-paging.ts";
export { FleetPlan, type FleetStep, QUEUED } from "./scheduler/fleet-plan.ts";
export { fleetSetting } from "./scheduler/fleet-setting.ts";
export { fleetStory, type StoryPart } from "./scheduler/fleet-story.ts";
export { cutWork, type FleetWork, type Parts } from "./scheduler/fleet-work.ts";
export type { Forecaster, Objective } from "./scheduler/forecast.ts";
export { withGiven } from "./scheduler/given-decisions.ts";
export { jobStory, timesOf } from "./scheduler/job-story.ts";
export type { AskedEvent, Decision, FleetEvent, JournalLine } from "./scheduler/journal.ts";
export type { LearnedSizes } from "./scheduler/learned-sizes.ts";
// What a job is seen to take, where sizes are learned.
export { isUnmeasured, measurementOf } from "./scheduler/measured-job.ts";
export { type FleetOutcome, FleetOutcomes, type JobPast } from "./scheduler/outcomes.ts";
// A policy that a person wrote.
export { checkedPolicy, type OwnPolicy, type PolicySource, type PolicyTools } from "./scheduler/own-policy.ts";
// What a live fleet writes down, read back.
export {
  beginLine,
  comerLines,
  type FleetComer,
  firstBegin,
  fleetPlanBody,
  parseComers,
  parseSegments,
  parseSetting,
  type SegmentsBegin,
} from "./scheduler/parse-fleet.ts";
export {
  POLICIES,
  type PolicyFactory,
  type PolicyName,
  type PolicyOptions,
  policyOf,
} from "./scheduler/policies/policies.ts";
export type { Choice, FleetView, Policy, Refusal, Wish } from "./scheduler/policy.ts";
export { priorityWeights } from "./scheduler/priority-weights.ts";
// The journal of a job scheduler.
export { journalLines, parseJournal, requireLines } from "./scheduler/read-journal.ts";
export { type Resources, type Shortfall, shortfallText } from "./scheduler/resources.ts";
// Room for the margins of sizes that are learned.
export { withRoomForMargins } from "./scheduler/room-for-margins.ts";
export { roomTable } from "./scheduler/room-table.ts";
export { Scheduler } from "./scheduler/scheduler.ts";
export { resourcesAt, type SchedulerState } from "./scheduler/scheduler-state.ts";
export { settingResources } from "./scheduler/setting-resources.ts";
export { evaluatedBehind, workFacts } from "./scheduler/work-facts.ts";
export { WorkReader, WorkWriter, type WrittenSizes, type WrittenWork } from "./scheduler/written-work.ts";
// The schedules by themselves, for models of other costs than a plan's.
export type { Schedule, ScheduleInput } from "./schedules/schedule-input.ts";
export { SCHEDULE_TABLE } from "./schedules/schedules.ts";
export { proposePoint, type SeenPoint } from "./search/propose-point.ts";
// A plan gets its hash, and one that was read is checked against its own.
export { checkPlan, parsePlan, sealPlan } from "./validate/plan-hash.ts";
// Whether a plan keeps its invariants, and the order of actions on each stage.
export { planOrders, validatePlan } from "./validate/validate-plan.ts";
