/** What LLaMA-Factory puts around texts: `{}` is the text, `{bos}` and `{eos}` are tokens of the tokenizer. */
interface FactoryTemplate {
  readonly prefix?: string;
  readonly system?: string;
  readonly user?: string;
  readonly assistant?: string;
  /** The system text of a conversation that has none. */
  readonly ownSystem?: string;
  /** Whether the system text stands inside the first user's turn. */
  readonly isInUser?: true;
  /** Whether an answer without a thought gets an empty one. */
  readonly thinks?: true;
  /** Whether the end token stands behind the last answer only (`efficient_eos`). */
  readonly endsOnce?: true;
}

function turns(open: string, close: string, behind = ""): FactoryTemplate {
  const [system, user, assistant] = ["system", "user", "assistant"].map((role) => open.replace("ROLE", role));
  const end = `{}${close}${behind}`;
  return { system: `${system}${end}`, user: `${user}${end}${assistant}`, assistant: end };
}

const CHATML = turns("<|im_start|>ROLE\n", "<|im_end|>", "\n");
const BOS = { prefix: "{bos}" };
const IN_USER = { ...BOS, system: "{}\n\n", isInUser: true } as const;
const GEMMA: FactoryTemplate = {
  ...IN_USER,
  user: "<start_of_turn>user\n{}<end_of_turn>\n<start_of_turn>model\n",
  assistant: "{}<end_of_turn>\n",
};
const GRANITE = turns("<|start_of_role|>ROLE<|end_of_role|>", "<|end_of_text|>", "\n");
const LLAMA2: FactoryTemplate = { user: "{bos}[INST] {} [/INST]", system: "<<SYS>>\n{}\n<</SYS>>\n\n", isInUser: true };
const DEEPSEEK3: FactoryTemplate = { ...BOS, user: "<｜User｜>{}<｜Assistant｜>" };
const MINISTRAL: FactoryTemplate = { ...IN_USER, user: "[INST]{}[/INST]" };

/** By their names there. Source: data/template.py, llamafactory 0.9.5. */
export const FACTORY_TEMPLATES: Readonly<Record<string, FactoryTemplate>> = {
  alpaca: {
    user: "### Instruction:\n{}\n\n### Response:\n",
    assistant: "{}{eos}\n\n",
    ownSystem:
      "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n",
  },
  breeze: { ...BOS, user: "[INST] {} [/INST] ", endsOnce: true },
  chatml: CHATML,
  chatml_de: { ...CHATML, ownSystem: "Du bist ein freundlicher und hilfsbereiter KI-Assistent." },
  cohere: {
    ...BOS,
    system: "<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>{}<|END_OF_TURN_TOKEN|>",
    user: "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>{}<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>",
  },
  cpm4: { ...CHATML, ...BOS },
  deepseek: { ...BOS, system: "{}\n\n", user: "User: {}\n\nAssistant:" },
  deepseek3: DEEPSEEK3,
  deepseekr1: { ...DEEPSEEK3, thinks: true },
  default: { system: "System: {}{eos}\n", user: "Human: {}{eos}\nAssistant:", assistant: "{}{eos}\n" },
  empty: { assistant: "{}" },
  exaone: {
    system: "[|system|]{}[|endofturn|]\n",
    user: "[|user|]{}\n[|assistant|]",
    assistant: "{}{eos}\n",
  },
  falcon: { user: "User: {}\nFalcon:", assistant: "{}\n", endsOnce: true },
  falcon_h1: { ...CHATML, ...BOS },
  fewshot: { assistant: "{}\n\n", endsOnce: true },
  gemma: GEMMA,
  gemma2: { ...GEMMA, endsOnce: true },
  gemma3: GEMMA,
  gemma3n: GEMMA,
  glm4: {
    prefix: "[gMASK]<sop>",
    system: "<|system|>\n{}",
    user: "<|user|>\n{}<|assistant|>",
    assistant: "\n{}",
    endsOnce: true,
  },
  granite3: GRANITE,
  granite4: { ...GRANITE, ownSystem: "You are Granite, developed by IBM. You are a helpful AI assistant." },
  llama2: LLAMA2,
  llama2_zh: { ...LLAMA2, ownSystem: "You are a helpful assistant. 你是一个乐于助人的助手。" },
  llama3: { ...BOS, ...turns("<|start_header_id|>ROLE<|end_header_id|>\n\n", "<|eot_id|>") },
  llama4: { ...BOS, ...turns("<|header_start|>ROLE<|header_end|>\n\n", "<|eot|>") },
  ministral: MINISTRAL,
  ministral3: MINISTRAL,
  mistral: { ...IN_USER, user: "[INST] {}[/INST]", assistant: " {}{eos}" },
  mistral_small: { ...BOS, system: "[SYSTEM_PROMPT]{}[/SYSTEM_PROMPT]", user: "[INST]{}[/INST]" },
  olmo: { prefix: "{eos}", user: "<|user|>\n{}<|assistant|>\n" },
  openchat: { ...BOS, user: "GPT4 Correct User: {}{eos}GPT4 Correct Assistant:" },
  phi: turns("<|ROLE|>\n", "<|end|>", "\n"),
  phi4: turns("<|im_start|>ROLE<|im_sep|>", "<|im_end|>"),
  phi4_mini: turns("<|ROLE|>", "<|end|>"),
  qwen: { ...CHATML, ownSystem: "You are Qwen, created by Alibaba Cloud. You are a helpful assistant." },
  qwen3: { ...CHATML, thinks: true },
  qwen3_nothink: CHATML,
  qwen3_5: { ...CHATML, thinks: true },
  qwen3_5_nothink: CHATML,
  smollm: CHATML,
  smollm2: { ...CHATML, ownSystem: "You are a helpful AI assistant named SmolLM, trained by Hugging Face." },
  solar: { system: "### System:\n{}\n\n", user: "### User:\n{}\n\n### Assistant:\n", endsOnce: true },
  vicuna: {
    user: "USER: {} ASSISTANT:",
    ownSystem:
      "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite answers to the user's questions.",
  },
  yi: CHATML,
  zephyr: {
    system: "<|system|>\n{}{eos}",
    user: "<|user|>\n{}{eos}<|assistant|>\n",
    ownSystem: "You are Zephyr, a helpful assistant.",
  },
};

