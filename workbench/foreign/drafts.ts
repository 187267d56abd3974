import path from "node:path";
import { InputError, isMapping, type Mapping } from "../../core/index.ts";
import { readWholeText } from "../../files/index.ts";
import { readText } from "../../plan/index.ts";
import { jobName } from "../write/job-names.ts";
import type { Line } from "../write/workload-text.ts";
import type { RowsAsked } from "./foreign-data.ts";
import { jobLines } from "./job-lines.ts";
import { type KeyTable, TOOL_NAMES } from "./key-rules.ts";
import { AXOLOTL_DATASET_KEYS, AXOLOTL_KEYS } from "./keys/axolotl.ts";
import { LLAMAFACTORY_DATASET_KEYS, LLAMAFACTORY_KEYS } from "./keys/llamafactory.ts";
import { PEFT_KEYS } from "./keys/peft.ts";
import { TRL_KEYS } from "./keys/trl.ts";
import { locate } from "./look-at-rows.ts";
import { checkMethod, precisionLines } from "./model-lines.ts";
import { Reading } from "./reading.ts";
import {
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

/** What a person says beside the file. */
export interface DraftChoice {
  readonly gpus: number;
  readonly model: string | undefined;
  readonly data: string | undefined;
}

export interface JobDraft {
  readonly name: string;
  readonly lines: readonly Line[];
}

export interface Draft {
  readonly model: readonly Line[];
  readonly jobs: readonly JobDraft[];
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

/** A file with one adapter: a job for each of its data sets. @throws InputError */
export async function wholeDraft(mapping: Mapping, choice: DraftChoice, place: ForeignPlace): Promise<Draft> {
  const { tool } = place;
  if (tool === "mlora") throw new InputError({ expected: "tasks", file: place.source.file });
  const { table, sets } = WHOLE[tool];
  const reading = new Reading([{ mapping, table, at: [] }], place.findings, place.source);
  checkMethod(reading, tool, mapping);
  const limit = reading.number("limit");
  const more: Partial<SetAsked> = {
    ...(limit === undefined ? {} : { limit: reading.count("limit")!.value }),
    ...(reading.isOn("lastTurn") ? { turns: "last" as const } : {}),
    ...(reading.isOn("inputs") ? { trainOnInputs: true as const } : {}),
  };
  const found =
    choice.data === undefined
      ? await sets(reading, mapping, place, more)
      : { training: [await givenData(choice.data, place)], held: undefined };
  if (choice.data !== undefined)
    for (const setting of ["data", "dataReading", "evaluationData"] as const)
      reading.idle(setting, "--data takes its place");
  if (found.training.length === 0) throw needed("--data", place);
  if (found.training.length > 1)
    reading.lacks(
      "data",
      `one adapter is trained on all ${found.training.length} data sets; here each makes a job of its own. Join the files to train one`,
    );
  const output = reading.text("name");
  const isNamed = output !== undefined && found.training.length === 1;
  if (isNamed) reading.otherwise("name", "the name of the job");
  else reading.idle("name", "jobs are named after their data; `train -o` says where adapters go");
  const model = reading.text("model");
  return {
    model: [modelLine(model?.value, model?.key ?? "", choice, place), ...precisionLines(reading)],
    jobs: found.training.map(({ name, lines, numRows }) => ({
      name: jobName(isNamed ? output.value : name),
      lines: [
        { key: "data", value: { lines } },
        ...jobLines(
          reading,
          { tool, gpus: choice.gpus, numRows, pathOf: (named) => hubOrPath(named, place, "hf:").path },
          found.held?.lines,
        ),
      ],
    })),
  };
}
