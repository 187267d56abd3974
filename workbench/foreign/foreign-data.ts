import { isMapping, ownValue } from "../../core/index.ts";
import type { Compared } from "../../datasets/index.ts";
import type { FileData } from "../../plan/index.ts";
import { AXOLOTL_TEMPLATES } from "./axolotl-templates.ts";
import { FACTORY_TEMPLATES, factoryJinja } from "./factory-templates.ts";
import type { ForeignTool } from "./key-rules.ts";
import type { SeenRows } from "./look-at-rows.ts";

/** How a set of rows is described by one of the tools, in the words of all of them. */
export interface RowsAsked {
  /** How rows are written there: Axolotl's `type`, LLaMA-Factory's `formatting`; undefined where nothing says it. */
  readonly form: unknown;
  /** Columns, and keys of messages, by our names. */
  readonly fields: Readonly<Record<string, string>>;
  /** What it calls roles, by ours. */
  readonly roles?: Readonly<Record<string, readonly string[]>> | undefined;
  /** What it calls its chat template, and its text where the file has that. */
  readonly template?: string | undefined;
  readonly jinja?: string | undefined;
  /** A system text in place of the template's own, and whether thoughts are taken out. */
  readonly system?: string | undefined;
  readonly isSilent?: boolean;
  /** Whether all of a row is a text. */
  readonly isText?: boolean;
  /** Whether of several turns the last answer alone is trained. */
  readonly isLastAlone?: boolean;
  /** How a loss compares answers, where one does. */
  readonly compared?: Compared | undefined;
}

/** `data` without its path, and what is different of it. */
export interface RowsTaken {
  readonly data: Omit<FileData, "path">;
  /** What rows become there, and do not here. */
  readonly lacks: readonly string[];
  readonly otherwise: readonly string[];
}

/** What our reader takes for a name by itself. */
const SAME: Readonly<Record<string, readonly string[]>> = {
  messages: ["messages", "conversations", "conversation"],
  role: ["role", "from"],
  content: ["content", "value"],
  train: ["train", "training", "weight"],
  label: ["label", "kto_tag"],
};

/** Names that differ from those that are known. */
function otherNames(fields: Readonly<Record<string, string>>): Pick<FileData, "fields"> {
  const others = Object.entries(fields).filter(([name, column]) => !(SAME[name] ?? [name]).includes(column));
  return others.length === 0 ? {} : { fields: Object.fromEntries(others) as FileData["fields"] };
}

/** Speakers that are known without being named. */
const KNOWN_ROLES = /^(?:human|user|gpt|assistant|model|system|tool|chatgpt|bing|bard|observation|function_call)$/;

function otherRoles(roles: RowsAsked["roles"]): Pick<FileData, "roles"> {
  const others = Object.entries(roles ?? {}).filter(([, names]) => names.some((name) => !KNOWN_ROLES.test(name)));
  return others.length === 0 ? {} : { roles: Object.fromEntries(others) as FileData["roles"] };
}

/** Names of templates with which the model's own is meant. */
const OWN_TEMPLATE = /^tokenizer_default/;

const NOTHING: RowsTaken = { data: {}, lacks: [], otherwise: [] };

/** What Axolotl writes by a template of that name. */
function axolotlTemplate({ template, jinja }: RowsAsked): RowsTaken {
  if (template === undefined || OWN_TEMPLATE.test(template)) return NOTHING;
  const text = template === "jinja" ? jinja : ownValue(AXOLOTL_TEMPLATES, template);
  if (text !== undefined) return { ...NOTHING, data: { chatTemplate: text } };
  return { ...NOTHING, lacks: [`what Axolotl writes by the chat template ${template}: ${WRITE_ONE}`] };
}

const WRITE_ONE = "data.chatTemplate names a file with one, and without it the model's own is taken";

