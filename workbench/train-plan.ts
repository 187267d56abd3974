import { InputError } from "../core/index.ts";
import { datasetDigest, type Row } from "../datasets/index.ts";
import {
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
} from "../exec/index.ts";
import { isLengthData, type Plan } from "../plan/index.ts";
import type { Place } from "./context.ts";
import { RowReader } from "./read-rows.ts";
import { VERSION } from "./version.ts";

export type TrainHooks = Pick<
  ExecuteInput,
  | "onStep"
  | "onEvaluation"
  | "onProgress"
  | "onCompletions"
  | "onJobEnd"
  | "onStart"
  | "wantsStates"
  | "onStates"
  | "from"
  | "stop"
>;

/** What a run of the plan runs on, for people. */
export function runVersions({ devices }: Pick<Plan, "devices">): Readonly<Record<string, string>> {
  const { onednn, isa, cpuModel } = nativeInfo();
  const onGpus = devices.some(({ kind }) => kind === "cuda");
  return {
    loratwin: VERSION,
    node: process.version,
    onednn,
    isa,
    cpu: cpuModel,
    ...(onGpus ? { products: productLibraryName() } : {}),
  };
}

/** Reads again the data that a plan was made from. */
export async function loadPlanData(
  { cache = false }: Place,
  plan: Plan,
  model: ModelFolder,
): Promise<readonly (readonly Row[])[]> {
  const { vocabularySize } = model.architecture;
  const reader = new RowReader({ folder: "", vocabularySize, cache, tokenizerFolder: () => model.folder });
  const data: (readonly Row[])[] = [];
  for (const [index, job] of plan.jobs.entries()) {
    const path = plan.locations.data[job.name];
    const isKnown = !isLengthData(job.data) && path !== undefined;
    const own = isKnown ? (await reader.read({ ...job.data, path }, job.cutoffLength, index)).rows : [];
    data.push([...own, ...(await evaluationData(plan, index, reader))]);
  }
  return data;
}

/** Rows of an evaluation's own data, which are numbered on behind the job's. */
async function evaluationData({ jobs, locations }: Plan, index: number, reader: RowReader): Promise<readonly Row[]> {
  const { name, evaluation, cutoffLength } = jobs[index]!;
  const path = locations.evaluation?.[name];
  if (path === undefined || evaluation?.data === undefined || isLengthData(evaluation.data)) return [];
  return (await reader.read({ ...evaluation.data, path }, cutoffLength, index, "evaluation.data")).rows;
}

/** The base model that a plan was made for. @throws InputError when it is another one now, or none. */
export function openPlanModel(plan: Plan): ModelFolder {
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
      hint: "Make the plan again with `loratwin plan`.",
    });
  return model;
}

/** Executes a plan on this machine. @throws InputError, DeviceError */
export async function trainPlan(
  plan: Plan,
  model: ModelFolder,
  data: readonly (readonly Row[])[],
  hooks: TrainHooks,
): Promise<ExecuteResult> {
  checkRows(
    plan,
    data.map((rows) => (rows.length === 0 ? "" : datasetDigest(rows))),
  );
  const lacking = plan.jobs.findIndex(({ firstStep = 0 }, job) => firstStep !== (hooks.from?.[job]?.step ?? 0));
  if (lacking >= 0)
    throw new InputError({
      expected: "a plan that begins with the first step of every job",
      at: `jobs[${lacking}].firstStep`,
      got: plan.jobs[lacking]!.firstStep,
      hint: "It is the rest of a run: `loratwin train --resume RUN` goes on with that.",
    });
  const start = plan.jobs.map((job) => {
    const init = plan.locations.init[job.name];
    return init === undefined
      ? initialPairs(job, plan.model.architecture)
      : readPeftFolder(init, job.adapter, plan.model.architecture);
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
