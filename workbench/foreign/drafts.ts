import path from "node:path";
import { InputError, isMapping, type Mapping } from "../../core/index.ts";
import { readWholeText } from "../../files/index.ts";
import { comparedData, hasReference, readText } from "../../plan/index.ts";
import { jobName } from "../write/job-names.ts";
import type { Line } from "../write/workload-text.ts";
import { checkTokens, writesBothEnds } from "./check-tokens.ts";
import { countRows, hereModel } from "./count-rows.ts";
import type { RowsAsked } from "./foreign-data.ts";
import { jobLines } from "./job-lines.ts";
import { type JoinedRows, joinedRows } from "./joined-rows.ts";
import { type KeyTable, TOOL_NAMES } from "./key-rules.ts";
import { AXOLOTL_DATASET_KEYS, AXOLOTL_KEYS } from "./keys/axolotl.ts";
import { LLAMAFACTORY_DATASET_KEYS, LLAMAFACTORY_KEYS } from "./keys/llamafactory.ts";
import { PEFT_KEYS } from "./keys/peft.ts";
import { NO_PADDING } from "./keys/reasons.ts";
import { TRL_KEYS } from "./keys/trl.ts";
import { locate } from "./look-at-rows.ts";
import { type LossPlan, lossPlan, type Trainer, trainerOf } from "./loss-lines.ts";
import { checkMethod, precisionLines } from "./model-lines.ts";
import { Reading } from "./reading.ts";
import {
  dataLines,
  entrySets,
  type ForeignPlace,
  hubOrPath,
  isDataFile,
  NOTHING_ASKED,
  namedSets,
  type RowSet,
  rowSet,
  type SetAsked,
  TRL_DATASET_KEYS,
  textIn,
} from "./row-sets.ts";
import { TOOL_DEFAULTS } from "./tool-defaults.ts";

/** What a person says beside the file. */
export interface DraftChoice {
  readonly gpus: number;
  readonly model: string | undefined;
  readonly data: string | undefined;
  /** Of TRL, whose files do not say what they are for. */
  readonly trainer: Trainer | undefined;
  /** The workload's file. */
  readonly output: string;
}

export interface JobDraft {
  readonly name: string;
  readonly lines: readonly Line[];
}

export interface Draft {
  readonly model: readonly Line[];
  readonly jobs: readonly JobDraft[];
  /** Rows of several files that become one. */
  readonly joined?: JoinedRows | undefined;
}

interface Sets {
  readonly training: readonly RowSet[];
  readonly held: RowSet | undefined;
}

type Sources = (reading: Reading, mapping: Mapping, place: ForeignPlace, more: Partial<SetAsked>) => Promise<Sets>;

function firstOf(sets: readonly RowSet[], key: string, place: ForeignPlace): RowSet | undefined {
  if (sets.length > 1) place.findings.add(key, "lacks", `${sets.length} data sets: the first one is taken`);
  return sets[0];
}

const axolotlSets: Sources = async (reading, mapping, place, more) => {
  const [data, test] = [reading.given("data"), reading.given("evaluationData")];
  const [template, jinja] = [textIn(mapping, "chat_template"), textIn(mapping, "chat_template_jinja")];
  const rows: RowsAsked = { ...NOTHING_ASKED, template, jinja };
  const own = { ...more, rows };
  const held =
    test === undefined ? [] : await entrySets(test.value, "test_datasets", AXOLOTL_DATASET_KEYS, place, { rows });
  return {
    training: data === undefined ? [] : await entrySets(data.value, "datasets", AXOLOTL_DATASET_KEYS, place, own),
    held: firstOf(held, "test_datasets", place),
  };
};

/** dataset_info.json of LLaMA-Factory. @throws InputError where it is not there */
function datasetInfo(mapping: Mapping, place: ForeignPlace): { readonly info: Mapping; readonly infoFile: string } {
  const folder = textIn(mapping, "dataset_dir") ?? "data";
  const infoFile =
    locate(path.join(folder, "dataset_info.json"), place.cwd, place.folder) ??
    locate("dataset_info.json", place.folder, place.folder);
  if (infoFile === undefined)
    throw new InputError({
      expected: `${path.join(folder, "dataset_info.json")}, which says where the data are`,
      at: "dataset_dir",
      hint: "--data FILE names the data in its place.",
    });
  const info = readText(readWholeText(infoFile), infoFile).value;
  if (!isMapping(info)) throw new InputError({ expected: "a mapping of data sets", file: infoFile, got: info });
  return { info, infoFile };
}

