/** How a record becomes a training sequence. */
export type DataFormat = "instruction" | "chat" | "text" | "tokens";

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
  /** Which of the assistant's turns of a conversation are scored: all when absent. */
  readonly turns?: "all" | "last" | undefined;
  readonly shuffle?: boolean | undefined;
  /** Only the first so many records. */
  readonly limit?: number | undefined;
  /** In a folder: the files whose names start with it. In a JSON object: the array under this key. */
  readonly split?: string | undefined;
}

/** Lengths without text, for simulation only. */
export interface LengthSource {
  readonly lengths: unknown;
  readonly samples?: number | undefined;
}

/** A job's `data` object. */
export type DataSource = FileSource | LengthSource;
