// The first answer to a change comes from the first steps of the jobs alone, done the way in which the last plan did
// them: a plan of few actions, with nothing to search.
import { InputError, PlanError, sum } from "../core/index.ts";
import { type ConsideredWay, type JobRows, type PlanChoices, type PlanRequest, pipelineCounts } from "../plan/index.ts";
import type { RunMetrics } from "../traces/index.ts";
import { type SimulatedScene, sceneRequest, simulateRequest } from "./answer-scene.ts";
import type { Question } from "./question.ts";
import type { Scene } from "./scene.ts";
import { countOf, quickShare, searchedShare } from "./step-shares.ts";

/** Figures of the whole run, estimated from its first steps. */
export interface EstimatedRun {
  readonly makespanSeconds: number;
  readonly tokensPerSecond: number;
  /** Without the correction by an earlier scene. */
  readonly uncorrectedSeconds: number;
  /** Of the longest job: steps that were simulated, and steps that it has. */
  readonly simulatedSteps: number;
  readonly steps: number;
}

export interface FirstEstimate {
  readonly simulated: SimulatedScene;
  readonly run: EstimatedRun;
}

/** Dividing so many layers takes the planner longer than a person is to wait, and makes less of a difference. */
const MANY_LAYERS = 48;

/** Steps of a job as long as all of them are, from the shortest to the longest, in their order. */
function typicalSteps({ source: _source, ...rows }: JobRows, count: number): JobRows {
  const all = [...rows.steps];
  const tokens = all.map((step) => sum(step.map((row) => rows.tokens[row]!)));
  const byLength = [...all.keys()].sort((a, b) => tokens[a]! - tokens[b]! || a - b);
  const picked = Array.from({ length: count }, (_, i) => byLength[Math.floor(((i + 0.5) * all.length) / count)]!);
  return { ...rows, steps: picked.sort((a, b) => a - b).map((step) => all[step]!) };
}

/** A share of the steps of each job, and so many times as many. */
function someSteps(request: PlanRequest, share: number, times = 1): PlanRequest {
  const counts = request.rows.map(({ steps }) => Math.min(steps.length, times * countOf(steps.length, share)));
  return {
    ...request,
    jobs: request.jobs.map((job, index) => ({ ...job, steps: counts[index]! })),
    rows: request.rows.map((rows, index) => typicalSteps(rows, counts[index]!)),
  };
}

/** Some of a job's steps, evenly over it. */
export function sampledSteps(rows: JobRows, most: number): JobRows {
  const { steps } = rows;
  const count = Math.min(most, steps.length);
  const { source: _source, ...others } = rows;
  return {
    ...others,
    steps: Array.from({ length: count }, (_, i) => steps.at(Math.floor((i * steps.length) / count))!),
  };
}

/** As many pipelines as were asked for; where that is open as many as the last plan had, or as the devices allow. */
export function pipelinesAsBefore(request: PlanRequest, before: number): number {
  if (typeof request.pipelines === "number") return request.pipelines;
  if (request.layersPerStage !== undefined) return pipelineCounts(request)[0]!;
  return Math.max(1, ...pipelineCounts(request).filter((count) => count <= before));
}

/** What a way chose of what the scene leaves open. */
function choicesOf(way: ConsideredWay, request: PlanRequest): PlanChoices {
  const { schedule, groups } = request;
  const numPipelines = pipelinesAsBefore(request, way.numPipelines);
  const alone = way.isShared ? (numPipelines === 1 ? way.numGroups : "auto") : "unfused";
  return {
    schedule: schedule === "auto" ? way.schedule : schedule!,
    pipelines: numPipelines,
    groups: groups === "auto" ? alone : groups!,
  };
}

/**
 * Whole layers for each of the alike devices of a pipeline, as equal as can be; the last device has fewer, since it has
 * the head. Nothing for fewer than `least` layers, where they are given, or where it is open how many pipelines there are.
 */
export function evenLayers(
  { architecture, devices, pipelines, layersPerStage }: PlanRequest,
  least: number,
): Pick<PlanRequest, "layersPerStage"> {
  if (typeof pipelines !== "number" || layersPerStage !== undefined) return {};
  const { numLayers, hiddenSize, intermediateSize, vocabularySize } = architecture;
  const numStages = devices.length / pipelines;
  const areAlike = devices.every(({ type }) => type === devices[0]!.type);
  if (numLayers < least || !areAlike || !Number.isInteger(numStages)) return {};
  const headLayers = vocabularySize / (4 * hiddenSize + 3 * intermediateSize);
  const ends = Array.from({ length: numStages }, (_, stage) =>
    Math.min(numLayers, Math.round(((stage + 1) * (numLayers + headLayers)) / numStages)),
  );
  return { layersPerStage: ends.map((end, stage) => end - (ends[stage - 1] ?? 0)) };
}

