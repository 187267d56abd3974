import { InputError } from "../../core/index.ts";
import type { DataRecord, RecordReader } from "./record.ts";
import { notUtf8, utf8Text } from "./record-text.ts";
import { textBytes } from "./text-bytes.ts";

/** Bytes of a text: half of what a text can have. */
const MOST_OF_A_TEXT = 2 ** 28;

/** A file of text as one record; none where there is nothing in it. Line ends of Windows are read as others, as Python does. */
export const readPlainText: RecordReader = async function* (file, { onBytes }): AsyncGenerator<DataRecord> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of textBytes(file, onBytes)) {
    pieces.push(piece);
    size += piece.length;
    if (size > MOST_OF_A_TEXT)
      throw new InputError({ expected: `a text of at most ${MOST_OF_A_TEXT} bytes`, file, got: "a longer one" });
  }
  const bytes = Buffer.concat(pieces);
  const text = utf8Text(bytes);
  if (text === undefined) throw notUtf8(bytes, file, 1);
  if (text.trim() !== "") yield { value: { text: text.replaceAll("\r\n", "\n") }, place: { file } };
};
