import { InputError } from "../core/index.ts";
import { datasetDigest, loadTokenizer, type Row, readDataset } from "../datasets/index.ts";
import {
  checkRows,
  type ExecuteResult,
  executePlan,
  initialPairs,
  type ModelFolder,
  nativeInfo,
  openModelFolder,
  type Progress,
  readPeftFolder,
  type StepMetrics,
} from "../exec/index.ts";
import { isLengthData, type Plan } from "../plan/index.ts";
import { VERSION } from "./version.ts";

export interface TrainHooks {
  readonly onStep?: (metrics: StepMetrics) => void;
  readonly onProgress?: (progress: Progress & { readonly totalActions: number }) => void;
}

/** Reads again the data that a plan was made from. */
export async function loadPlanData(plan: Plan, model: ModelFolder): Promise<readonly (readonly Row[])[]> {
  let tokenizer: ReturnType<typeof loadTokenizer> | undefined;
  const data: (readonly Row[])[] = [];
  for (const [index, job] of plan.jobs.entries()) {
    const file = plan.locations.data[job.name];
    if (isLengthData(job.data) || file === undefined) {
      data.push([]);
      continue;
    }
    if (job.data.format !== "tokens") tokenizer ??= loadTokenizer(model.folder);
    const dataset = await readDataset(
      { ...job.data, path: file },
      {
        ...(tokenizer === undefined ? {} : { tokenizer }),
        cutoffLength: job.cutoffLength,
        vocabularySize: model.architecture.vocabularySize,
        at: `jobs[${index}].data`,
      },
    );
    data.push(dataset.rows);
  }
  return data;
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
  const start = plan.jobs.map((job) => {
    const init = plan.locations.init[job.name];
    return init === undefined
      ? initialPairs(job, plan.model.architecture)
      : readPeftFolder(init, job.adapter, plan.model.architecture);
  });
  const { onednn, isa, cpuModel } = nativeInfo();
  return await executePlan({
    plan,
    model,
    rows: data,
    start,
    versions: { loratwin: VERSION, node: process.version, onednn, isa, cpu: cpuModel },
    ...hooks,
  });
}
