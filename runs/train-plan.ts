import { canonicalJson, InputError, ownValue } from "../core/index.ts";
import { datasetDigest, type Row } from "../datasets/index.ts";
import {
  adapterDigest,
  checkRows,
  type ExecuteInput,
  type ExecuteResult,
  executeProbed,
  initialPairs,
  type ModelFolder,
  nativeInfo,
  openModelFolder,
  productLibraryName,
  readPeftFolder,
  weightsDigest,
} from "../exec/index.ts";
import { type Place, passFault, type TellBytes, VERSION } from "../files/index.ts";
import { isLengthData, isMixture, type Job, type Plan } from "../plan/index.ts";
import { comparingOf, RowReader, samplePrompts } from "../workbench/index.ts";
import { checkWeights } from "./checkpoints/known-weights.ts";
import { checkWritten } from "./folder/written-weights.ts";

export type TrainHooks = Pick<
  ExecuteInput,
  "onEvent" | "wantsStates" | "statesEverySteps" | "from" | "past" | "stopped" | "stop" | "host"
>;

/** What a run of the plan runs on, for people. */
export function runVersions({ devices }: Pick<Plan, "devices">): Readonly<Record<string, string>> {
  const onGpus = devices.some(({ kind }) => kind === "cuda");
  return { ...machineVersions(), ...(onGpus ? { products: productLibraryName() } : {}) };
}

/** What this machine has. */
export function machineVersions(): Readonly<Record<string, string>> {
  const { onednn, isa, cpuModel } = nativeInfo();
  return { loratwin: VERSION, node: process.version, onednn, isa, cpu: cpuModel };
}

/** Reads again the data that a plan was made from. `onRead` is told how many bytes of how many have become rows. */
export async function loadPlanData(
  { cache = false }: Place,
  plan: Plan,
  model: ModelFolder,
  onRead?: TellBytes,
): Promise<readonly (readonly Row[])[]> {
  passFault("loading");
  const { vocabularySize } = model.architecture;
  const mostTokens = model.architecture.maxPositions;
  const tokenizerFolder = (): string => model.folder;
  const reader = new RowReader({ folder: "", vocabularySize, mostTokens, cache, tokenizerFolder, onRead });
  const rows: (readonly Row[])[] = [];
  for (const [index, job] of plan.jobs.entries()) {
    const places = ownValue(plan.locations.data, job.name);
    const data = places === undefined ? undefined : dataAt(job.data, [places].flat());
    const own = data === undefined ? [] : (await reader.readJob({ ...job, data }, index)).rows;
    const prompts = data === undefined ? [] : await samplePrompts(job, index, [places!].flat()[0]!, reader.context);
    rows.push([...own, ...(await evaluationData(plan, index, reader)), ...prompts]);
  }
  return rows;
}

/** Data of a job as they lie where its plan was made; undefined for lengths. */
function dataAt(data: Job["data"], places: readonly string[]): Job["data"] | undefined {
  if (isLengthData(data)) return undefined;
  if (!isMixture(data)) return { ...data, path: places[0]! };
  return { ...data, datasets: data.datasets.map((set, index) => ({ ...set, path: places[index]! })) };
}

/** Rows of an evaluation's own data, which are numbered on behind the job's. */
async function evaluationData({ jobs, locations }: Plan, index: number, reader: RowReader): Promise<readonly Row[]> {
  const { evaluation, cutoffLength, ...job } = jobs[index]!;
  const path = ownValue(locations.evaluation ?? {}, job.name);
  if (path === undefined || evaluation?.data === undefined || isLengthData(evaluation.data)) return [];
  const data = { ...evaluation.data, path };
  return (await reader.read(data, cutoffLength, index, "evaluation.data", comparingOf(job))).rows;
}

const PLAN_AGAIN = "Make the plan again with `loratwin plan`.";

/** The bytes of a model's weights are those that the plan was made with. @throws InputError where they are not */
async function verifyWeights({ model }: Plan, base: ModelFolder): Promise<void> {
  if (model.weightsDigest === undefined)
    throw new InputError({
      expected: "a plan that knows its model's weights",
      at: "--verify-weights",
      got: "one that was made without --verify-weights",
      hint: "Make it again with `loratwin plan ... --verify-weights`.",
    });
  checkWeights((await weightsDigest(base))!, { folder: base.folder, planned: model.weightsDigest });
}

/**
 * The base model that a plan was made for, its architecture and its tensors; with `weights`, byte by byte.
 * @throws InputError when it is another one now, or none
 */
export async function openPlanModel(plan: Plan, verify: "shapes" | "weights" = "shapes"): Promise<ModelFolder> {
  if (plan.locations.model === null) {
    throw new InputError({
      expected: "a model folder to train",
      at: "model",
      got: "an architecture alone",
      hint: "Give model.path in the workload; an architecture can only be simulated.",
    });
  }
  const model = openModelFolder(plan.locations.model);
  if (model.digest !== plan.model.digest)
    throw new InputError({
      expected: "the model that the plan was made for",
      file: plan.locations.model,
      got: "another one",
      hint: PLAN_AGAIN,
    });
  if (canonicalJson(model.architecture) !== canonicalJson(plan.model.architecture))
    throw new InputError({
      expected: `the architecture of ${plan.locations.model}: ${canonicalJson(model.architecture)}`,
      at: "setting.model.architecture",
      got: plan.model.architecture,
      hint: PLAN_AGAIN,
    });
  if (verify === "weights") await verifyWeights(plan, model);
  return model;
}

/** Executes a plan on this machine. @throws InputError, DeviceError */
export async function trainPlan(
  plan: Plan,
  model: ModelFolder,
  data: readonly (readonly Row[])[],
  hooks: TrainHooks,
): Promise<ExecuteResult> {
  passFault("setting-up");
  checkRows(
    plan,
    data.map((rows, job) => {
      // Prompts change nothing of what is trained.
      const own = rows.slice(0, rows.length - (plan.jobs[job]!.sample?.prompts.length ?? 0));
      return own.length === 0 ? "" : datasetDigest(own);
    }),
    data,
  );
  const lacking = plan.jobs.findIndex(
    ({ firstStep = 0 }, job) => hooks.stopped?.has(job) !== true && firstStep !== (hooks.from?.[job]?.step ?? 0),
  );
  if (lacking >= 0)
    throw new InputError({
      expected: "a plan that begins with the first step of every job",
      at: `jobs[${lacking}].firstStep`,
      got: plan.jobs[lacking]!.firstStep,
      hint: "It is the rest of a run: `loratwin resume RUN` goes on with that.",
    });
  const start = plan.jobs.map((job, index) => {
    const init = ownValue(plan.locations.init, job.name);
    if (init === undefined) return initialPairs(job, plan.model.architecture);
    const pairs = readPeftFolder(init, job.adapter, plan.model.architecture);
    if (adapterDigest(pairs) !== job.initDigest)
      throw new InputError({
        expected: "the adapter that the plan was made with",
        at: `jobs[${index}].adapter.init`,
        got: "other weights",
        file: init,
        hint: PLAN_AGAIN,
      });
    checkWritten(init);
    return pairs;
  });
  return await executeProbed({
    plan,
    model,
    rows: data,
    start,
    versions: runVersions(plan),
    ...hooks,
  });
}
