import { InputError, isMapping, type Mapping } from "../../core/index.ts";
import { readWholeText } from "../../files/index.ts";
import { type FileData, readText } from "../../plan/index.ts";
import { jobName } from "../write/job-names.ts";
import { countRows, hereModel } from "./count-rows.ts";
import { type Draft, type DraftChoice, givenData, type JobDraft, modelLine } from "./drafts.ts";
import { promptOfJinja } from "./jinja-prompt.ts";
import { jobLines } from "./job-lines.ts";
import { MLORA_ADAPTER_KEYS, MLORA_DATASET_KEYS, MLORA_KEYS, MLORA_TASK_KEYS } from "./keys/mlora.ts";
import { locate, lookAtRows } from "./look-at-rows.ts";
import { checkMethod } from "./model-lines.ts";
import { Reading } from "./reading.ts";
import { dataLines, type ForeignPlace, hubOrPath, type RowSet } from "./row-sets.ts";

/** What all its jobs have in common. */
const MLORA = { tool: "mlora", gpus: 1, loss: undefined, pathOf: (path: string) => path } as const;

/** The entries of a list by their names. @throws InputError for entries without one */
function byName(
  mapping: Mapping,
  key: string,
  { source }: ForeignPlace,
): ReadonlyMap<string, { readonly entry: Mapping; readonly index: number }> {
  const list = mapping[key];
  const entries = Array.isArray(list) ? list : [];
  return new Map(
    entries.map((entry: unknown, index) => {
      const name = isMapping(entry) ? entry["name"] : undefined;
      if (!isMapping(entry) || typeof name !== "string")
        throw new InputError({ expected: "a name", at: `${key}[${index}].name`, got: name, file: source.file });
      return [name, { entry, index }];
    }),
  );
}

/** The template of a prompt file, and where it cannot be one of ours, nothing. */
function templateOf(named: unknown, place: ForeignPlace): string | undefined {
  const file = typeof named === "string" ? locate(named, place.cwd, place.folder) : undefined;
  const value = file === undefined ? undefined : readText(readWholeText(file), file).value;
  const text = isMapping(value) ? value["template"] : undefined;
  return typeof text === "string" ? text : undefined;
}

async function rowsOf(entry: Mapping, at: string, place: ForeignPlace): Promise<RowSet> {
  const named = entry["data"];
  if (typeof named !== "string")
    throw new InputError({ expected: "a path", at: `${at}.data`, got: named, file: place.source.file });
  const located = locate(named, place.cwd, place.folder);
  const seen = located === undefined ? undefined : await lookAtRows({ path: located });
  const template = templateOf(entry["prompt"], place);
  const prompt = template === undefined ? undefined : promptOfJinja(template, seen);
  if (prompt === undefined)
    place.findings.add(
      `${at}.prompt`,
      "lacks",
      `${template === undefined ? "the file of the template is not here" : "the template does not make the same of all rows"}: write data.prompt and data.response`,
    );
  else
    place.findings.add(
      `${at}.prompt`,
      "otherwise",
      "the template as data.response: all of a row is trained, as mLoRA does",
    );
  const order = entry["preprocess"];
  if (order === "sort") place.findings.add(`${at}.preprocess`, "lacks", "rows sorted by length");
  const data: FileData = {
    path: located === undefined ? named : place.relative(located),
    ...(prompt === undefined ? {} : { format: "instruction", prompt: "", response: prompt }),
    shuffle: order === "shuffle",
  };
  const whys = { path: `${at}.data`, response: `${at}.prompt`, shuffle: `${at}.preprocess` };
  return { name: named, data, whys, located, seen };
}

/** A job for each task of mLoRA. @throws InputError */
export async function mloraDraft(mapping: Mapping, choice: DraftChoice, place: ForeignPlace): Promise<Draft> {
  const { findings, source } = place;
  new Reading([{ mapping, table: MLORA_KEYS, at: [] }], findings, source);
  const [adapters, datasets] = [byName(mapping, "adapters", place), byName(mapping, "datasets", place)];
  const named = choice.model === undefined ? undefined : hubOrPath(choice.model, place, "hf:").path;
  const here = named === undefined ? undefined : hereModel(named, place.output, place.cache);
  const rows = new Map<string, RowSet>();
  const jobs: JobDraft[] = [];
  for (const [name, { entry: task, index }] of byName(mapping, "tasks", place)) {
    const [adapter, dataset] = [task["adapter"], task["dataset"]].map((one) =>
      typeof one === "string" ? one : "",
    ) as [string, string];
    if (task["type"] !== "train") {
      findings.add(`tasks[${index}].type`, "lacks", `${String(task["type"])}: the task ${name} is left out`);
      continue;
    }
    const [own, data] = [adapters.get(adapter), datasets.get(dataset)];
    if (own === undefined)
      throw new InputError({
        expected: "the name of an adapter",
        at: `tasks[${index}].adapter`,
        got: task["adapter"],
        file: source.file,
      });
    if (data === undefined && choice.data === undefined)
      throw new InputError({
        expected: "the name of a data set",
        at: `tasks[${index}].dataset`,
        got: task["dataset"],
        file: source.file,
      });
    if (data !== undefined && choice.data === undefined && !rows.has(dataset))
      new Reading([{ mapping: data.entry, table: MLORA_DATASET_KEYS, at: ["datasets", data.index] }], findings, source);
    const set =
      rows.get(dataset) ??
      (choice.data === undefined
        ? await rowsOf(data!.entry, `datasets[${data!.index}]`, place)
        : await givenData(choice.data, place));
    rows.set(dataset, set);
    const reading = new Reading(
      [
        { mapping: own.entry, table: MLORA_ADAPTER_KEYS, at: ["adapters", own.index] },
        { mapping: task, table: MLORA_TASK_KEYS, at: ["tasks", index] },
      ],
      findings,
      source,
    );
    if (jobs.some((job) => job.name === jobName(adapter)))
      findings.add(
        `tasks[${index}].adapter`,
        "lacks",
        `${adapter} goes on from the task before; here it starts anew: write adapter.init`,
      );
    checkMethod(reading, "mlora");
    const cutoff = reading.count("cutoff", 2)?.value;
    jobs.push({
      name: jobName(adapter),
      lines: [
        { key: "data", value: { lines: dataLines(set) } },
        ...jobLines(reading, { ...MLORA, rows: await countRows([set], here, cutoff, undefined) }, undefined),
      ],
    });
  }
  if (jobs.length === 0)
    throw new InputError({
      expected: "a task of the type train",
      at: "tasks",
      got: mapping["tasks"],
      file: source.file,
    });
  return { model: [modelLine(undefined, "", choice, place)], jobs };
}