/** What LLaMA-Factory writes by a template of that name. Of several names it shares with others, the words are its own. */
function factoryTemplate({ template, system, isSilent = false, isLastAlone }: RowsAsked, hasTurns: boolean): RowsTaken {
  if (template === undefined)
    return {
      ...NOTHING,
      otherwise: ["without `template` it is made of the tokenizer's chat template; here it is that"],
    };
  const known = ownValue(FACTORY_TEMPLATES, template);
  if (known === undefined)
    return { ...NOTHING, lacks: [`what LLaMA-Factory writes by the template ${template}: ${WRITE_ONE}`] };
  const lacks = [
    ...(known.endsOnce && hasTurns
      ? [`by the template ${template} LLaMA-Factory trains end tokens that are not there between turns`]
      : []),
    ...(known.thinks && hasTurns && isLastAlone
      ? [`by the template ${template} LLaMA-Factory takes thoughts out of earlier turns`]
      : []),
  ];
  return { ...NOTHING, data: { chatTemplate: factoryJinja(known, { system, isSilent }) }, lacks };
}

/** Columns that our reader reads by their names, and the tool does not. */
function unread(names: readonly string[], { fields }: RowsAsked, seen: SeenRows | undefined): readonly string[] {
  return names
    .filter((name) => fields[name] === undefined && (seen?.presence(name) ?? "none") !== "none")
    .map((name) => `rows have a column ${name}, which is not read there: take it out, or give it another name`);
}

/** Braces of Python's format as ours. */
function bracesOf(format: string, fields: Readonly<Record<string, string>>): string {
  return format.replace(/\{(\w+)\}/g, (whole, name: string) =>
    Object.hasOwn(fields, name) ? `{{${fields[name]!}}}` : whole,
  );
}

/** Axolotl's own templates: `format` with {instruction}, {input} and {system}. */
function ownTemplates(form: Readonly<Record<string, unknown>>, seen: SeenRows | undefined): RowsTaken {
  const text = (key: string, other: string): string => (typeof form[key] === "string" ? form[key] : other);
  const fields = {
    instruction: text("field_instruction", "instruction"),
    input: text("field_input", "input"),
    output: text("field_output", "output"),
    system: text("field_system", "system"),
  };
  const system = text("system_prompt", "");
  const before = system === "" ? "" : text("system_format", "{system}").replace("{system}", system);
  const withInput = before + bracesOf(text("format", "{instruction}"), fields);
  const without =
    before + bracesOf(text("no_input_format", text("format", "{instruction}").replace("{input}", "")), fields);
  const response = `{{${fields.output}}}`;
  if (!withInput.includes(`{{${fields.input}}}`) && withInput === without)
    return { data: { format: "instruction", prompt: withInput, response }, lacks: [], otherwise: [] };
  const presence = seen?.presence(fields.input);
  const prompt = presence === "none" ? without : withInput;
  const lacks =
    presence === "some" || seen === undefined
      ? ["rows without an input get another prompt than those with one; here all get the same"]
      : [];
  return { data: { format: "instruction", prompt, response }, lacks, otherwise: [] };
}

/** By what Axolotl calls them in `type`, what it reads. */
const AXOLOTL_FORMS: Readonly<Record<string, FileData["format"]>> = {
  alpaca: "instruction",
  alpaca_w_system: "instruction",
  chat_template: "chat",
  sharegpt: "chat",
  completion: "text",
  input_output: "segments",
};

/** Columns with the question of answers that are compared, by the variant of `chatml` or `llama3`. */
const AXOLOTL_QUESTIONS: Readonly<Record<string, string>> = {
  intel: "question",
  icr: "input",
  prompt_pairs: "prompt",
};

/** Answers that are compared: `chat_template` writes messages, `chatml` and `llama3` write texts of certain columns. */
function axolotlPairs(asked: RowsAsked): RowsTaken {
  const { form, compared } = asked;
  const [name = "", variant = "default"] = String(form ?? "chat_template").split(".", 2);
  const isOfMessages = name === "chat_template" && compared === "preference";
  const column = name === "chatml" || name === "llama3" ? ownValue(AXOLOTL_QUESTIONS, variant) : undefined;
  const isKnown = isOfMessages ? /^(?:default|argilla|argilla_chat)$/.test(variant) : column !== undefined;
  if (isMapping(form) || !isKnown)
    return {
      ...NOTHING,
      data: { like: "axolotl" },
      lacks: [`answers of the type ${isMapping(form) ? "user_defined" : form}`],
    };
  const template = isOfMessages ? axolotlTemplate(asked) : { ...NOTHING, data: { chatTemplate: name } };
  const fields = column === undefined ? asked.fields : { instruction: column };
  const data: RowsTaken["data"] = {
    like: "axolotl",
    ...otherNames(fields),
    ...otherRoles(asked.roles),
    ...template.data,
  };
  return { ...template, data };
}

