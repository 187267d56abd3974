import type { Rng } from "../../core/index.ts";
import type { FileSource } from "../../datasets/index.ts";
import { drawAnswer, drawText, isOne, oneOf } from "./draw-texts.ts";
import type { TemplateName } from "./templates.ts";

/** How TRL reads a file: by which of its trainers, with which of its settings. */
interface TrlWay {
  readonly trainer: "sft" | "dpo" | "kto";
  readonly settings?: Readonly<Record<string, unknown>>;
  /** What a source of ours says beside `like`. */
  readonly source?: Partial<FileSource>;
}

/** How Axolotl reads it: the entry of `datasets` in its file. */
interface AxolotlWay {
  readonly dataset: Readonly<Record<string, unknown>>;
  readonly rl?: "dpo";
  readonly source?: Partial<FileSource>;
}

export const TOKENIZERS = ["bytes", "pieces"] as const;
export type TokenizerName = (typeof TOKENIZERS)[number];

/** A form that rows have. */
export interface Kind {
  draw(rng: Rng): Readonly<Record<string, unknown>>;
  readonly template?: TemplateName;
  /** Both where it does not say. */
  readonly tokenizers?: readonly TokenizerName[];
  readonly trl?: TrlWay;
  readonly axolotl?: AxolotlWay;
}

const say = (role: string, content: unknown, more: object = {}) => ({ role, content, ...more });

type Say = (role: "system" | "user" | "assistant", text: string) => object;

/** Turns of a talk: with a system text or not, at times two of the user's in a row; an answer is the last. */
function drawTurns(rng: Rng, write: Say): readonly object[] {
  const turns = isOne(rng, 2) ? [write("system", drawText(rng))] : [];
  const count = 1 + rng.nextInt(3);
  for (let index = 0; index < count; index += 1) {
    turns.push(write("user", drawText(rng)));
    if (isOne(rng, 4)) turns.push(write("user", drawText(rng)));
    turns.push(write("assistant", drawAnswer(rng)));
  }
  return turns;
}

/** Those that come before an answer. */
const drawAsked = (rng: Rng): readonly object[] => drawTurns(rng, say).slice(0, -1);

const drawParts = (rng: Rng, text: string): readonly object[] =>
  [text, ...(isOne(rng, 2) ? [drawText(rng)] : [])].map((part) => ({ type: "text", text: part }));

const think: (rng: Rng) => Say = (rng) => (role, text) =>
  role === "assistant" && isOne(rng, 2) ? say(role, text, { reasoning_content: drawText(rng) }) : say(role, text);

const TOOLS = [
  {
    type: "function",
    function: {
      name: "get_price",
      description: "What it costs.",
      parameters: { type: "object", properties: { item: { type: "string" }, cups: { type: "number" } } },
    },
  },
  {
    type: "function",
    function: {
      name: "get_weather",
      description: "How the weather is, as in 東京.",
      parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    },
  },
] as const;

function drawCall(rng: Rng, asText: boolean): object {
  const [name, own] = isOne(rng, 2)
    ? ["get_price", { item: drawText(rng), cups: oneOf(rng, [1, 2, 2.5, -3]) }]
    : ["get_weather", { city: oneOf(rng, ["東京", "Århus", 'a "quoted" <town>']) }];
  return { type: "function", function: { name, arguments: asText ? JSON.stringify(own) : own } };
}

function drawToolTalk(rng: Rng, asText: boolean): Readonly<Record<string, unknown>> {
  const calls = Array.from({ length: 1 + rng.nextInt(2) }, () => drawCall(rng, asText));
  const called = say("assistant", isOne(rng, 2) ? "" : drawText(rng), { tool_calls: calls });
  const results = calls.map(() => say("tool", oneOf(rng, ["4.50", '{"sky": "grey"}', drawText(rng)])));
  const asked = drawAsked(rng);
  return {
    messages: [...asked, called, ...results, say("assistant", drawText(rng))],
    tools: isOne(rng, 2) ? TOOLS : TOOLS.slice(0, 1),
  };
}

