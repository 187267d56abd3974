/** A content as text, whether it is one, a list of parts or not there. */
const TEXT = `{%- macro text(content) -%}
  {%- if content is string -%}{{- content -}}
  {%- elif content -%}{%- for part in content -%}{{- part.text -}}{%- endfor -%}
  {%- endif -%}
{%- endmacro -%}`;

const CALLS = `{%- if message.tool_calls -%}
  {%- for call in message.tool_calls -%}
{{- '<tool_call>{"name": ' + (call.function.name | tojson) + ', "arguments": ' + (call.function.arguments | tojson) + '}</tool_call>' -}}
  {%- endfor -%}
{%- endif -%}`;

/** ChatML around what an assistant says. */
function chatml(answer: string, before = ""): string {
  return `${TEXT}{%- if bos_token -%}{{- bos_token -}}{%- endif -%}${before}
{%- for message in messages -%}
{{- '<|im_start|>' + message.role + '\\n' -}}
  {%- if message.role == 'assistant' -%}${answer}
  {%- else -%}{{- text(message.content) + '<|im_end|>' -}}
  {%- endif -%}
{{- '\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}`;
}

const SAID = `{{- text(message.content) -}}${CALLS}{{- '<|im_end|>' -}}`;

const TOOLS = `{%- if tools -%}{{- '<|im_start|>tools\\n' + (tools | tojson) + '<|im_end|>\\n' -}}{%- endif -%}`;

const LAST_USER = `{%- set seen = namespace(user=-1) -%}
{%- for message in messages -%}{%- if message.role == 'user' -%}{%- set seen.user = loop.index0 -%}{%- endif -%}{%- endfor -%}`;

const THOUGHT = `{%- if loop.index0 > seen.user and message.reasoning_content -%}
{{- '<think>\\n' + message.reasoning_content + '\\n</think>\\n\\n' -}}{%- endif -%}`;

/** Chat templates that rows are written by. Axolotl hands on what a template reads of `message`, by this very name. */
export const TEMPLATES = {
  /** With calls and tools. */
  chatml: chatml(SAID, TOOLS),
  /** What an assistant says stands between marks. */
  marked: chatml(`{%- generation -%}${SAID}{%- endgeneration -%}`),
  /** Thoughts of the turns behind the last user's only. */
  thoughts: chatml(`${THOUGHT}${SAID}`, LAST_USER),
  /** Without roles in words: a turn ends with the end token, or with a text. */
  inst: `{%- if bos_token -%}{{- bos_token -}}{%- endif -%}
{%- for message in messages -%}
  {%- if message.role == 'assistant' -%}{{- ' ' + message.content + eos_token -}}
  {%- elif message.role == 'system' -%}{{- '[SYS] ' + message.content + ' [/SYS]' -}}
  {%- else -%}{{- '[INST] ' + message.content + ' [/INST]' -}}
  {%- endif -%}
{%- endfor -%}`,
} as const;

export type TemplateName = keyof typeof TEMPLATES;
