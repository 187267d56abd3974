import type { FileData } from "../../plan/index.ts";
import type { ForeignTool } from "./key-rules.ts";
import type { SeenRows } from "./look-at-rows.ts";
import { isMapping } from "./reading.ts";

/** How a set of rows is described by one of the tools, in the words of all of them. */
export interface RowsAsked {
  /** How rows are written there: Axolotl's `type`, LLaMA-Factory's `formatting`; undefined where nothing says it. */
  readonly form: unknown;
  /** The columns that are not those that the form has by itself. */
  readonly columns: Readonly<Record<string, string>>;
  /** Keys of a message. */
  readonly roleKey: string | undefined;
  readonly contentKey: string | undefined;
}

/** `data` without its path, and what is different of it. */
export interface RowsTaken {
  readonly data: Omit<FileData, "path">;
  /** What rows become there, and do not here. */
  readonly lacks: readonly string[];
  readonly otherwise: readonly string[];
}

/** The start of a prompt of Stanford Alpaca, with and without an input. */
const TASK = "Below is an instruction that describes a task";
const WITH_INPUT = `${TASK}, paired with an input that provides further context. Write a response that appropriately completes the request.\n\n`;
const WITHOUT_INPUT = `${TASK}. Write a response that appropriately completes the request.\n\n`;

const INPUT_VARIES = "rows without an input get another prompt than those with one; here all get the same";

/** A prompt by whether rows have an input, where all are alike. */
function byInput(
  seen: SeenRows | undefined,
  input: string,
  { withInput, without, response }: { readonly withInput: string; readonly without: string; readonly response: string },
): RowsTaken {
  const presence = seen?.presence(input);
  if (presence === "all")
    return { data: { format: "instruction", prompt: withInput, response }, lacks: [], otherwise: [] };
  if (presence === "none")
    return { data: { format: "instruction", prompt: without, response }, lacks: [], otherwise: [] };
  // The default templates go by each row.
  const text = seen === undefined ? `${INPUT_VARIES}, and the rows are not here to see` : INPUT_VARIES;
  return {
    data: { format: "instruction" },
    lacks: [`${text}: the templates of docs/reference/training.md are taken`],
    otherwise: [],
  };
}

/** Keys by which our reader knows a message's speaker and text. */
const KNOWN_KEYS = [
  ["role", "content"],
  ["from", "value"],
] as const;

const MESSAGES = ["messages", "conversations", "conversation"];

function conversation({ columns, roleKey, contentKey }: RowsAsked, field: string): RowsTaken {
  const asked = columns["messages"] ?? field;
  const isKnown =
    (roleKey === undefined && contentKey === undefined) ||
    KNOWN_KEYS.some(([role, content]) => role === (roleKey ?? role) && content === (contentKey ?? content));
  return {
    data: { format: "chat", ...(MESSAGES.includes(asked) ? {} : { field: asked }) },
    lacks: isKnown
      ? []
      : [
          `messages of ${roleKey ?? "role"} and ${contentKey ?? "content"}: they must be role and content, or from and value`,
        ],
    otherwise: ["the chat template is that of the model's tokenizer"],
  };
}

/** Braces of Python's format as ours. */
function templateOf(format: string, fields: Readonly<Record<string, string>>): string {
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
  const withInput = before + templateOf(text("format", "{instruction}"), fields);
  const without =
    before + templateOf(text("no_input_format", text("format", "{instruction}").replace("{input}", "")), fields);
  const response = `{{${fields.output}}}`;
  if (!withInput.includes(`{{${fields.input}}}`) && withInput === without)
    return { data: { format: "instruction", prompt: withInput, response }, lacks: [], otherwise: [] };
  return byInput(seen, fields.input, { withInput, without, response });
}

function axolotlRows(asked: RowsAsked, seen: SeenRows | undefined): RowsTaken {
  const { form, columns } = asked;
  if (isMapping(form)) return ownTemplates(form, seen);
  // Behind a colon or a dot stands how a prompter is varied.
  const [name, variant] = String(form ?? "chat_template").split(/[:.]/, 2);
  const varied =
    variant === undefined || (name === "sharegpt" && variant === "load_role")
      ? []
      : [`the variant ${variant} of ${name}`];
  const taken = (rows: RowsTaken): RowsTaken => ({ ...rows, lacks: [...varied, ...rows.lacks] });
  const body = "### Instruction:\n{{instruction}}\n\n";
  switch (name) {
    case "alpaca":
      return taken(
        byInput(seen, "input", {
          withInput: `${WITH_INPUT}${body}### Input:\n{{input}}\n\n### Response:\n`,
          without: `${WITHOUT_INPUT}${body}### Response:\n`,
          response: "{{output}}",
        }),
      );
    case "chat_template":
      return taken(conversation(asked, "messages"));
    case "sharegpt":
      return taken(conversation(asked, "conversations"));
    case "completion":
      return taken({
        data: { format: "text", ...(columns["text"] === undefined ? {} : { field: columns["text"] }) },
        lacks: [],
        otherwise: [],
      });
    default:
      return {
        data: {},
        lacks: [`rows of the type ${String(form)}: the first row says how they are read`],
        otherwise: [],
      };
  }
}

/** LLaMA-Factory puts each row into its chat template, with roles and line breaks of its own. */
function llamaFactoryRows(asked: RowsAsked, seen: SeenRows | undefined): RowsTaken {
  const { form = "alpaca", columns } = asked;
  if (form === "sharegpt" || form === "openai")
    return conversation(asked, form === "openai" ? "messages" : "conversations");
  const lacks = [
    "an instruction becomes a turn of its chat template there; here it gets templates of plain text",
    ...(columns["history"] === undefined ? [] : [`the column ${columns["history"]} with earlier turns`]),
    ...(columns["system"] === undefined ? [] : [`the column ${columns["system"]} with a system text`]),
  ];
  if (form !== "alpaca") return { data: {}, lacks: [`rows of the form ${String(form)}`], otherwise: [] };
  const { prompt = "instruction", query = "input", response = "output" } = columns;
  const isPlain = prompt === "instruction" && query === "input" && response === "output";
  const body = `### Instruction:\n{{${prompt}}}\n\n`;
  const own = byInput(seen, query, {
    withInput: `${body}### Input:\n{{${query}}}\n\n### Response:\n`,
    without: `${body}### Response:\n`,
    response: `{{${response}}}`,
  });
  const data = isPlain
    ? { format: "instruction" as const }
    : { ...own.data, prompt: own.data.prompt ?? `${body}### Response:\n`, response: `{{${response}}}` };
  return { data, lacks: [...lacks, ...(isPlain ? [] : own.lacks)], otherwise: [] };
}

/** TRL goes by the columns, as we do; it trains all of a conversation unless it is told otherwise. */
function trlRows({ columns, form }: RowsAsked, seen: SeenRows | undefined): RowsTaken {
  const text = columns["text"];
  const isText = text !== undefined && text !== "text";
  const isChat = seen?.first.some((row) => MESSAGES.some((name) => Array.isArray(row[name]))) ?? false;
  const said = "without assistant_only_loss every turn of a conversation is trained; here the assistant's are";
  const isAlike = form === "assistant only";
  return {
    data: isText ? { format: "text", field: text } : {},
    lacks: isChat && !isAlike ? [said] : [],
    otherwise: seen === undefined && !isAlike ? [said] : [],
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
