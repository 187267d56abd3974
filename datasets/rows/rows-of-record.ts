import { InputError } from "../../core/index.ts";
import type { DataFormat } from "../data-source.ts";
import type { DataRecord } from "../records/record.ts";
import { NOT_SCORED } from "../row.ts";
import { chatRow } from "./chat.ts";
import { hasConversation } from "./conversation.ts";
import { instructionRow } from "./instruction.ts";
import { labelledRecord, pairRecords } from "./preference.ts";
import { comparedReading } from "./reading.ts";
import { fieldsOf, type MadeRow, type RowContext, type RowKind, type RowName } from "./row-kind.ts";
import { segmentsRow } from "./segments.ts";
import { textRow } from "./text.ts";
import { tokensRow } from "./tokens.ts";

/** Instructions in words of ours, unless the library that is followed writes them by the chat template. */
const asksRow: RowKind = (record, context) =>
  context.reading.instruction === "chat" && context.source.prompt === undefined
    ? chatRow(record, context)
    : instructionRow(record, context);

const KINDS = {
  instruction: asksRow,
  chat: chatRow,
  text: textRow,
  tokens: tokensRow,
  segments: segmentsRow,
} as const satisfies Partial<Record<DataFormat, RowKind>>;

/** An answer that is compared, as it would be read alone. */
function comparedRow(record: DataRecord, name: RowName, context: RowContext): MadeRow {
  const kind = hasConversation(fieldsOf(record)) ? chatRow : asksRow;
  return { ...kind(record, { ...context, reading: comparedReading(context.source) }), name };
}

function firstScored({ labels }: MadeRow): number {
  return labels.findIndex((label) => label !== NOT_SCORED);
}

/** Both answers begin where one of them does whose first token begins in the prompt. */
function withSameStart(rows: readonly MadeRow[]): readonly MadeRow[] {
  const starts = rows.filter(({ isJoined }) => isJoined === true).map(firstScored);
  if (starts.length === 0) return rows;
  return rows.map((row) => {
    const labels = row.labels.slice();
    for (let at = Math.min(...starts); at < firstScored(row); at += 1) labels[at] = row.inputIds[at]!;
    return { ...row, labels };
  });
}

/** The rows of a record: two of a pair, else one. @throws InputError */
export function rowsOfRecord(record: DataRecord, format: DataFormat, context: RowContext): readonly MadeRow[] {
  if (format === "preference") {
    const [chosen, rejected] = pairRecords(record, context);
    const rows = [comparedRow(chosen, "chosen", context), comparedRow(rejected, "rejected", context)];
    return comparedReading(context.source).sharesStart ? withSameStart(rows) : rows;
  }
  if (format === "unpaired") {
    const { record: rest, isDesirable } = labelledRecord(record);
    return [comparedRow(rest, isDesirable ? "desirable" : "undesirable", context)];
  }
  return [KINDS[format](record, context)];
}

/** The row that is trained on. @throws InputError for rows that no loss of ours can train on */
export function trainableRow(rows: readonly MadeRow[], record: DataRecord): MadeRow {
  const [row] = rows;
  if (row !== undefined && row.name === undefined) return row;
  throw new InputError({
    expected: "rows that are trained on as they are",
    ...record.place,
    got: rows.length === 2 ? "a pair of answers" : "an answer with a label",
    hint:
      rows.length === 2
        ? "Losses that compare answers do not exist here yet. `loratwin data` shows what becomes of the rows."
        : "Losses that compare answers do not exist here yet. format: instruction or chat trains rows whose label is true, and refuses the others.",
  });
}
