import path from "node:path";
import { InputError, isMapping, type Mapping } from "../../core/index.ts";
import { type Compared, isHubPath } from "../../datasets/index.ts";
import type { FileData, ReadText } from "../../plan/index.ts";
import type { Line, Value } from "../write/workload-text.ts";
import { type RowsAsked, rowsTaken } from "./foreign-data.ts";
import { type ForeignTool, type KeyTable, keys } from "./key-rules.ts";
import { locate, lookAtRows, type SeenRows } from "./look-at-rows.ts";
import { type Findings, Reading } from "./reading.ts";

/** Where a foreign file is read. */
export interface ForeignPlace {
  readonly tool: ForeignTool;
  readonly cwd: string;
  /** Of the foreign file. */
  readonly folder: string;
  readonly source: ReadText;
  readonly findings: Findings;
  /** The folder of the workload, where its paths start. */
  readonly output: string;
  /** Whether rows are kept for later commands. */
  readonly cache: boolean;
  /** A path as the workload has it. */
  readonly relative: (absolute: string) => string;
}

/** Rows that a job trains on, or is evaluated by. */
export interface RowSet {
  /** What it was called. */
  readonly name: string;
  readonly data: FileData;
  /** The keys that said some of it. */
  readonly whys: Readonly<Partial<Record<keyof FileData, string>>>;
  /** The file, where it is here, and what is in it. */
  readonly located: string | undefined;
  readonly seen: SeenRows | undefined;
}

/** The lines of `data`. */
export function dataLines({ data, whys }: Pick<RowSet, "data" | "whys">): readonly Line[] {
  return linesOf(data).map((line) => ({ ...line, why: whys[line.key as keyof FileData] }));
}

const HUB_NAME = /^[\w-][\w.-]*\/[\w.-]+$/;
const DATA_FILE = /\.(?:jsonl?|ndjson|csv|tsv|parquet|arrow|txt)(?:\.\w+)?$/i;

/** Whether a path is that of a single file of rows, by its name. */
export function isDataFile(named: string): boolean {
  return DATA_FILE.test(named);
}

/** A split as a name; others take a part of one: train[:10%]. */
const SPLIT_NAME = /^[\w.-]+$/;

/** A name of the hub, or a path. */
export function hubOrPath(
  named: string,
  place: ForeignPlace,
  prefix: "hf:" | "hf:datasets/",
): { readonly path: string; readonly located: string | undefined } {
  if (isHubPath(named)) return { path: named, located: undefined };
  const located = locate(named, place.cwd, place.folder);
  if (located !== undefined) return { path: place.relative(located), located };
  return { path: HUB_NAME.test(named) && !isDataFile(named) ? `${prefix}${named}` : named, located: undefined };
}

export interface SetAsked {
  /** A file, a folder or a name of the hub. */
  readonly named: string;
  readonly split?: string | undefined;
  readonly limit?: number | undefined;
  readonly turns?: "last" | undefined;
  readonly trainOnInputs?: true | undefined;
  /** How a loss compares answers, where one does. */
  readonly compared?: Compared | undefined;
  readonly rows: RowsAsked;
  /** The key that named them, and the one that says how they are read. */
  readonly pathKey: string;
  readonly key: string;
}

export const NOTHING_ASKED: RowsAsked = { form: undefined, fields: {} };

/** A mapping of scalars, lists of them and mappings. */
function linesOf(mapping: object): readonly Line[] {
  return Object.entries(mapping as Readonly<Record<string, Value | undefined>>).flatMap(([key, value]) => {
    if (value === undefined) return [];
    return [{ key, value: isMapping(value) ? { lines: linesOf(value) } : (value as Value) }];
  });
}

