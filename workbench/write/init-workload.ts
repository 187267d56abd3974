import path from "node:path";
import { InputError, quantile } from "../../core/index.ts";
import {
  checkTokenizerFiles,
  type Dataset,
  hasChatTemplate,
  readSafetensors,
  resolveModel,
} from "../../datasets/index.ts";
import { openModelFolder } from "../../exec/index.ts";
import { type Context, silent, type TellBytes } from "../../files/index.ts";
import { type Architecture, divideRows, type FileData, projectionsOf, stepCount } from "../../plan/index.ts";
import { loadCluster } from "../load/load-cluster.ts";
import { RowReader } from "../load/read-rows.ts";
import {
  adviseBatch,
  adviseCutoff,
  adviseDtype,
  adviseEpochs,
  adviseEvaluation,
  adviseEvery,
  adviseRank,
  adviseRate,
  adviseWarmup,
  modelParameters,
  parametersText,
  type RowFacts,
} from "./advise.ts";
import { jobName, uniqueNames } from "./job-names.ts";
import { pathFrom, refuseExisting, writeWorkload } from "./new-file.ts";
import { commentLines, type Line, workloadText } from "./workload-text.ts";

export interface InitChoice {
  /** Data files, folders or `hf:` paths; each makes a job. */
  readonly data: readonly string[];
  readonly model: string;
  readonly output: string;
  readonly overwrite: boolean;
  readonly rank?: number | undefined;
  readonly epochs?: number | undefined;
  /** The devices that will train, as --devices has them; this machine's when absent. */
  readonly devices?: string | undefined;
  readonly prompt?: string | undefined;
  readonly response?: string | undefined;
}

/** What was written, for a person. */
export interface InitiatedWorkload {
  readonly file: string;
  readonly jobs: readonly {
    readonly name: string;
    readonly data: string;
    readonly rows: number;
    readonly steps: number;
  }[];
}

/** A data file that was looked at. */
interface SeenData {
  readonly given: string;
  readonly data: FileData;
  readonly dataset: Dataset;
  readonly facts: RowFacts;
}

/** The most tensors' type, by elements. */
function storedType(folder: string): string {
  const sizes = new Map<string, number>();
  for (const { type, shape } of readSafetensors(folder).tensors)
    sizes.set(type, (sizes.get(type) ?? 0) + shape.reduce((all, size) => all * size, 1));
  return [...sizes].toSorted(([, a], [, b]) => b - a)[0]?.[0] ?? "F32";
}

async function seeData(
  reader: RowReader,
  given: string,
  data: FileData,
  mostTokens: number,
  index: number,
): Promise<SeenData> {
  let dataset: Dataset;
  try {
    dataset = await reader.read(data, mostTokens, index);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    // Nobody has written a document yet.
    const { at, ...facts } = error.facts;
    const isOurs = at === undefined || at.startsWith("jobs[");
    throw new InputError({ ...facts, at: isOurs ? (facts.file === undefined ? given : "") : at }, { cause: error });
  }
  const lengths = dataset.rows.map(({ inputIds }) => inputIds.length);
  const at = (share: number): number => Math.round(quantile(lengths, share));
  const facts = {
    numRows: lengths.length,
    lengths: { p50: at(0.5), p95: at(0.95), max: at(1) },
    numCut: dataset.numCut,
  };
  return { given, data, dataset, facts };
}

function dataLines({ data, dataset, facts }: SeenData, file: string): readonly Line[] {
  const { format, inferred } = dataset;
  const { p50, p95, max } = facts.lengths;
  const tokens = `${facts.numRows} rows of ${p50} tokens (median), ${p95} (95 of 100), ${max} (longest)`;
  const templates =
    data.prompt === undefined
      ? []
      : ([
          ["prompt", data.prompt],
          ["response", data.response!],
        ] as const);
  return [
    { key: "path", value: file, why: tokens },
    { key: "format", value: format, why: inferred },
    ...templates.map(([key, value]) => ({ key, value })),
    ...(format === "chat" && data.chatTemplate !== undefined
      ? [{ key: "chatTemplate", value: data.chatTemplate, why: "the model has none; ChatML is the most common" }]
      : []),
  ];
}

/** A job, and its steps. */
function jobLines(
  seen: SeenData,
  {
    name,
    file,
    epochs: given,
    architecture,
  }: {
    readonly name: string;
    readonly file: string;
    readonly epochs: number | undefined;
    readonly architecture: Architecture;
  },
): { readonly lines: readonly Line[]; readonly steps: number } {
  const { facts } = seen;
  const [batch, evaluation] = [adviseBatch(facts), adviseEvaluation(facts)];
  const epochs = adviseEpochs(facts, given, evaluation !== undefined);
  const share = evaluation === undefined ? undefined : { share: evaluation.share.value, everySteps: 1, keepBest: true };
  const numRows = divideRows(share, facts.numRows, 0).training.length;
  const steps = stepCount({ name, epochs: epochs.value, batchSize: batch.value, steps: undefined }, numRows);
  const cutoff = adviseCutoff(facts, architecture);
  const [every, warmup] = [adviseEvery(steps), adviseWarmup(steps)];
  const lines: readonly Line[] = [
    { key: "name", value: name, why: "the adapter will be in adapters/NAME of the run" },
    { key: "data", value: { lines: dataLines(seen, file) } },
    { key: "cutoffLength", ...cutoff },
    { key: "batchSize", ...batch },
    { key: "epochs", ...epochs },
    {
      key: "optimizer",
      value: { lines: [{ key: "schedule", value: { lines: [{ key: "warmupSteps", ...warmup }] } }] },
    },
    ...(evaluation === undefined
      ? []
      : [
          {
            key: "evaluation",
            value: {
              lines: [
                { key: "share", ...evaluation.share },
                ...(evaluation.maxRows === undefined ? [] : [{ key: "maxRows", ...evaluation.maxRows }]),
                { key: "everySteps", ...every },
              ],
            },
          },
        ]),
  ];
  return { lines, steps };
}

