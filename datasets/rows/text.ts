import { NOT_SCORED } from "../row.ts";
import { joinPieces, type RowKind, textField } from "./row-kind.ts";

/** A text and the end token, everything scored. */
export const textRow: RowKind = (record, { source, tokenizer }) => {
  const { encode, eosId } = tokenizer();
  const ids = encode(textField(record, source.field ?? "text"), true);
  return joinPieces([{ ids: [...ids, eosId], scored: true }], NOT_SCORED);
};
