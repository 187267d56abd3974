/** How a record becomes a training sequence. */
export type DataFormat = "instruction" | "chat" | "text" | "tokens" | "segments" | "preference" | "unpaired";

/** Names of columns, and of a message's keys, that a file may give otherwise. */
export type FieldName =
  | ("messages" | "prompt" | "completion" | "instruction" | "input" | "output" | "history" | "system" | "tools")
  | ("text" | "chosen" | "rejected" | "label" | "segments" | "input_ids" | "labels")
  | ("role" | "content" | "reasoning_content" | "train");

/** Whose turns there are. */
export const ROLES = ["system", "user", "assistant", "tool"] as const;
export type Role = (typeof ROLES)[number];

/** Records in a file. */
export interface FileSource {
  /** A file, a folder of shards, or `hf:datasets/owner/name[@revision][/path]`. */
  readonly path: string;
  readonly format?: DataFormat | undefined;
  /** Template of the part that is not scored, with {{field}}. */
  readonly prompt?: string | undefined;
  /** Template of the scored part; the end-of-sequence token follows it. */
  readonly response?: string | undefined;
  /** The column of `text` (default "text") or of the messages of `chat` (default "messages", else "conversations"). */
  readonly field?: string | undefined;
  /** What the file calls columns and keys of messages: `{ messages: "dialog", role: "speaker" }`. */
  readonly fields?: Readonly<Partial<Record<FieldName, string | undefined>>> | undefined;
  /** What the file calls roles: `{ user: ["customer"] }`. */
  readonly roles?: Readonly<Partial<Record<Role, readonly string[] | undefined>>> | undefined;
  /**
   * Which of the assistant's turns of a conversation are scored: all when absent. `marked`: what stands between the
   * template's own `{% generation %}` marks.
   */
  readonly turns?: "all" | "last" | "marked" | undefined;
  /** Whether what is not an answer is scored too. */
  readonly trainOnInputs?: boolean | undefined;
  /** Rows are read as this library reads them by default. */
  readonly like?: "trl" | "axolotl" | "llamafactory" | undefined;
  /** In place of the model's own chat template: the name of one, a file, or its text. */
  readonly chatTemplate?: string | undefined;
  /** Of plain text: tokens of a row, and how many of them are those that the row before ends with. */
  readonly window?: number | undefined;
  readonly overlap?: number | undefined;
  /** Texts follow each other in one row. */
  readonly packing?: "wrapped" | undefined;
  readonly shuffle?: boolean | undefined;
  /** Only the first so many records. */
  readonly limit?: number | undefined;
  /** In a folder: the files whose names start with it. In a JSON object: the array under this key. */
  readonly split?: string | undefined;
  /** Whether a record that makes no row ends it all (when absent), or is left out. */
  readonly onBadRow?: "refuse" | "skip" | undefined;
}

/** Lengths without text, for simulation only. */
export interface LengthSource {
  readonly lengths: unknown;
  readonly samples?: number | undefined;
}

/** A job's `data` object. */
export type DataSource = FileSource | LengthSource;
