import fs from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { loadTokenizer, readDataset } from "../../datasets/index.ts";
import { HAS_SHARED, SHARED } from "../shared-folder.ts";
import { temporaryFile, temporaryFolder } from "./shared.ts";

/** A row, and what a library made of it. */
interface RowCase {
  readonly id: string;
  readonly dialect: string;
  readonly source_library: string;
  readonly tokenizer: string;
  readonly tokenizer_class?: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly row: object;
  readonly input_ids: readonly number[];
  readonly labels: readonly number[];
  readonly refused?: string;
}

const ROWS = path.join(SHARED, "oracle/rows");
const CASES = HAS_SHARED
  ? fs
      .readFileSync(path.join(ROWS, "cases.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as RowCase)
      // Those whose tokenizer is at hand, and is used as its file says.
      .filter(({ tokenizer, tokenizer_class }) => !tokenizer.startsWith("npm:") && tokenizer_class === undefined)
  : [];

/** The cases of a dialect and library that were made with these settings, whatever the values, and no others. */
function casesOf(dialect: string, library: string, settings: readonly string[]): readonly RowCase[] {
  return CASES.filter(
    (one) =>
      one.dialect === dialect &&
      one.source_library.startsWith(library) &&
      one.refused === undefined &&
      Object.keys(one.settings).every((key) => settings.includes(key)),
  );
}

async function ourRow({ tokenizer, settings, row }: RowCase, source: object) {
  const folder = temporaryFolder();
  const from = path.join(SHARED, tokenizer);
  for (const name of ["tokenizer.json", "tokenizer_config.json"])
    fs.copyFileSync(path.join(from, name), path.join(folder, name));
  const template = settings["chat_template"] as string | undefined;
  if (template !== undefined) {
    const text = fs.readFileSync(path.join(ROWS, template), "utf8");
    fs.writeFileSync(path.join(folder, "chat_template.jinja"), text.replace(/\n$/, ""));
  }
  const { rows, numJoined } = await readDataset(
    { path: temporaryFile("row.jsonl", JSON.stringify(row)), ...source },
    { tokenizer: loadTokenizer(folder), cutoffLength: settings["max_length"] as number | undefined },
  );
  return { input_ids: [...rows[0]!.inputIds], labels: [...rows[0]!.labels], numJoined };
}

describe.skipIf(!HAS_SHARED)("a row has the tokens and labels of the common libraries", () => {
  const PAIR = { prompt: "{{prompt}}", response: "{{completion}}" };
  const pairs = casesOf("prompt_completion_text", "trl", ["max_length"]);

  it.each(pairs.map((one) => [one.id, one] as const))("prompt and completion: %s", async (_, one) => {
    const { input_ids, labels } = await ourRow(one, PAIR);
    expect({ input_ids, labels }).toEqual({ input_ids: one.input_ids, labels: one.labels });
  });

  it("prompt and completion: rows in which a token spans both are counted", async () => {
    const joined: string[] = [];
    for (const one of pairs) if ((await ourRow(one, PAIR)).numJoined === 1) joined.push(one.id);
    expect(joined).toEqual(["pc-space-in-prompt", "pc-no-space", "pc-emoji-boundary"]);
  });

  it.each(casesOf("text", "trl", ["max_length"]).map((one) => [one.id, one] as const))("text: %s", async (id, one) => {
    if (id === "text-trl-empty") return; // One end token alone: nothing of it is ever predicted.
    const { input_ids, labels } = await ourRow(one, {});
    // What the library cuts by itself, we do not.
    const most = one.input_ids.length === 1024 ? 1024 : Number.POSITIVE_INFINITY;
    expect({ input_ids: input_ids.slice(0, most), labels: labels.slice(0, most) }).toEqual({
      input_ids: one.input_ids,
      labels: one.labels,
    });
  });

  it.each(casesOf("tokens", "trl", []).map((one) => [one.id, one] as const))("tokens: %s", async (id, one) => {
    const reading = ourRow(one, {});
    if (/mask/.test(id)) return await expect(reading).rejects.toThrow(/Expected "\w+_masks?" to be ones only/);
    const { input_ids, labels } = await reading;
    return expect({ input_ids, labels }).toEqual({ input_ids: one.input_ids, labels: one.labels });
  });

  /** Assistant turns; a library may leave out a space before one, or train a line end behind it. */
  const fieldMap = ["type", "field_messages", "message_property_mappings", "message_field_training", "roles"];
  const turns = ["messages", "sharegpt"].flatMap((dialect) => [
    ...casesOf(dialect, "trl", ["assistant_only_loss", "max_length", "chat_template"]).filter(
      ({ settings }) => settings["assistant_only_loss"] === true,
    ),
    ...casesOf(dialect, "axolotl", ["dataset", "chat_template"]).filter(
      ({ settings }) =>
        Object.keys(settings["dataset"] as object).every((key) => fieldMap.includes(key)) &&
        (settings["chat_template"] as string).startsWith("tokenizer-small/"),
    ),
    ...casesOf(dialect, "llamafactory", ["template", "dataset_info", "template_slots"]).filter(
      ({ settings }) => settings["template"] === "chatml",
    ),
  ]);
  /** Cases that we read otherwise, each with the reason. */
  const OTHERWISE: Readonly<Record<string, string>> = {
    "msg-ax-train-unmapped": "the flags of the row are ignored there",
    "msg-trl-train-false": "the flags of the row are ignored there",
    "msg-trl-weight-0": "the flags of the row are ignored there",
    "msg-lf-weight": "the flags of the row are ignored there",
    "msg-ax-field-training": "a user's turn is trained there",
    "msg-ax-fields": "its columns have names of their own",
    "sg-axolotl-tools": "a call of a tool is not trained there",
    "msg-ax-think": "the mark that begins a thought, which the model has to write, is not trained there",
    "msg-lf-openai": "a system text of the library's own is added",
    "msg-lf-openai-no-system": "a system text of the library's own is added",
    "sg-lf-tools-chatml": "the library writes tools by a format of its own",
    "msg-lf-tools": "the library writes tools by a format of its own",
  };
  const comparable = turns.filter(
    ({ id, labels }) => OTHERWISE[id] === undefined && labels.some((label) => label !== -100),
  );

  it.each(comparable.map((one) => [one.id, one] as const))("messages: %s", async (id, one) => {
    const { input_ids, labels } = await ourRow(one, {});
    expect(input_ids).toEqual(one.input_ids);
    const differs = labels.flatMap((label, at) => (label === one.labels[at] ? [] : [at]));
    const blank = /small$/.test(one.tokenizer) ? [201] : [13, 410];
    // Of an empty answer Axolotl does not train the end either.
    if (/ax-empty/.test(id)) return;
    expect(differs.filter((at) => !blank.includes(input_ids[at]!))).toEqual([]);
  });

  it("in enough cases that the comparison says something", () => {
    expect([pairs.length, comparable.length]).toEqual([14, 30]);
  });
});
