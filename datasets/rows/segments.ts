import { InputError, ownValue } from "../../core/index.ts";
import { fieldAt } from "../records/record.ts";
import { amountOf, listOf } from "./directives.ts";
import { isTrained } from "./message.ts";
import { fieldsOf, type RowKind, type RowPart, rowOfParts } from "./row-kind.ts";

/** Texts of which each says whether it is scored, as Axolotl's `input_output` has them. Nothing is put around them. */
export const segmentsRow: RowKind = (record, { source, reading, tokenizer, mostTokens }) => {
  const name = source.field ?? "segments";
  const at = fieldAt(record.place, name);
  const value = ownValue(fieldsOf(record), name);
  const segments = listOf(value);
  if (segments === undefined || segments.length === 0)
    throw new InputError({ expected: "a list of segments {text, label}", ...record.place, at, got: value ?? "none" });
  const parts = segments.map((segment, index): RowPart => {
    const { text, label } = (segment ?? {}) as Readonly<Record<string, unknown>>;
    const amount = amountOf(label);
    if (typeof text !== "string" || (amount !== 0 && amount !== 1))
      throw new InputError({
        expected: "a segment {text, label} whose label is true or false",
        ...{ ...record.place, at: `${at}[${index}]`, got: segment },
      });
    // Axolotl's `train_on_inputs` trains all of them; a segment of which another key says no stays so.
    const isAsked = amount === 1 || (source.trainOnInputs === true && source.like === "axolotl");
    const scored = isAsked && isTrained(segment as object, true, record.place, `${at}[${index}]`);
    return { text, scored, isStrict: true };
  });
  const isApart = reading.apart !== "nothing";
  return rowOfParts(tokenizer(), parts, { mostTokens, begins: false, ends: false, isApart });
};
