import { InputError } from "../../core/index.ts";
import type { DataRecord } from "../records/record.ts";
import { fieldNames, fieldsOf, type RowKind, rowOfParts } from "./row-kind.ts";
import { fillTemplate } from "./templates.ts";

interface Templates {
  readonly prompt: string;
  readonly response: string;
}

/** What is used without templates, by the fields of the record; `input` is left out where it is empty. */
const DEFAULTS: readonly (Templates & { readonly fields: readonly string[] })[] = [
  {
    fields: ["instruction", "input", "output"],
    prompt: "### Instruction:\n{{instruction}}\n\n### Input:\n{{input}}\n\n### Response:\n",
    response: "{{output}}",
  },
  {
    fields: ["instruction", "output"],
    prompt: "### Instruction:\n{{instruction}}\n\n### Response:\n",
    response: "{{output}}",
  },
  { fields: ["question", "answer"], prompt: "Question: {{question}}\nAnswer:", response: " {{answer}}" },
  { fields: ["prompt", "response"], prompt: "{{prompt}}", response: "{{response}}" },
  { fields: ["prompt", "completion"], prompt: "{{prompt}}", response: "{{completion}}" },
];

/** The built-in templates that fit a record's fields. */
export function defaultTemplates(record: DataRecord): Templates | undefined {
  const fields = fieldsOf(record);
  return DEFAULTS.find((one) =>
    one.fields.every((field) => fields[field] !== undefined && fields[field] !== "" && fields[field] !== null),
  );
}

/** A prompt that is not scored, a response that is, and the end token. */
export const instructionRow: RowKind = (record, { source, tokenizer, mostTokens }) => {
  const { prompt, response } = source;
  const given = prompt !== undefined && response !== undefined ? { prompt, response } : undefined;
  const templates = given ?? defaultTemplates(record);
  if (templates === undefined) {
    const known = DEFAULTS.map(({ fields }) => fields.join(" + ")).join(", or ");
    const hint = 'Give prompt and response templates, as in prompt: "Question: {{question}}\\nAnswer:".';
    throw new InputError({
      expected: `the fields ${known}`,
      ...record.place,
      got: fieldNames(record),
      hint,
    });
  }
  return rowOfParts(
    tokenizer(),
    [
      { text: fillTemplate(templates.prompt, record), scored: false },
      { text: fillTemplate(templates.response, record), scored: true },
    ],
    mostTokens,
    true,
  );
};