/** A request that leaves open nothing that `way` has chosen. */
function asBefore(request: PlanRequest, way: ConsideredWay): PlanRequest {
  const { microBatchTokens } = way;
  const cut = ({ microBatchSize, microBatchTokens: own }: PlanRequest["jobs"][number]) =>
    microBatchSize === undefined && own === undefined && microBatchTokens !== null ? { microBatchTokens } : {};
  const isKept = way.recomputedLayers.every((count) => count === 0);
  const choices = choicesOf(way, request);
  return {
    ...request,
    ...choices,
    ...evenLayers({ ...request, ...choices }, MANY_LAYERS),
    ...(request.recompute === "auto" && isKept ? { recompute: "none" } : {}),
    jobs: request.jobs.map((job) => ({ ...job, ...cut(job) })),
  };
}

/** Without pipelines and orders to choose from. */
function plainest(request: PlanRequest): PlanRequest {
  const { schedule, groups } = request;
  return {
    ...request,
    schedule: schedule === "auto" ? "lorapp" : schedule,
    pipelines: pipelinesAsBefore(request, 1),
    groups: groups === "auto" ? "unfused" : groups,
  };
}

/**
 * A run's seconds from those of its first steps: what its devices compute grows with the tokens, filling and draining
 * the pipelines does not.
 */
export function extrapolate(
  first: Pick<RunMetrics, "makespanSeconds" | "tokens" | "bubbleRatio" | "bubbleRatioTotal">,
  tokens: number,
): number {
  const { makespanSeconds: shortSeconds, bubbleRatio, bubbleRatioTotal } = first;
  const busySeconds = shortSeconds * (1 - bubbleRatioTotal);
  const steadySeconds = Math.min(shortSeconds, busySeconds / (1 - (bubbleRatio ?? bubbleRatioTotal)));
  return shortSeconds + (tokens / first.tokens - 1) * steadySeconds;
}

/** What is tried of a request until something fits: the way of the last plan, the plainest one, and what it leaves open. */
export function waysToTry(request: PlanRequest, way: ConsideredWay | undefined): readonly PlanRequest[] {
  return [...(way === undefined ? [] : [asBefore(request, way)]), plainest(request), request];
}

/** Of all rows in all steps. */
export function tokensOf({ rows }: PlanRequest): number {
  let tokens = 0;
  for (const { steps, tokens: lengths } of rows)
    for (const step of steps) for (const row of step) tokens += lengths[row]!;
  return tokens;
}

/** Of the job with the most steps. */
function mostSteps({ rows }: PlanRequest): number {
  return Math.max(...rows.map(({ steps }) => steps.length));
}

type Known = Pick<Question, "way" | "correction" | "calibration">;

/** What comes of the first of some requests that fits. @throws InputError, PlanError where none does */
function firstThatFits(requests: readonly PlanRequest[]): SimulatedScene & { readonly request: PlanRequest } {
  let failure: unknown;
  for (const request of requests) {
    try {
      return { ...simulateRequest(request), request };
    } catch (error) {
      if (!(error instanceof PlanError || error instanceof InputError)) throw error;
      failure = error;
    }
  }
  throw failure;
}

/**
 * `way`: what the last plan chose; undefined at the start. `correction`: the time of the last run as a multiple of what
 * was estimated of it: few steps are off in the same direction in scenes that are alike.
 * @throws InputError, PlanError where no way fits
 */
export function firstEstimate(scene: Scene, { way, correction = 1, calibration }: Known): FirstEstimate {
  const whole = sceneRequest(scene, calibration);
  const simulated = firstThatFits(waysToTry(someSteps(whole, quickShare(scene)), way));
  const tokens = tokensOf(whole);
  const uncorrectedSeconds = extrapolate(simulated.answer.metrics, tokens);
  const makespanSeconds = uncorrectedSeconds * correction;
  const steps = { simulatedSteps: mostSteps(simulated.request), steps: mostSteps(whole) };
  return {
    simulated,
    run: { makespanSeconds, tokensPerSecond: tokens / makespanSeconds, uncorrectedSeconds, ...steps },
  };
}

/**
 * A nearer estimate, some tenths of a second later: a plan is searched for some steps of each job, and what twice as
 * many take longer in its way is what all others do.
 * @throws InputError, PlanError where no way fits
 */
export function nearerEstimate(scene: Scene, { calibration }: Pick<Question, "calibration">): FirstEstimate {
  const whole = sceneRequest(scene, calibration);
  const share = searchedShare(scene);
  const once = simulateRequest(someSteps(whole, share)).answer;
  const doubled = someSteps(whole, share, 2);
  const [way] = once.ways;
  const twice = firstThatFits([...(way === undefined ? [] : [asBefore(doubled, way)]), doubled]);
  const { makespanSeconds: seconds, tokens: simulatedTokens } = twice.answer.metrics;
  const tokens = tokensOf(whole);
  const perToken = (seconds - once.metrics.makespanSeconds) / (simulatedTokens - once.metrics.tokens);
  const makespanSeconds = seconds + Math.max(0, perToken) * (tokens - simulatedTokens);
  const steps = { simulatedSteps: mostSteps(twice.request), steps: mostSteps(whole) };
  return {
    simulated: { ...twice, answer: { ...twice.answer, ways: once.ways } },
    run: { makespanSeconds, tokensPerSecond: tokens / makespanSeconds, uncorrectedSeconds: makespanSeconds, ...steps },
  };
}
