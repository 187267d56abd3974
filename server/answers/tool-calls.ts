import { randomUUID } from "node:crypto";
import { isMapping } from "../../core/index.ts";
import type { AnswerForm } from "../../inference/index.ts";
import type { Called } from "./documents.ts";
import type { ChatRequest } from "./requests.ts";

/** How models of a family write the calls of tools into an answer. */
interface CallForm {
  /** What the chat templates of the family have in them. */
  readonly sign: string;
  /** What calls begin with; where undefined an answer that is a JSON object may be a call. */
  readonly mark: string | undefined;
  /** Special tokens that are part of calls. */
  readonly kept: readonly string[];
  /** A call around its arguments. */
  readonly head: (name: string) => string;
  readonly end: string;
  /** The JSON values in the text behind the mark. */
  readonly values: (text: string) => readonly unknown[];
}

const PYTHON = "<|python_tag|>";

/** A name and its arguments, as Mistral's newer models write them. Source: mistral-common, tokens v11. */
function namedCalls(text: string): readonly unknown[] {
  return text
    .split("[TOOL_CALLS]")
    .slice(1)
    .map((each) => {
      const [name = "", ...rest] = each.split(/\[(?:CALL_ID\][^[]*\[)?ARGS\]/);
      return { name: name.trim(), arguments: JSON.parse(rest.join("")) as unknown };
    });
}

const listBehind =
  (mark: string, end: string) =>
  (text: string): readonly unknown[] => {
    const whole = text.slice(mark.length).trim();
    return [JSON.parse(whole.endsWith(end) ? whole.slice(0, whole.length - end.length) : whole) as unknown].flat();
  };

/** In the order in which they are looked for. */
const FORMS: readonly CallForm[] = [
  {
    // Phi-4-mini and Granite. Source: their chat templates and model cards.
    ...{ sign: "<|tool_call|>", mark: "<|tool_call|>", kept: ["<|tool_call|>", "<|/tool_call|>"] },
    head: (name) => `<|tool_call|>[{"name": "${name}", "arguments":`,
    end: "}]",
    values: listBehind("<|tool_call|>", "<|/tool_call|>"),
  },
  {
    // Source: the chat templates of Hermes 2 Pro, Qwen2.5, Qwen3 and SmolLM3.
    ...{ sign: "<tool_call>", mark: "<tool_call>", kept: ["<tool_call>", "</tool_call>"] },
    head: (name) => `<tool_call>\n{"name": "${name}", "arguments":`,
    end: "}\n</tool_call>",
    values: (text) =>
      text
        .split("<tool_call>")
        .slice(1)
        .map((each) => JSON.parse(each.split("</tool_call>")[0]!) as unknown),
  },
  {
    // Source: mistral-common, tokens v11 and later.
    ...{ sign: "[ARGS]", mark: "[TOOL_CALLS]", kept: ["[TOOL_CALLS]", "[ARGS]", "[CALL_ID]"] },
    head: (name) => `[TOOL_CALLS]${name}[ARGS]`,
    ...{ end: "", values: namedCalls },
  },
  {
    // Source: the chat templates of Mistral's models, and mistral-common, tokens v3 and v7.
    ...{ sign: "[TOOL_CALLS]", mark: "[TOOL_CALLS]", kept: ["[TOOL_CALLS]"] },
    head: (name) => `[TOOL_CALLS][{"name": "${name}", "arguments":`,
    end: "}]",
    values: (text) => listBehind("[TOOL_CALLS]", "")(text),
  },
  {
    // Source: the chat templates of Llama 3.1 to 3.3, and Meta's model cards.
    ...{ sign: '"parameters"', mark: undefined, kept: [PYTHON] },
    head: (name) => `{"name": "${name}", "parameters":`,
    end: "}",
    values: (text) =>
      text
        .replace(PYTHON, "")
        .split(/;\s*(?=\{)/)
        .map((each) => JSON.parse(each) as unknown),
  },
];

/** The form of calls that a chat template asks for; undefined where none is known. */
export function callFormOf(template: string): CallForm | undefined {
  // Qwen3-Coder's calls are no JSON.
  if (template.includes("<function=")) return undefined;
  return FORMS.find(({ sign, mark }) => template.includes(sign) && (mark !== undefined || template.includes("tool")));
}

export type { CallForm };

/** An answer that calls one of these tools, once. `at` of a tool: where its schema stands in the request. */
export function calledForm(form: CallForm, tools: NonNullable<ChatRequest["tools"]>, only?: string): AnswerForm {
  return tools.flatMap(({ function: { name, parameters = { type: "object" } } }, index) => {
    if (only !== undefined && name !== only) return [];
    return [[form.head(name), { schema: parameters, at: `tools[${index}].function.parameters` }, form.end]];
  });
}

function calledOf(value: unknown): Called | undefined {
  if (!isMapping(value) || typeof value["name"] !== "string" || value["name"] === "") return undefined;
  const given = value["arguments"] ?? value["parameters"] ?? {};
  const written = typeof given === "string" ? given : JSON.stringify(given);
  const id = `call_${randomUUID().replaceAll("-", "")}`;
  return { id, type: "function", function: { name: value["name"], arguments: written } };
}

/** Takes the calls of tools out of a text as it comes. */
export class CallStream {
  readonly #form: CallForm | undefined;
  readonly #names: ReadonlySet<string>;
  /** Held back: a call, or what may be the beginning of one. */
  #held = "";
  #isCall = false;
  #isBegun = false;

  /** Where `form` is undefined all is text. `names`: those of the tools. */
  constructor(form: CallForm | undefined, names: readonly string[]) {
    this.#form = form;
    this.#names = new Set(names);
  }

  /** Text that is no call. */
  push(text: string): string {
    if (this.#form === undefined) return text;
    this.#held += text;
    if (this.#isCall) return "";
    const { mark } = this.#form;
    return mark === undefined ? this.#pushWhole() : this.#pushMarked(mark);
  }

  #pushMarked(mark: string): string {
    const at = this.#held.indexOf(mark);
    this.#isCall = at >= 0;
    let length = Math.min(mark.length - 1, this.#held.length);
    while (length > 0 && !mark.startsWith(this.#held.slice(-length))) length -= 1;
    return this.#taken(at >= 0 ? at : this.#held.length - length);
  }

  /** A call is the whole answer. */
  #pushWhole(): string {
    const start = this.#held.trimStart();
    if (!this.#isBegun && (start === "" || (PYTHON.startsWith(start) && start !== PYTHON))) return "";
    this.#isCall = !this.#isBegun && (start.startsWith("{") || start.startsWith(PYTHON));
    this.#isBegun = true;
    return this.#isCall ? "" : this.#taken(this.#held.length);
  }

  #taken(count: number): string {
    const text = this.#held.slice(0, count);
    this.#held = this.#held.slice(count);
    return text;
  }

  /** The calls, and the rest of the text where what was held back is none. */
  end(): { readonly text: string; readonly calls: readonly Called[] } {
    const calls = this.#isCall ? this.#calls() : [];
    return calls.length > 0 ? { text: "", calls } : { text: this.#held, calls };
  }

  #calls(): readonly Called[] {
    try {
      const calls = this.#form!.values(this.#held).map(calledOf);
      const isWhole = calls.every(
        (call) => call !== undefined && (this.#form!.mark !== undefined || this.#names.has(call.function.name)),
      );
      return isWhole ? (calls as readonly Called[]) : [];
    } catch (error) {
      if (error instanceof SyntaxError) return [];
      throw error;
    }
  }
}