const llamaFactorySets: Sources = async (reading, mapping, place, more) => {
  const [data, test] = [reading.given("data"), reading.given("evaluationData")];
  if (mapping["dataset"] === undefined && test === undefined) return { training: [], held: undefined };
  const found = datasetInfo(mapping, place);
  const rows: RowsAsked = {
    ...NOTHING_ASKED,
    template: textIn(mapping, "template"),
    system: textIn(mapping, "default_system"),
    isSilent: mapping["enable_thinking"] === false,
    isText: mapping["stage"] === "pt",
    isLastAlone: more.turns === "last" || more.compared !== undefined,
  };
  const named = (value: unknown, key: string, also: Partial<SetAsked>): Promise<readonly RowSet[]> =>
    namedSets(value, key, { ...found, ...also, rows }, LLAMAFACTORY_DATASET_KEYS, place);
  const held = test === undefined ? [] : await named(test.value, "eval_dataset", {});
  return {
    training: data === undefined ? [] : await named(mapping["dataset"], "dataset", more),
    held: firstOf(held, "eval_dataset", place),
  };
};

const trlSets: Sources = async (reading, mapping, place, more) => {
  const { datasets, dataset_name: name } = mapping;
  const text = textIn(mapping, "dataset_text_field");
  const rows: RowsAsked = {
    fields: text === undefined ? {} : { text },
    form: mapping["assistant_only_loss"] === true ? "assistant only" : undefined,
  };
  if (datasets !== undefined && datasets !== null)
    return {
      training: await entrySets(datasets, "datasets", TRL_DATASET_KEYS, place, { ...more, rows }),
      held: undefined,
    };
  if (typeof name !== "string") return { training: [], held: undefined };
  const asked = { named: name, rows, key: "dataset_name", pathKey: "dataset_name" };
  const strategy = reading.given("evalStrategy")?.value;
  // A single file has no split to be evaluated by.
  const isEvaluated = strategy !== undefined && strategy !== "no" && !isDataFile(name);
  return {
    training: [
      await rowSet({ ...asked, ...more, rows, split: textIn(mapping, "dataset_train_split") ?? "train" }, place),
    ],
    held: isEvaluated
      ? await rowSet({ ...asked, split: textIn(mapping, "dataset_test_split") ?? "test" }, place)
      : undefined,
  };
};

const WHOLE: Readonly<
  Record<"axolotl" | "llamafactory" | "trl" | "peft", { readonly table: KeyTable; readonly sets: Sources }>
> = {
  axolotl: { table: AXOLOTL_KEYS, sets: axolotlSets },
  llamafactory: { table: LLAMAFACTORY_KEYS, sets: llamaFactorySets },
  trl: { table: TRL_KEYS, sets: trlSets },
  peft: { table: PEFT_KEYS, sets: async () => ({ training: [], held: undefined }) },
};

/** The data that a person names in place of the file's. */
export async function givenData(data: string, place: ForeignPlace): Promise<RowSet> {
  return await rowSet(
    { named: data, rows: NOTHING_ASKED, key: "--data", pathKey: "--data" },
    { ...place, tool: "peft" },
  );
}

/** @throws InputError where neither the file nor a person names it */
export function needed(option: "--model" | "--data", { tool, source }: ForeignPlace): InputError {
  const what = option === "--model" ? "the base model" : "data";
  return new InputError({
    expected: `${option} with ${what}`,
    got: undefined,
    hint: `${path.basename(source.file)} of ${TOOL_NAMES[tool]} does not name ${option === "--model" ? "it" : "any"}.`,
  });
}

export function modelLine(named: string | undefined, key: string, choice: DraftChoice, place: ForeignPlace): Line {
  if (choice.model !== undefined)
    return { key: "path", value: hubOrPath(choice.model, place, "hf:").path, why: "--model" };
  if (named === undefined) throw needed("--model", place);
  return { key: "path", value: hubOrPath(named, place, "hf:").path, why: key };
}

const OF_TRAINERS: Readonly<Record<Trainer, string>> = {
  sft: "SFTTrainer",
  dpo: "DPOTrainer",
  kto: "KTOTrainer",
  orpo: "ORPOTrainer",
  cpo: "CPOTrainer",
};

/** What answers are compared by. TRL's files do not say it: a person does, or keys and rows show it. */
function lossOf(reading: Reading, mapping: Mapping, choice: DraftChoice, place: ForeignPlace, sets: readonly RowSet[]) {
  const name = choice.trainer ?? trainerOf(mapping, sets[0]?.seen);
  const why = choice.trainer === undefined ? `${OF_TRAINERS[name]} of TRL` : "--trainer";
  const plan = lossPlan(reading, place.tool, { name, why });
  if (plan !== undefined && place.tool === "trl" && choice.trainer === undefined)
    reading.unsaid("trainer", "otherwise", `${why} is for such keys and rows; --trainer names another`);
  if (plan !== undefined && hasReference(plan.loss) && place.tool !== "llamafactory")
    reading.lacks(
      "init",
      "what becomes of an adapter that is there already where answers are compared with a reference",
    );
  return plan;
}