/** Between two pieces that are tokenized apart: nothing, but where rows are read as LLaMA-Factory reads them. */
const BORDER = "{{- piece_border -}}";

/** Pieces of a template as Jinja, with an expression in place of the text. */
function written(slots: string, text: string): string {
  const pieces = slots.split(/(\{(?:bos|eos)\})/).filter((piece) => piece !== "");
  return pieces
    .map((piece) => {
      if (piece === "{bos}" || piece === "{eos}") return `{{- ${piece.slice(1, -1)}_token -}}`;
      const [before = "", behind] = piece.split("{}");
      const parts = [before, ...(behind === undefined ? [] : [undefined, behind])].filter((part) => part !== "");
      return `{{- ${parts.map((part) => (part === undefined ? text : JSON.stringify(part))).join(" + ")} -}}`;
    })
    .join(BORDER);
}

/** The empty thought, and the words of one. Source: register_template and ReasoningTemplate, llamafactory 0.9.5. */
const NO_THOUGHT = `{{- ${JSON.stringify("<think>\n\n</think>\n\n")} -}}`;
const HAS_NONE = "'<think>' not in m.content and '</think>' not in m.content";
const WITHOUT_THOUGHT = "m.content.split('\\n</think>\\n\\n')[-1] if m.content.startswith('<think>\\n') else m.content";

export interface FactoryChoice {
  /** In place of the template's own system text. */
  readonly system?: string | undefined;
  /** Whether thoughts are taken out (`enable_thinking: false`). */
  readonly isSilent?: boolean;
}

/** A template of LLaMA-Factory in Jinja. Tools are not written. */
export function factoryJinja(template: FactoryTemplate, { system, isSilent = false }: FactoryChoice = {}): string {
  const { prefix = "", user = "{}", endsOnce, isInUser, thinks } = template;
  const { assistant = endsOnce ? "{}" : "{}{eos}" } = template;
  const says = "says.system";
  const first = written(template.system ?? "{}", says);
  const asked = isInUser ? "(says.before if loop.index0 <= says.first else '') + m.content" : "m.content";
  const silent = thinks === true && isSilent;
  const end = user.indexOf("{}") + 2;
  const tail = user.slice(end);
  const asks = `${tail.startsWith("{") ? BORDER : ""}${written(tail, "")}${silent ? `${BORDER}${NO_THOUGHT}` : ""}`;
  const thought = thinks === true && !isSilent ? `{%- if ${HAS_NONE} -%}${NO_THOUGHT}${BORDER}{%- endif -%}` : "";
  return [
    `{%- set says = namespace(system=${JSON.stringify(system ?? template.ownSystem ?? "")}, before="", first=0) -%}`,
    "{%- if messages and messages[0].role == 'system' -%}{%- set says.first = 1 -%}",
    "{%- if messages[0].content -%}{%- set says.system = messages[0].content -%}{%- endif -%}{%- endif -%}",
    ...(prefix === "" ? [] : [`${written(prefix, "")}${BORDER}`]),
    isInUser
      ? `{%- if ${says} -%}{%- set says.before -%}${first}{%- endset -%}{%- endif -%}`
      : `{%- if ${says} -%}${first}${BORDER}{%- endif -%}`,
    `{%- for m in messages -%}{%- if m.role == 'user' -%}${written(user.slice(0, end), asked)}`,
    // What asks for an answer is found by its absence behind a question that nobody answers.
    ...(asks === "" ? [] : [`{%- if add_generation_prompt or not loop.last -%}${asks}{%- endif -%}`]),
    `{%- elif m.role == 'assistant' -%}${thought}${written(assistant, silent ? `(${WITHOUT_THOUGHT})` : "m.content")}`,
    `${endsOnce ? "{%- if loop.last -%}{{- eos_token -}}{%- endif -%}" : ""}{%- endif -%}{%- endfor -%}`,
  ].join("\n");
}
