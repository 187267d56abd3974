import fs from "node:fs";
import path from "node:path";
import { InputError, ownValue } from "../core/index.ts";
import { readWholeText } from "../files/index.ts";
import type { FileSource } from "./data-source.ts";

/** A system text that stands before the first user's text, for models without a turn for it. */
const SYSTEM_FIRST = `{%- set says = namespace(system='') -%}
{%- for m in messages -%}{%- if m.role == 'system' -%}{%- set says.system = m.content -%}{%- endif -%}{%- endfor -%}`;

/** A template of turns that all look alike. `turn` writes m.role and m.content; `ask` asks the assistant to speak. */
function turns(first: string, turn: string, ask: string): string {
  return `${first}{%- for m in messages -%}${turn}{%- endfor -%}{%- if add_generation_prompt -%}${ask}{%- endif -%}`;
}

/** A turn of the user's with the system text before the first, and one of the assistant's. */
function pairs(user: (text: string) => string, assistant: string): string {
  const text = "(says.system + '\\n\\n' if says.system and loop.index0 <= 1 else '') + m.content";
  return `{{- bos_token -}}${SYSTEM_FIRST}{%- for m in messages -%}
{%- if m.role == 'assistant' -%}${assistant}{%- elif m.role != 'system' -%}${user(text)}{%- endif -%}
{%- endfor -%}`;
}

/**
 * Chat templates by their names, for models that have none: how the models of these names were trained, by their
 * publishers' model cards. Tools are not written.
 */
export const CHAT_TEMPLATES: Readonly<Record<string, string>> = {
  chatml: turns(
    "",
    "{{- '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' -}}",
    "{{- '<|im_start|>assistant\\n' -}}",
  ),
  llama3: turns(
    "{{- bos_token -}}",
    "{{- '<|start_header_id|>' + m.role + '<|end_header_id|>\\n\\n' + m.content + '<|eot_id|>' -}}",
    "{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}",
  ),
  llama2: `${SYSTEM_FIRST}{%- for m in messages -%}
{%- if m.role == 'assistant' -%}{{- ' ' + m.content + ' ' + eos_token -}}{%- elif m.role != 'system' -%}
{{- bos_token + '[INST] ' -}}
{%- if says.system and loop.index0 <= 1 -%}{{- '<<SYS>>\\n' + says.system + '\\n<</SYS>>\\n\\n' -}}{%- endif -%}
{{- m.content + ' [/INST]' -}}{%- endif -%}
{%- endfor -%}`,
  mistral: pairs((text) => `{{- '[INST] ' + ${text} + ' [/INST]' -}}`, "{{- ' ' + m.content + eos_token -}}"),
  gemma: `{{- bos_token -}}${SYSTEM_FIRST}{%- for m in messages -%}
{%- if m.role == 'assistant' -%}{{- '<start_of_turn>model\\n' + m.content + '<end_of_turn>\\n' -}}
{%- elif m.role != 'system' -%}{{- '<start_of_turn>user\\n' -}}
{%- if says.system and loop.index0 <= 1 -%}{{- says.system + '\\n\\n' -}}{%- endif -%}
{{- m.content + '<end_of_turn>\\n' -}}{%- endif -%}
{%- endfor -%}{%- if add_generation_prompt -%}{{- '<start_of_turn>model\\n' -}}{%- endif -%}`,
  phi3: turns("", "{{- '<|' + m.role + '|>\\n' + m.content + '<|end|>\\n' -}}", "{{- '<|assistant|>\\n' -}}"),
  zephyr: turns("", "{{- '<|' + m.role + '|>\\n' + m.content + eos_token + '\\n' -}}", "{{- '<|assistant|>\\n' -}}"),
  vicuna: `{%- for m in messages -%}
{%- if m.role == 'system' -%}{{- m.content + ' ' -}}
{%- elif m.role == 'assistant' -%}{{- ' ' + m.content + eos_token -}}
{%- else -%}{{- 'USER: ' + m.content + ' ASSISTANT:' -}}{%- endif -%}
{%- endfor -%}`,
};

/** Whether a chat template is given by its text. */
function isText(template: string): boolean {
  return template.includes("{{") || template.includes("{%");
}

/** Whether a chat template is given as a file, and neither by its text nor by a name of ours. */
export function isTemplateFile(template: string): boolean {
  return !isText(template) && ownValue(CHAT_TEMPLATES, template) === undefined;
}

/**
 * The source with the text of a chat template that it names as a file, relative to `baseFolder`; a name of ours stays.
 * @throws InputError for what is neither
 */
export function withTemplateFile<T extends { readonly chatTemplate?: string | undefined }>(
  source: T,
  baseFolder: string | undefined,
  at: string,
): T {
  const given = source.chatTemplate;
  if (given === undefined || !isTemplateFile(given)) return source;
  const file = path.resolve(baseFolder ?? ".", given);
  if (!fs.existsSync(file))
    throw new InputError({
      expected: `a file, or one of ${Object.keys(CHAT_TEMPLATES).join(", ")}`,
      at: `${at}.chatTemplate`,
      got: given,
    });
  // The line break that an editor puts at the end is not the template's.
  const text = readWholeText(file).replace(/\r?\n$/, "");
  if (isText(text)) return { ...source, chatTemplate: text };
  throw new InputError({ expected: "a chat template in Jinja", file, got: text });
}

/** The source with the text of its chat template in place of its name or file. @throws InputError */
export function withTemplateText(source: FileSource, baseFolder: string | undefined, at: string): FileSource {
  const read = withTemplateFile(source, baseFolder, at);
  const named = read.chatTemplate === undefined ? undefined : ownValue(CHAT_TEMPLATES, read.chatTemplate);
  return named === undefined ? read : { ...read, chatTemplate: named };
}
