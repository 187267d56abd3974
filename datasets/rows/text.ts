import { type RowKind, rowOfParts, textField } from "./row-kind.ts";

/** A text and the end token, everything scored. */
export const textRow: RowKind = (record, { source, reading, tokenizer, mostTokens }) =>
  rowOfParts(tokenizer(), [{ text: textField(record, source.field ?? "text"), scored: true }], {
    mostTokens,
    begins: reading.textHasBos,
    ends: true,
  });
