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
import { comparedTokens, tokensRow } from "./tokens.ts";

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
  if (format === "tokens") return comparedTokens(record) ?? [tokensRow(record, context)];
  return [KINDS[format](record, context)];
}

/** What a loss compares: two answers of a record, or answers by their labels. */
export type Compared = "preference" | "unpaired";

const IS: Readonly<Record<Compared | "plain", string>> = {
  preference: "a pair of answers",
  unpaired: "an answer with a label",
  plain: "a row without answers to compare",
};

const HINTS: Readonly<Record<Compared, string>> = {
  preference:
    "A job with a loss of kind dpo, cpo, simpo or orpo trains on it. `loratwin data` shows what becomes of the rows.",
  unpaired:
    "A job with a loss of kind kto trains on it. format: instruction or chat trains rows whose label is true, and refuses the others.",
};

function kindOf([row, other]: readonly MadeRow[]): Compared | "plain" {
  if (row?.name === undefined) return "plain";
  return other === undefined ? "unpaired" : "preference";
}

/**
 * The rows that are trained on: one, or two of a pair, the chosen one first.
 * @throws InputError for rows that the job's loss does not train on
 */
export function trainableRows(
  rows: readonly MadeRow[],
  record: DataRecord,
  compared: Compared | undefined,
): readonly MadeRow[] {
  const kind = kindOf(rows);
  if (kind === (compared ?? "plain")) return rows;
  throw new InputError({
    expected:
      compared === undefined ? "rows that are trained on as they are" : `${IS[compared]}, as the job's loss asks`,
    ...record.place,
    got: IS[kind],
    ...(kind === "plain" ? {} : { hint: HINTS[kind] }),
  });
}
