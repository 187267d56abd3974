import { InputError, ownValue } from "../../core/index.ts";
import { type DataRecord, fieldAt } from "../records/record.ts";
import { NOT_SCORED } from "../row.ts";
import { amountOf, checkTokenColumns, listOf } from "./directives.ts";
import { labelledRecord } from "./preference.ts";
import { fieldsOf, type MadeRow, type RowKind, type RowName } from "./row-kind.ts";

/** Columns with 1 for each token that is scored, and 0 for the others. */
const SCORED_MASKS = ["assistant_masks", "completion_mask", "loss_mask"] as const;

function wholeNumbers(record: DataRecord, field: string): Int32Array {
  const given = fieldsOf(record)[field];
  const value = listOf(given) ?? given;
  const at = fieldAt(record.place, field);
  if (!Array.isArray(value)) {
    throw new InputError({ expected: "a list of whole numbers", ...record.place, at, got: value ?? "no such field" });
  }
  for (const [index, id] of value.entries()) {
    if (!Number.isInteger(id) || Math.abs(id as number) > 0x7fffffff) {
      throw new InputError({ expected: "a whole number of 32 bits", ...record.place, at: `${at}[${index}]`, got: id });
    }
  }
  return Int32Array.from(value as number[]);
}

/** Numbers of a column beside the ids. @throws InputError where they are not as many */
function beside(record: DataRecord, field: string, count: number): Int32Array {
  const values = wholeNumbers(record, field);
  if (values.length === count) return values;
  const expected = `${count} ${field}, one for each of input_ids`;
  throw new InputError({ expected, ...record.place, at: fieldAt(record.place, field), got: values.length });
}

function has(record: DataRecord, field: string): boolean {
  const value = ownValue(fieldsOf(record), field);
  return value !== undefined && value !== null && value !== "";
}

/** Columns of pairs, and of answers with a label, that are tokenized: as TRL's trainers name them. */
export const COMPARED_IDS = ["prompt_ids", "chosen_ids", "rejected_ids", "completion_ids"] as const;

/** The rows of a record whose answers are token ids; undefined for one that has none. @throws InputError */
export function comparedTokens(record: DataRecord): readonly MadeRow[] | undefined {
  const isPair = has(record, "chosen_ids") || has(record, "rejected_ids");
  if (!isPair && !has(record, "completion_ids")) return undefined;
  const prompt = wholeNumbers(record, "prompt_ids");
  const row = (column: (typeof COMPARED_IDS)[number], name: RowName): MadeRow => {
    const answer = wholeNumbers(record, column);
    const inputIds = Int32Array.from([...prompt, ...answer]);
    return { inputIds, labels: inputIds.slice().fill(NOT_SCORED, 0, prompt.length), name };
  };
  if (isPair) return [row("chosen_ids", "chosen"), row("rejected_ids", "rejected")];
  return [row("completion_ids", labelledRecord(record).isDesirable ? "desirable" : "undesirable")];
}

/** Token ids and labels as they are; without labels every token is scored that no mask leaves out. */
export const tokensRow: RowKind = (record) => {
  checkTokenColumns(record);
  const inputIds = wholeNumbers(record, "input_ids");
  const labels = has(record, "labels") ? beside(record, "labels", inputIds.length) : inputIds.slice();
  for (const mask of SCORED_MASKS) {
    if (!has(record, mask)) continue;
    const amounts = (listOf(fieldsOf(record)[mask]) ?? []).map(amountOf);
    const at = fieldAt(record.place, mask);
    if (amounts.length !== inputIds.length || amounts.some((one) => one !== 0 && one !== 1))
      throw new InputError({
        expected: `${inputIds.length} times 0 or 1`,
        ...record.place,
        at,
        got: fieldsOf(record)[mask],
      });
    for (const [index, one] of amounts.entries()) if (one === 0) labels[index] = NOT_SCORED;
  }
  return { inputIds, labels };
};