/** The data as the job's loss and order ask for them. */
function placedSet(set: RowSet, reading: Reading, loss: LossPlan | undefined): RowSet {
  const order = reading.given("order");
  if (order?.value === "group_by_length") reading.idle("order", NO_PADDING);
  const isOrdered = loss?.isOrdered === true || order?.value === "sequential" || order?.value === true;
  const format = comparedData(loss?.loss);
  return {
    ...set,
    data: { ...set.data, ...(format === undefined ? {} : { format }), ...(isOrdered ? { shuffle: false } : {}) },
    whys: { ...set.whys, shuffle: order?.key ?? "KTOTrainer takes rows in their order" },
  };
}

/** Says so where rows follow each other in a sequence and see each other. */
function checkPacking(reading: Reading, mapping: Mapping, { tool }: ForeignPlace): void {
  if (tool !== "llamafactory") return;
  const text = "a sequence of cutoff_len has several rows, and attention crosses them; here a step has batchSize rows";
  if (reading.isOn("packing")) reading.idle("packingAcross", "neat_packing says how");
  else if (reading.isOn("packingAcross")) reading.lacks("packingAcross", text);
  else if (mapping["stage"] === "pt" && mapping["packing"] !== false) reading.unsaid("packing", "lacks", text);
}

/** A file with one adapter: a job for each of its data sets. @throws InputError */
export async function wholeDraft(mapping: Mapping, choice: DraftChoice, place: ForeignPlace): Promise<Draft> {
  const { tool } = place;
  if (tool === "mlora") throw new InputError({ expected: "tasks", file: place.source.file });
  const { table, sets } = WHOLE[tool];
  const reading = new Reading([{ mapping, table, at: [] }], place.findings, place.source);
  checkMethod(reading, tool, mapping);
  checkPacking(reading, mapping, place);
  const limit = reading.number("limit");
  const early = tool === "trl" ? undefined : lossOf(reading, mapping, choice, place, []);
  const more: Partial<SetAsked> = {
    ...(limit === undefined ? {} : { limit: reading.count("limit")!.value }),
    ...(reading.isOn("lastTurn") ? { turns: "last" as const } : {}),
    ...(reading.isOn("inputs") ? { trainOnInputs: true as const } : {}),
    compared: comparedData(early?.loss),
  };
  const found =
    choice.data === undefined
      ? await sets(reading, mapping, place, more)
      : { training: [await givenData(choice.data, place)], held: undefined };
  if (choice.data !== undefined)
    for (const setting of ["data", "dataReading", "evaluationData"] as const)
      reading.idle(setting, "--data takes its place");
  if (found.training.length === 0) throw needed("--data", place);
  const loss = early ?? (tool === "trl" ? lossOf(reading, mapping, choice, place, found.training) : undefined);
  const placed = found.training.map((set) => placedSet(set, reading, loss));
  const joined = joinedRows(placed, choice.output, place);
  if (joined !== undefined)
    reading.otherwise("data", `rows of ${placed.length} data sets are joined in ${joined.name}`);
  else if (placed.length > 1)
    reading.lacks(
      "data",
      `one adapter is trained on all ${placed.length} data sets; here each makes a job of its own, since they are not here or read in different ways. Join the files to train one`,
    );
  const training = joined === undefined ? placed.map((set) => [set]) : [placed];
  const output = reading.text("name");
  const isNamed = output !== undefined && training.length === 1;
  if (isNamed) reading.otherwise("name", "the name of the job");
  else reading.idle("name", "jobs are named after their data; `train -o` says where adapters go");
  const named = reading.text("model");
  const model = modelLine(named?.value, named?.key ?? "", choice, place);
  const here = hereModel(String(model.value), place.output, place.cache);
  checkTokens(reading, here?.tokenizer);
  const [first] = placed;
  if (tool === "axolotl" && loss !== undefined && here !== undefined && !writesBothEnds(first!.data, here.tokenizer))
    reading.lacks(
      "loss",
      "Axolotl puts tokens around answers that the chat template does not write: here none are put",
    );
  const cutoff = reading.count("cutoff", 2)?.value ?? TOOL_DEFAULTS[tool].cutoff;
  const held = found.held === undefined ? undefined : dataLines(placedSet(found.held, reading, loss));
  const jobs: JobDraft[] = [];
  for (const parts of training) {
    const set = joined === undefined ? parts[0]! : { ...parts[0]!, ...joined.set };
    const rows = await countRows(parts, here, cutoff, loss?.loss);
    const pathOf = (path: string): string => hubOrPath(path, place, "hf:").path;
    jobs.push({
      name: jobName(isNamed ? output.value : set.name),
      lines: [
        { key: "data", value: { lines: dataLines(set) } },
        ...jobLines(reading, { tool, gpus: choice.gpus, rows, loss, pathOf }, held),
      ],
    });
  }
  return { model: [model, ...precisionLines(reading)], jobs, joined };
}