function defaultLines(architecture: Architecture, parameters: number, rank: number | undefined): readonly Line[] {
  const { value: advised, why } = adviseRank(architecture.hiddenSize, rank);
  return [
    {
      key: "adapter",
      value: {
        lines: [
          { key: "rank", value: advised, why },
          {
            key: "alpha",
            value: 2 * advised,
            why: "an update counts alpha / rank times (LoRA, arXiv 2106.09685); twice the rank, as Biderman et al. (arXiv 2405.09673)",
          },
          architecture.experts === undefined
            ? { key: "dropout", value: 0.05, why: "against memorizing; QLoRA took 0.1 up to 13B and 0.05 above" }
            : { key: "dropout", value: 0, why: "adapters on experts have none" },
          {
            key: "targets",
            value: projectionsOf(architecture).filter((projection) => projection !== "router"),
            why: "all projections: attention alone learns less (QLoRA; LoRA Without Regret)",
          },
        ],
      },
    },
    {
      key: "optimizer",
      value: {
        lines: [
          { key: "learningRate", ...adviseRate(architecture, parameters) },
          {
            key: "maxGradNorm",
            value: 1,
            why: "a single bad row cannot spoil the adapter; the default of transformers",
          },
          {
            key: "schedule",
            value: { lines: [{ key: "name", value: "cosine", why: "falls to 0 at the end, as Stanford Alpaca" }] },
          },
        ],
      },
    },
  ];
}

const HEADING = [
  "Made by `loratwin init`. Each line says why it is so; change what you know better. What is left out has the defaults of docs/reference/documents.md.",
  "Sources: LoRA, arXiv 2106.09685; QLoRA, arXiv 2305.14314; LoRA Learns Less and Forgets Less (Biderman et al.), arXiv 2405.09673; LoRA Without Regret (Thinking Machines, 2025). Rules without a source are loratwin's own.",
];

/** Looks at data and a model, and writes a workload with a job for each data file. @throws InputError */
export async function initWorkload(context: Context, choice: InitChoice): Promise<InitiatedWorkload> {
  const { output, prompt, response } = choice;
  refuseExisting(context, output, choice.overwrite);
  const folder = await resolveModel(choice.model, { baseFolder: context.cwd }).catch((error: unknown) => {
    throw error instanceof InputError && error.facts.at === "model.path"
      ? new InputError({ ...error.facts, at: "--model" }, { cause: error })
      : error;
  });
  const { architecture } = openModelFolder(folder);
  const mostTokens = architecture.maxPositions;
  let onRead: TellBytes = () => {};
  const reader = new RowReader({
    onRead: (bytes, ofBytes) => onRead(bytes, ofBytes),
    folder: context.cwd,
    vocabularySize: architecture.vocabularySize,
    mostTokens,
    cache: context.cache ?? false,
    tokenizerFolder: () => {
      checkTokenizerFiles(folder);
      return folder;
    },
  });
  const templates = prompt === undefined || response === undefined ? {} : { prompt, response };
  const chatTemplate = hasChatTemplate(folder) ? {} : { chatTemplate: "chatml" };
  const all: FileData = { path: "", ...templates, ...(prompt === undefined ? chatTemplate : {}) };
  const seen = await context.during("reading data", async (tell) => {
    onRead = tell;
    const found: SeenData[] = [];
    for (const [index, given] of choice.data.entries())
      found.push(await seeData(reader, given, { ...all, path: given }, mostTokens, index));
    return found;
  });
  const parameters = modelParameters(architecture);
  const told = choice.devices === undefined ? silent(context.cwd) : context;
  const { devices } = loadCluster(told, { devices: choice.devices }, architecture.numLayers);
  const dtype = adviseDtype(parameters, devices, storedType(folder));
  const names = uniqueNames(seen.map(({ given }) => jobName(given)));
  const jobs = seen.map((each, index) => {
    const [name, file] = [names[index]!, pathFrom(context, output, each.given)];
    return { name, file, each, ...jobLines(each, { name, file, epochs: choice.epochs, architecture }) };
  });
  const { numLayers, hiddenSize } = architecture;
  const shape = `${parametersText(parameters)} parameters, ${numLayers} layers of width ${hiddenSize}, rows of at most ${mostTokens} tokens`;
  const text = workloadText(
    HEADING.flatMap((line) => commentLines(line)),
    [
      {
        key: "model",
        value: {
          lines: [
            { key: "path", value: pathFrom(context, output, choice.model), why: shape },
            { key: "dtype", ...dtype },
          ],
        },
      },
      {
        key: "defaults",
        value: { lines: defaultLines(architecture, parameters, choice.rank) },
        why: "for every job, key by key",
      },
      { key: "jobs", value: { items: jobs.map(({ lines }) => lines) } },
    ],
  );
  writeWorkload(context, output, text);
  return {
    file: path.normalize(output),
    jobs: jobs.map(({ name, each, steps }) => ({ name, data: each.given, rows: each.facts.numRows, steps })),
  };
}
