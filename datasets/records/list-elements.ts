const [QUOTE, BACKSLASH, COMMA, OPEN, CLOSE, BRACE, CLOSE_BRACE, NEWLINE] = Buffer.from('"\\,[]{}\n');

/** Bytes of one element, or of what is around the list: half of what a text can have. */
const MOST_HELD = 2 ** 28;

/** Bytes that come in pieces. */
export class HeldBytes {
  #pieces: Buffer[] = [];
  #size = 0;

  add(piece: Buffer): void {
    this.#size += piece.length;
    if (this.#size > MOST_HELD) throw new RangeError(`a value of more than ${MOST_HELD} bytes`);
    this.#pieces.push(piece);
  }

  all(): Buffer {
    if (this.#pieces.length !== 1) this.#pieces = [Buffer.concat(this.#pieces)];
    return this.#pieces[0]!;
  }

  take(): Buffer {
    const all = this.all();
    [this.#pieces, this.#size] = [[], 0];
    return all;
  }
}

/** The key that a text ends with, which is JSON of an object up to a value. */
function lastKey(text: string): string | undefined {
  const written = /"(?:[^"\\]|\\.)*"(?=\s*:\s*$)/s.exec(text)?.[0];
  return written === undefined ? undefined : (JSON.parse(written) as string);
}

/** An element as it stands between the commas, and where it begins: from 1, the column in bytes. */
export interface ListElement {
  readonly bytes: Buffer;
  readonly line: number;
  readonly column: number;
}

/** Bytes in which a key is looked for. */
const KEY_BYTES = 1024;

/**
 * The elements of a list in JSON that may be larger than memory, each as it stands between the commas: of the list that
 * the text is, or, with a `key`, of the one under it in the object that the text is. What is around the list goes to
 * `around`, with nothing in its brackets. Whether all of these are JSON is for `JSON.parse` to say.
 */
export async function* listElements(
  bytes: AsyncIterable<Buffer>,
  key: string | undefined,
  around: HeldBytes,
): AsyncGenerator<ListElement> {
  const element = new HeldBytes();
  /** Where the element begins; lines and bytes up to here. */
  let begin = { line: 1, column: 1 };
  let [line, lineStart, offset] = [1, 0, 0];
  let [depth, numElements] = [0, 0];
  /** Of the list; nothing is as deep before it begins and once it has ended. */
  let listDepth = Number.POSITIVE_INFINITY;
  let [isFound, isInText, isEscaped] = [false, false, false];
  for await (const piece of bytes) {
    let start = 0;
    for (let at = 0; at < piece.length; at += 1) {
      const byte = piece[at]!;
      if (byte === NEWLINE) [line, lineStart] = [line + 1, offset + at + 1];
      if (isInText) {
        if (isEscaped) isEscaped = false;
        else if (byte === BACKSLASH) isEscaped = true;
        else if (byte === QUOTE) isInText = false;
      } else if (byte === QUOTE) isInText = true;
      else if (byte === COMMA && depth === listDepth) {
        element.add(piece.subarray(start, at));
        yield { bytes: element.take(), ...begin };
        numElements += 1;
        start = at + 1;
        begin = { line, column: offset + start - lineStart + 1 };
      } else if (byte === OPEN || byte === BRACE) {
        depth += 1;
        if (isFound || byte === BRACE || depth !== (key === undefined ? 1 : 2)) continue;
        around.add(piece.subarray(start, at));
        start = at;
        if (key !== undefined && lastKey(around.all().subarray(-KEY_BYTES).toString()) !== key) continue;
        around.add(piece.subarray(at, at + 1));
        start = at + 1;
        [listDepth, isFound] = [depth, true];
        begin = { line, column: offset + start - lineStart + 1 };
      } else if (byte === CLOSE || byte === CLOSE_BRACE) {
        depth -= 1;
        if (depth !== listDepth - 1) continue;
        element.add(piece.subarray(start, at));
        const last = element.take();
        if (numElements > 0 || last.toString("latin1").trim() !== "") yield { bytes: last, ...begin };
        start = at;
        listDepth = Number.POSITIVE_INFINITY;
      }
    }
    (depth >= listDepth ? element : around).add(piece.subarray(start));
    offset += piece.length;
  }
  // A list that does not end.
  if (depth >= listDepth) around.add(element.take());
}
