const EACH = "{%- for m in messages -%}";
const END = "{%- endfor -%}";

/** What asks for an answer. */
function asked(text: string): string {
  return `{%- if add_generation_prompt -%}{{- ${text} -}}{%- endif -%}`;
}

const SYSTEM_FIRST = "{%- set first = 1 if messages and messages[0].role == 'system' else 0 -%}";

/** Refuses turns that do not alternate, as the program does. */
const ALTERNATES = `{%- if loop.index0 >= first and (m.role == 'user') != ((loop.index0 - first) % 2 == 0) -%}
{{- raise_exception('turns of user and assistant have to alternate') -}}{%- endif -%}`;

/** A system text before the first user's text. */
const IN_USER = "(messages[0].content + '\\n\\n' if first == 1 and loop.index0 == 1 else '')";

const GEMMA = `${ALTERNATES}{%- if loop.index0 >= first -%}
{{- '<start_of_turn>' + ('model' if m.role == 'assistant' else m.role) + '\\n' + ${IN_USER} + (m.content | trim) + '<end_of_turn>\\n' -}}
{%- endif -%}`;
const GEMMA_END = `${END}${asked("'<start_of_turn>model\\n'")}`;

const CHATML_ASKED = asked("'<|im_start|>assistant\\n'");
const CHATML = `${EACH}{{- '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' -}}${END}${CHATML_ASKED}`;

/**
 * Chat templates of Axolotl by their names there, as they write texts; none writes tools. Source:
 * utils/chat_templates/templates, axolotl 0.21.
 */
export const AXOLOTL_TEMPLATES: Readonly<Record<string, string>> = {
  alpaca: `{{- bos_token -}}${EACH}{%- if m.role == 'system' and loop.first -%}{{- m.content -}}
{%- elif m.role == 'user' -%}{{- '### Instruction:\\n' + m.content -}}
{%- elif m.role == 'assistant' -%}{{- '### Response:\\n' + m.content + eos_token -}}{%- endif -%}
{%- if not loop.last -%}{{- '\\n\\n' -}}{%- endif -%}${END}${asked("'\\n\\n### Response:\\n'")}`,
  // Ours of that name writes the same.
  chatml: "chatml",
  exaone: `${EACH}{%- if loop.first and m.role != 'system' -%}{{- '[|system|][|endofturn|]\\n' -}}{%- endif -%}
{{- '[|' + m.role + '|]' + m.content + ('\\n' if m.role == 'user' else '[|endofturn|]\\n') -}}${END}${asked("'[|assistant|]'")}`,
  falcon_h1: `{{- bos_token -}}${EACH}{%- if m.role != 'system' or loop.first -%}
{{- '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' -}}{%- endif -%}${END}${CHATML_ASKED}`,
  gemma: `${SYSTEM_FIRST}{%- if first == 1 -%}{{- raise_exception('no system text') -}}{%- endif -%}
{{- bos_token -}}${EACH}${GEMMA}${GEMMA_END}`,
  gemma3: `${SYSTEM_FIRST}{{- bos_token -}}${EACH}${GEMMA}${GEMMA_END}`,
  llama3: `${EACH}{%- if loop.first -%}{{- bos_token -}}{%- endif -%}
{{- '<|start_header_id|>' + m.role + '<|end_header_id|>\\n\\n' + (m.content | trim) + '<|eot_id|>' -}}
${END}${asked("'<|start_header_id|>assistant<|end_header_id|>\\n\\n'")}`,
  mistral_v1: `${SYSTEM_FIRST}{{- bos_token -}}${EACH}${ALTERNATES}
{%- if m.role == 'user' -%}{{- ' [INST] ' + ${IN_USER} + m.content + ' [/INST]' -}}
{%- elif m.role == 'assistant' -%}{{- ' ' + m.content + eos_token -}}{%- endif -%}${END}`,
  phi_3: `{{- bos_token -}}${EACH}{%- if m.role == 'system' -%}{{- '<|system|>\\n' + m.content + '<|end|>\\n' -}}
{%- elif m.role == 'user' -%}{{- '<|user|>\\n' + m.content + '<|end|>\\n<|assistant|>\\n' -}}
{%- elif m.role == 'assistant' -%}{{- m.content + '<|end|>\\n' -}}{%- endif -%}${END}`,
  phi_35: `${EACH}{%- if m.role != 'system' or m.content -%}
{{- '<|' + m.role + '|>\\n' + m.content + '<|end|>\\n' -}}{%- endif -%}${END}${asked("'<|assistant|>\\n'")}`,
  qwen_25: `{%- if not messages or messages[0].role != 'system' -%}
{{- '<|im_start|>system\\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\\n' -}}
{%- endif -%}${CHATML}`,
};
