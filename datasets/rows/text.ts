import { NOT_SCORED } from "../row.ts";
import { encodeMost } from "./encode-most.ts";
import { joinPieces, type RowKind, textField } from "./row-kind.ts";

/** A text and the end token, everything scored. */
export const textRow: RowKind = (record, { source, tokenizer, mostTokens }) => {
  const { eosId } = tokenizer();
  const ids = encodeMost(tokenizer(), textField(record, source.field ?? "text"), true, mostTokens);
  return joinPieces([{ ids: [...ids, eosId], scored: true }], NOT_SCORED);
};
