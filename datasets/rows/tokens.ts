import { InputError } from "../../core/index.ts";
import { type DataRecord, fieldAt } from "../records/record.ts";
import { fieldsOf, type RowKind } from "./row-kind.ts";

function wholeNumbers(record: DataRecord, field: string): Int32Array {
  const value = fieldsOf(record)[field];
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

/** Token ids and labels as they are; without labels every token is scored. */
export const tokensRow: RowKind = (record) => {
  const inputIds = wholeNumbers(record, "input_ids");
  const given = fieldsOf(record)["labels"];
  const labels = given === undefined || given === null ? inputIds.slice() : wholeNumbers(record, "labels");
  if (labels.length !== inputIds.length) {
    const expected = `${inputIds.length} labels, one for each of input_ids`;
    throw new InputError({ expected, ...record.place, at: fieldAt(record.place, "labels"), got: labels.length });
  }
  return { inputIds, labels };
};