/** Rows as a tool reads them. */
export async function rowSet(asked: SetAsked, place: ForeignPlace): Promise<RowSet> {
  const { key, limit, turns, trainOnInputs } = asked;
  const found = hubOrPath(asked.named, place, "hf:datasets/");
  const lacks: string[] = [];
  const isFile = isDataFile(found.path);
  let split = asked.split;
  if (split !== undefined && !SPLIT_NAME.test(split))
    lacks.push(`the split ${split} is a part of one: limit takes the first rows`);
  if (split === "train" || (split !== undefined && (isFile || !SPLIT_NAME.test(split)))) {
    if (isFile && split !== "train" && SPLIT_NAME.test(split)) lacks.push(`the split ${split} of a single file`);
    split = undefined;
  }
  const source = { ...(split === undefined ? {} : { split }), ...(limit === undefined ? {} : { limit }) };
  const seen: SeenRows | undefined =
    found.located === undefined ? undefined : await lookAtRows({ path: found.located, ...source });
  const taken = rowsTaken(place.tool, { ...asked.rows, compared: asked.compared }, seen);
  for (const text of taken.otherwise) place.findings.add(key, "otherwise", text);
  if (lacks.length > 0) place.findings.add(key.replace(/\.\w+$/, ".split"), "lacks", lacks.join("; "));
  if (taken.lacks.length > 0) place.findings.add(key, "lacks", taken.lacks.join("; "));
  const choices = { ...(turns === undefined ? {} : { turns }), ...(trainOnInputs === true ? { trainOnInputs } : {}) };
  const data: FileData = { path: found.path, ...taken.data, ...choices, ...source };
  return { name: asked.named, data, whys: { path: asked.pathKey }, located: found.located, seen };
}

/** A list of mappings, or of names. @throws InputError for anything else */
export function listOf(value: unknown, key: string, { source }: ForeignPlace): readonly (string | Mapping)[] {
  const list = typeof value === "string" ? value.split(",").map((name) => name.trim()) : value;
  const items = isMapping(list) ? [list] : list;
  if (Array.isArray(items) && items.length > 0 && items.every((item) => isMapping(item) || typeof item === "string"))
    return items as readonly (string | Mapping)[];
  throw new InputError({ expected: "a list of data sets", at: key, got: value, file: source.file });
}