/** A border that has white space on one of its sides, or on none. */
function drawBorder(rng: Rng): readonly [prompt: string, completion: string] {
  const [prompt, completion] = [drawText(rng), drawAnswer(rng)];
  return oneOf(rng, [
    [prompt, completion],
    [`${prompt} `, completion],
    [prompt, ` ${completion}`],
    [`${prompt}\n`, completion],
    [`${prompt}\n\n### Answer:`, `\n${completion}`],
  ] as const);
}

function drawTexts(rng: Rng): Readonly<Record<string, unknown>> {
  const [prompt, completion] = drawBorder(rng);
  return { prompt, completion };
}

/** Two that differ, at times only within their last letters. */
function drawPair(rng: Rng): readonly [string, string] {
  const chosen = drawText(rng);
  const rejected = oneOf(rng, [drawText(rng), `${chosen}!`, chosen.slice(0, -1), drawText(rng)]);
  return rejected === chosen || rejected === "" ? [chosen, `${chosen} No.`] : [chosen, rejected];
}

/** Texts with nothing before them but what both begin with. */
function drawPairWithStart(rng: Rng): Readonly<Record<string, unknown>> {
  const start = drawText(rng);
  const [a, b] = oneOf(rng, [
    [" 12", " 13"],
    ["😀", "😁"],
    ["é", "e"],
    [` ${drawText(rng)}`, ` no, ${drawText(rng)}`],
    ["\nyes", "\nno"],
  ] as const);
  return { chosen: `${start}${a}`, rejected: `${start}${b}` };
}

function drawIds(rng: Rng): readonly number[] {
  return Array.from({ length: 3 + rng.nextInt(20) }, () => 3 + rng.nextInt(250));
}

/** The last one is scored. */
function drawMask(rng: Rng, ids: readonly number[]): readonly number[] {
  return ids.map((_, at) => (at === ids.length - 1 ? 1 : rng.nextInt(2)));
}

const asMessages = (rng: Rng) => ({ messages: drawTurns(rng, say) });
const one = (text: string): readonly object[] => [say("assistant", text)];

const SFT: TrlWay = { trainer: "sft" };
const MARKED: TrlWay = {
  trainer: "sft",
  settings: { assistant_only_loss: true },
  source: { turns: "marked" },
};
const CHAT: AxolotlWay = { dataset: { type: "chat_template" } };

const SPEAKERS = { system: "system", user: "human", assistant: "gpt" } as const;