function axolotlRows(asked: RowsAsked, seen: SeenRows | undefined): RowsTaken {
  const { form, fields } = asked;
  if (asked.compared !== undefined) return axolotlPairs(asked);
  if (isMapping(form)) {
    const own = ownTemplates(form, seen);
    return { ...own, data: { ...own.data, like: "axolotl" } };
  }
  // Behind a colon or a dot stands how a prompter is varied.
  const [name = "", variant] = String(form ?? "chat_template").split(/[:.]/, 2);
  const format = AXOLOTL_FORMS[name];
  const isKnown = variant === undefined || /^load_(?:role|instruct)$/.test(variant);
  const lacks = [
    ...(isKnown ? [] : [`the variant ${variant} of ${name}`]),
    ...(format === undefined ? [`rows of the type ${String(form)}: the first row says how they are read`] : []),
    ...(name === "alpaca" ? unread(["system"], asked, seen) : []),
  ];
  const template = format === "chat" ? axolotlTemplate(asked) : NOTHING;
  const said = format === undefined ? {} : { format };
  return {
    data: { like: "axolotl", ...said, ...otherNames(fields), ...otherRoles(asked.roles), ...template.data },
    lacks: [...lacks, ...template.lacks],
    otherwise: template.otherwise,
  };
}

/** LLaMA-Factory puts each row into its chat template. */
function llamaFactoryRows(asked: RowsAsked, seen: SeenRows | undefined): RowsTaken {
  const { form = "alpaca", fields, compared } = asked;
  if (asked.isText) {
    const field = fields["instruction"] ?? "instruction";
    return { ...NOTHING, data: { like: "llamafactory", format: "text", field } };
  }
  const isTalk = form === "sharegpt" || form === "openai";
  const template = factoryTemplate(asked, isTalk || fields["history"] !== undefined);
  // With `columns` it reads those alone.
  const isNamed = ["instruction", "input", "output"].some((name) => fields[name] !== undefined);
  const lacks = [
    ...unread(isTalk ? ["system"] : ["system", "history", ...(isNamed ? ["input"] : [])], asked, seen),
    ...(isTalk || form === "alpaca" ? [] : [`rows of the form ${String(form)}`]),
    ...(form === "openai" ? ["LLaMA-Factory adds a system text of its own to such rows"] : []),
  ];
  const { messages: _messages, ...others } = fields;
  return {
    data: {
      ...{ like: "llamafactory", format: compared ?? (isTalk ? "chat" : "instruction") },
      ...otherNames(isTalk ? fields : others),
      ...otherRoles(asked.roles),
      ...template.data,
    },
    lacks: [...lacks, ...template.lacks],
    otherwise: template.otherwise,
  };
}

/** TRL goes by the columns, as we do; it trains all of a conversation unless it is told otherwise. */
function trlRows({ fields, form }: RowsAsked): RowsTaken {
  const { text } = fields;
  const turns: Pick<FileData, "turns"> = form === "assistant only" ? { turns: "marked" } : {};
  const isText = text !== undefined && text !== "text";
  return {
    data: { like: "trl", ...(isText ? { format: "text", field: text } : {}), ...turns },
    lacks: [],
    otherwise: [],
  };
}

const READERS: Readonly<Record<ForeignTool, (asked: RowsAsked, seen: SeenRows | undefined) => RowsTaken>> = {
  axolotl: axolotlRows,
  llamafactory: llamaFactoryRows,
  trl: trlRows,
  peft: () => ({ data: {}, lacks: [], otherwise: [] }),
  mlora: () => ({ data: {}, lacks: [], otherwise: [] }),
};

/** `data` for rows that another tool reads. */
export function rowsTaken(tool: ForeignTool, asked: RowsAsked, seen: SeenRows | undefined): RowsTaken {
  return READERS[tool](asked, seen);
}