/** A text that a mapping has and that says something. */
export function textIn(mapping: Mapping, key: string): string | undefined {
  const value = mapping[key];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The one file that an entry names; several cannot be one job's. */
function fileOf(entry: Mapping, key: string, place: ForeignPlace): string | undefined {
  const files = entry["data_files"];
  const list = typeof files === "string" ? [files] : Array.isArray(files) ? files.map(String) : [];
  if (list.length > 1)
    place.findings.add(`${key}.data_files`, "lacks", "several files: only the first one is taken; join them");
  return list[0];
}

/** What Axolotl's entry calls columns and keys of messages. */
function axolotlFields(entry: Mapping): Readonly<Record<string, string>> {
  const mapped = isMapping(entry["message_property_mappings"]) ? entry["message_property_mappings"] : {};
  const named = {
    text: textIn(entry, "field"),
    messages: textIn(entry, "field_messages"),
    system: textIn(entry, "field_system"),
    tools: textIn(entry, "field_tools"),
    role: textIn(mapped, "role") ?? textIn(entry, "message_field_role"),
    content: textIn(mapped, "content") ?? textIn(entry, "message_field_content"),
    train: textIn(entry, "message_field_training"),
    chosen: textIn(entry, "field_chosen"),
    rejected: textIn(entry, "field_rejected"),
  };
  return Object.fromEntries(Object.entries(named).filter((pair): pair is [string, string] => pair[1] !== undefined));
}

function axolotlRoles({ roles }: Mapping): RowsAsked["roles"] {
  if (!isMapping(roles)) return undefined;
  return Object.fromEntries(Object.entries(roles).map(([role, names]) => [role, [names].flat().map(String)]));
}

/** The data sets of Axolotl or TRL: entries with a path. */
export async function entrySets(
  value: unknown,
  key: string,
  table: KeyTable,
  place: ForeignPlace,
  more: Partial<SetAsked> = {},
): Promise<readonly RowSet[]> {
  const sets: RowSet[] = [];
  for (const [index, item] of listOf(value, key, place).entries()) {
    const at = `${key}[${index}]`;
    const entry = typeof item === "string" ? { path: item } : item;
    new Reading([{ mapping: entry, table, at: [key, index] }], place.findings, place.source);
    const file = fileOf(entry, at, place);
    const named = file ?? textIn(entry, "path");
    if (named === undefined)
      throw new InputError({ expected: "a path", at: `${at}.path`, got: entry["path"], file: place.source.file });
    const template = textIn(entry, "chat_template") ?? textIn(entry, "conversation");
    const rows: RowsAsked = {
      ...more.rows,
      form: entry["type"] ?? more.rows?.form,
      fields: { ...axolotlFields(entry), ...more.rows?.fields },
      roles: axolotlRoles(entry),
      ...(template === undefined ? {} : { template, jinja: textIn(entry, "chat_template_jinja") }),
    };
    const isTyped = entry["type"] !== undefined;
    sets.push(
      await rowSet(
        {
          ...more,
          named,
          split: textIn(entry, "split"),
          rows,
          pathKey: `${at}.path`,
          key: `${at}.${isTyped ? "type" : "path"}`,
        },
        place,
      ),
    );
  }
  return sets;
}

/** Keys of an entry of TRL's `datasets`. */
export const TRL_DATASET_KEYS: KeyTable = {
  ...keys("path split data_files", { as: "data" }),
  ...keys("name data_dir columns fraction", { lacks: "a part of the data set" }),
};

/** LLaMA-Factory's words for columns and keys of messages. */
const FACTORY_NAMES: Readonly<Record<string, string>> = {
  prompt: "instruction",
  query: "input",
  response: "output",
  kto_tag: "label",
  role_tag: "role",
  content_tag: "content",
};

function factoryFields(columns: Mapping, tags: Mapping): Readonly<Record<string, string>> {
  const own = ["history", "system", "tools", "messages", "chosen", "rejected"];
  return Object.fromEntries(
    Object.entries({ ...columns, ...tags }).flatMap(([name, column]) => {
      const ours = FACTORY_NAMES[name] ?? (own.includes(name) ? name : undefined);
      return ours === undefined || typeof column !== "string" ? [] : [[ours, column] as const];
    }),
  );
}

function factoryRoles(tags: Mapping): RowsAsked["roles"] {
  const named = {
    system: [textIn(tags, "system_tag")],
    user: [textIn(tags, "user_tag")],
    assistant: [textIn(tags, "assistant_tag"), textIn(tags, "function_tag")],
    tool: [textIn(tags, "observation_tag")],
  };
  const roles = Object.entries(named).map(([role, names]) => [role, names.filter((one) => one !== undefined)] as const);
  return Object.fromEntries(roles.filter(([, names]) => names.length > 0));
}

/** LLaMA-Factory's data sets, by their names in dataset_info.json. @throws InputError where they are not there */
export async function namedSets(
  value: unknown,
  key: string,
  { info, infoFile, ...more }: { readonly info: Mapping; readonly infoFile: string } & Partial<SetAsked>,
  table: KeyTable,
  place: ForeignPlace,
): Promise<readonly RowSet[]> {
  const sets: RowSet[] = [];
  for (const name of listOf(value, key, place)) {
    const entry = typeof name === "string" && Object.hasOwn(info, name) ? info[name] : undefined;
    if (typeof name !== "string" || !isMapping(entry))
      throw new InputError({
        expected: `a data set of ${infoFile}`,
        at: key,
        got: name,
        hint: `It has ${Object.keys(info).slice(0, 8).join(", ")}.`,
      });
    new Reading([{ mapping: entry, table, at: [name] }], place.findings, place.source);
    const [columns, tags] = [entry["columns"], entry["tags"]].map((one) => (isMapping(one) ? one : {})) as [
      Mapping,
      Mapping,
    ];
    const file = textIn(entry, "file_name");
    const hub = textIn(entry, "hf_hub_url");
    const named =
      file === undefined ? (hub === undefined ? name : `hf:datasets/${hub}`) : path.join(path.dirname(infoFile), file);
    const rows: RowsAsked = {
      ...more.rows,
      form: entry["formatting"] ?? "alpaca",
      fields: factoryFields(columns, tags),
      roles: factoryRoles(tags),
    };
    const samples = entry["num_samples"];
    const limit = more.limit ?? (typeof samples === "number" ? samples : undefined);
    sets.push({
      ...(await rowSet(
        {
          ...more,
          limit,
          named,
          split: textIn(entry, "split"),
          rows,
          pathKey: `${name}.file_name`,
          key: `${name}.formatting`,
        },
        place,
      )),
      name,
    });
  }
  return sets;
}