/** All forms: a form more is a row more. */
export const KINDS: Readonly<Record<string, Kind>> = {
  messages: { template: "chatml", trl: SFT, axolotl: CHAT, draw: asMessages },
  "messages, marked": { template: "marked", trl: MARKED, draw: asMessages },
  "messages, other template": { template: "inst", trl: SFT, axolotl: CHAT, draw: asMessages },
  thoughts: {
    template: "thoughts",
    trl: SFT,
    axolotl: CHAT,
    draw: (rng) => ({ messages: drawTurns(rng, think(rng)) }),
  },
  parts: {
    template: "marked",
    trl: MARKED,
    axolotl: CHAT,
    draw: (rng) => ({ messages: drawTurns(rng, (role, text) => say(role, drawParts(rng, text))) }),
  },
  tools: { template: "chatml", trl: SFT, axolotl: CHAT, draw: (rng) => drawToolTalk(rng, false) },
  "tools, arguments as texts": { template: "chatml", axolotl: CHAT, draw: (rng) => drawToolTalk(rng, true) },
  ShareGPT: {
    template: "chatml",
    trl: SFT,
    axolotl: {
      dataset: {
        type: "chat_template",
        field_messages: "conversations",
        message_property_mappings: { role: "from", content: "value" },
      },
    },
    draw: (rng) => ({ conversations: drawTurns(rng, (role, value) => ({ from: SPEAKERS[role], value })) }),
  },
  "prompt and completion": {
    trl: SFT,
    axolotl: {
      dataset: {
        type: {
          field_instruction: "prompt",
          field_output: "completion",
          format: "{instruction}",
          no_input_format: "{instruction}",
        },
      },
    },
    draw: drawTexts,
  },
  "prompt and completion, cut": { trl: { ...SFT, settings: { max_length: 24 } }, draw: drawTexts },
  "prompt and completion of messages": {
    template: "chatml",
    trl: SFT,
    draw: (rng) => ({ prompt: drawAsked(rng), completion: one(drawAnswer(rng)) }),
  },
  text: { trl: SFT, axolotl: { dataset: { type: "completion" } }, draw: (rng) => ({ text: drawText(rng) }) },
  alpaca: {
    axolotl: { dataset: { type: "alpaca" } },
    draw: (rng) => ({
      instruction: drawText(rng),
      ...oneOf(rng, [{}, { input: "" }, { input: drawText(rng) }]),
      output: drawAnswer(rng),
    }),
  },
  segments: {
    axolotl: { dataset: { type: "input_output" } },
    draw: (rng) => ({
      segments: Array.from({ length: 2 + rng.nextInt(4) }, (_, at) => ({
        label: at === 1 || isOne(rng, 2),
        text: drawText(rng),
      })),
    }),
  },
  "pairs of texts": {
    trl: { trainer: "dpo" },
    draw: (rng) => {
      const [chosen, rejected] = drawPair(rng);
      return { prompt: drawBorder(rng)[0], chosen, rejected };
    },
  },
  "pairs of texts without a prompt": { trl: { trainer: "dpo" }, draw: drawPairWithStart },
  "pairs of messages": {
    template: "chatml",
    trl: { trainer: "dpo" },
    draw: (rng) => {
      const [prompt, [chosen, rejected]] = [drawAsked(rng), drawPair(rng).map(one)];
      return isOne(rng, 2)
        ? { prompt, chosen, rejected }
        : { prompt, chosen: [...chosen!, say("user", "Why?"), ...one(drawText(rng))], rejected };
    },
  },
  "pairs of messages without a prompt": {
    template: "chatml",
    trl: { trainer: "dpo" },
    draw: (rng) => {
      const [prompt, [chosen, rejected]] = [drawAsked(rng), drawPair(rng)];
      return { chosen: [...prompt, ...one(chosen)], rejected: [...prompt, ...one(rejected)] };
    },
  },
  "messages with two answers": {
    template: "chatml",
    // With another tokenizer the library writes the token in front twice.
    tokenizers: ["bytes"],
    axolotl: { rl: "dpo", dataset: { type: "chat_template.default" } },
    draw: (rng) => {
      const [chosen, rejected] = drawPair(rng).map((text) => say("assistant", text));
      return { messages: drawAsked(rng), chosen, rejected };
    },
  },
  "labelled texts": { trl: { trainer: "kto" }, draw: (rng) => ({ ...drawTexts(rng), label: isOne(rng, 2) }) },
  "labelled messages": {
    template: "chatml",
    trl: { trainer: "kto" },
    draw: (rng) => ({ prompt: drawAsked(rng), completion: one(drawAnswer(rng)), label: isOne(rng, 2) }),
  },
  "tokens with labels": {
    trl: SFT,
    axolotl: { dataset: { type: "" } },
    draw: (rng) => {
      const ids = drawIds(rng);
      const mask = drawMask(rng, ids);
      return {
        input_ids: ids,
        attention_mask: ids.map(() => 1),
        labels: ids.map((id, at) => (mask[at] === 1 ? id : -100)),
      };
    },
  },
  "tokens with a mask": {
    trl: SFT,
    draw: (rng) => {
      const ids = drawIds(rng);
      return { input_ids: ids, assistant_masks: drawMask(rng, ids) };
    },
  },
};
