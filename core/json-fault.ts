/** Where and why a text is not JSON; `offset` counts UTF-16 units from 0. */
export interface JsonFault {
  readonly offset: number;
  readonly expected: string;
}

const SPACE = /[ \t\r\n]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const STRING = /"(?:[ !#-[\]-\uffff]+|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y;
const WORD = /true|false|null/y;

function skip(pattern: RegExp, text: string, offset: number): number {
  pattern.lastIndex = offset;
  return pattern.test(text) ? pattern.lastIndex : offset;
}

/**
 * Finds the first fault of a text that JSON.parse refused; its messages do not always say where.
 * The containers that are open are kept on a stack of their own, so depth does not matter.
 */
export function findJsonFault(text: string): JsonFault {
  const open: ("{" | "[")[] = [];
  let offset = 0;
  let state: "value" | "first" | "key" | "after" = "value";
  for (;;) {
    offset = skip(SPACE, text, offset);
    const next = text[offset];
    const top = open.at(-1);
    if (state === "after") {
      if (top === undefined) return { offset, expected: "the end of the text" };
      const close = top === "{" ? "}" : "]";
      if (next === close) open.pop();
      else if (next === ",") state = top === "{" ? "key" : "value";
      else return { offset, expected: `"," or "${close}"` };
      offset += 1;
      continue;
    }
    if (state === "first" && next === (top === "{" ? "}" : "]")) {
      open.pop();
      offset += 1;
      state = "after";
      continue;
    }
    const wantsKey = state === "key" || (state === "first" && top === "{");
    if (next === '"') {
      const end = skip(STRING, text, offset);
      if (text[end] !== '"')
        return { offset: end, expected: "a string that is closed, without raw control characters" };
      offset = end + 1;
      if (!wantsKey) {
        state = "after";
        continue;
      }
      offset = skip(SPACE, text, offset);
      if (text[offset] !== ":") return { offset, expected: '":"' };
      offset += 1;
      state = "value";
      continue;
    }
    if (wantsKey) return { offset, expected: "a key in double quotes" };
    if (next === "{" || next === "[") {
      open.push(next);
      offset += 1;
      state = "first";
      continue;
    }
    const end = Math.max(skip(NUMBER, text, offset), skip(WORD, text, offset));
    if (end === offset) return { offset, expected: "a value" };
    offset = end;
    state = "after";
  }
}

/** Line and column, both from 1, of an offset. */
export function placeOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  return { line: before.split("\n").length, column: offset - before.lastIndexOf("\n") };
}
