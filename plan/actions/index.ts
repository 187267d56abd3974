// An action is one unit of compute work; its text joins plan, traces and reports.
export {
  ACTION_LETTERS,
  type Action,
  type ActionKey,
  type ActionLetter,
  BACKWARD,
  EVALUATION,
  FORWARD,
  formatAction,
  type Orders,
  PASSES,
  type Pass,
  PLANNED_LETTERS,
  type PlannedLetter,
  parseAction,
  parseAnyAction,
  passCode,
  passOf,
  UPDATE,
} from "./action.ts";
// How many actions a device's queue holds ahead.
export { actionsAhead } from "./actions-ahead.ts";
// The number type in which devices store activations.
export { COMPUTE_BYTES, type ComputeDtype, computeDtype } from "./compute-dtype.ts";
// What has to end before an action may start.
export {
  clips,
  type Dependency,
  type DependencyTable,
  dependencyTable,
  type MessageRoutes,
  messageRoutes,
} from "./dependencies.ts";
// When jobs are evaluated, and what they end with.
export { evaluatedToTheEnd, evaluatesAfter, isJudgedAfter, isOfBase, mayBeBest } from "./evaluation.ts";
// Links that hold their senders.
export { isSenderHeld } from "./held-sender.ts";
// The most that a stage holds at once along its order.
export { peakHeld, peakInFlight } from "./in-flight.ts";
// The rows of a job as token counts.
export {
  bySet,
  comparedSizes,
  cutOfLengths,
  dividedRows,
  divideRows,
  type EvaluationRows,
  evaluationRows,
  isLengthData,
  type JobRows,
  lengthRows,
  likelihoodTokens,
  type RowSizes,
  type RowSource,
  rowsInOrder,
  sampleRows,
  stepCount,
  tokensOf,
} from "./job-rows.ts";
// The type and size of what travels between stages.
export {
  type EdgeDtypes,
  edgeDtypes,
  messageBytes,
  messageDtype,
  sentBytesPerToken,
  tokenBytes,
} from "./message-bytes.ts";
// Mini-batches and the jobs inside a micro-batch.
export {
  activeJobs,
  activeMembers,
  groupEvaluations,
  groupRows,
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
  trainedTokens,
} from "./mini-batch.ts";
// Several data sets of a job.
export { type DataSet, dataSetsOf, isMixture, type Mixture, mixtureOf } from "./mixed-rows.ts";
// The actions of a stage as numbers.
export {
  actionsOf,
  letterOf,
  microBatchOf,
  type Order,
  orderOf,
  parseOrder,
  type StageOrders,
} from "./order.ts";
// Which stages, groups, jobs and micro-batches are of which pipeline.
export {
  devicesOfPipeline,
  type PipelineTable,
  pipelineGroups,
  pipelineJobs,
  pipelineMicroBatches,
  pipelineTable,
  roomOf,
  trainsEmbedding,
} from "./pipelines.ts";
// Prompts that are answered while jobs train.
export {
  evaluatedTokens,
  isSample,
  type SampledSequence,
  type SampleRun,
  sampledSequences,
} from "./samples.ts";
// A plan as it is written, and cut into segments.
export { planDocument, planFileText, planSegments, settingHash, settingOf } from "./segments.ts";
// Which halves of which layers a stage has.
export { type StageLayer, stageLayers } from "./stage-layers.ts";
export { stageSites } from "./stage-sites.ts";
// Stages as a person reads them.
export { recomputationText, stageText } from "./stage-text.ts";
