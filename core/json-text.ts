/** Offset behind a string that begins at `start` with its quotation mark; the text is JSON. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text[end - 1 - slashes] === "\\") slashes += 1;
    if (slashes % 2 === 0) return end + 1;
  }
}

const SPACE = /[ \t\r\n]*/y;

function skipSpace(text: string, offset: number): number {
  SPACE.lastIndex = offset;
  SPACE.test(text);
  return SPACE.lastIndex;
}

function isKey(text: string, end: number): boolean {
  return text[skipSpace(text, end)] === ":";
}

/** Keys of all objects in a text, those that stand twice counted twice. */
function writtenKeys(text: string): number {
  let count = 0;
  for (let start = text.indexOf('"'); start >= 0; ) {
    const end = endOfString(text, start);
    if (isKey(text, end)) count += 1;
    start = text.indexOf('"', end);
  }
  return count;
}

/** What is deeper is not measured: it may have itself inside. */
const DEEP = 1000;

/** Keys of all objects in a value, and how deep it is, up to 1000 levels. */
export function measureValue(value: unknown): { readonly keys: number; readonly depth: number } {
  let [keys, depth] = [0, 0];
  let level: object[] = typeof value === "object" && value !== null ? [value] : [];
  // Level by level, for which no depth has to be kept beside each value.
  for (; level.length > 0 && depth < DEEP; depth += 1) {
    const next: object[] = [];
    for (const each of level) {
      const inside: readonly unknown[] = Array.isArray(each) ? each : Object.values(each);
      if (!Array.isArray(each)) keys += inside.length;
      for (const one of inside) if (typeof one === "object" && one !== null) next.push(one);
    }
    level = next;
  }
  return { keys, depth };
}

/** How deep brackets and braces stand in each other, those in texts counted too. */
export function bracketDepth(text: string): number {
  let [depth, most] = [0, 0];
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === "[" || character === "{") most = Math.max(most, ++depth);
    else if (character === "]" || character === "}") depth -= 1;
  }
  return most;
}

/** A key that stands twice in one object, and where it does so again. */
export interface DuplicateKey {
  readonly key: string;
  readonly offset: number;
}

function findDuplicate(text: string): DuplicateKey | undefined {
  const open: Set<string>[] = [];
  for (let offset = 0; offset < text.length; ) {
    const character = text[offset];
    if (character === "{") open.push(new Set());
    else if (character === "[") open.push(new Set());
    else if (character === "}" || character === "]") open.pop();
    if (character !== '"') {
      offset += 1;
      continue;
    }
    const end = endOfString(text, offset);
    if (isKey(text, end)) {
      const key = JSON.parse(text.slice(offset, end)) as string;
      const keys = open.at(-1)!;
      if (keys.has(key)) return { key, offset };
      keys.add(key);
    }
    offset = end;
  }
  return undefined;
}

/**
 * The first key that stands twice in an object of a JSON text, of which `JSON.parse` keeps the last one without a word.
 * `value`: what it made of the text. A text without any costs two passes over it.
 */
export function duplicateKey(text: string, value: unknown): DuplicateKey | undefined {
  return writtenKeys(text) === measureValue(value).keys ? undefined : findDuplicate(text);
}

/** Offset behind a value that begins at `start`. */
function endOfValue(text: string, start: number): number {
  let depth = 0;
  for (let offset = start; offset < text.length; ) {
    const character = text[offset]!;
    if (character === '"') offset = endOfString(text, offset);
    else if (character === "{" || character === "[") {
      depth += 1;
      offset += 1;
    } else if (character === "}" || character === "]") {
      if (depth === 0) return offset;
      depth -= 1;
      offset += 1;
    } else if (depth === 0 && character === ",") return offset;
    else offset += 1;
    if (depth === 0 && (character === '"' || character === "}" || character === "]")) return offset;
  }
  return text.length;
}

/** Where the member or element of a container begins: a member's key, and its value. */
function memberOf(
  text: string,
  container: number,
  wanted: string | number,
): { readonly key: number; readonly value: number } | undefined {
  const isList = text[container] === "[";
  if (!isList && text[container] !== "{") return undefined;
  let offset = skipSpace(text, container + 1);
  for (let index = 0; text[offset] !== "]" && text[offset] !== "}" && offset < text.length; index += 1) {
    const start = offset;
    let name: string | number = index;
    let value = offset;
    if (!isList) {
      const end = endOfString(text, offset);
      name = JSON.parse(text.slice(offset, end)) as string;
      value = skipSpace(text, skipSpace(text, end) + 1);
    }
    if (name === wanted) return { key: start, value };
    offset = skipSpace(text, endOfValue(text, value));
    if (text[offset] === ",") offset = skipSpace(text, offset + 1);
  }
  return undefined;
}

/** The offset of what a path names in a JSON text: of a member's key, or an element; undefined for what is not there. */
export function offsetInJson(text: string, path: readonly (string | number)[]): number | undefined {
  let at = { key: skipSpace(text, 0), value: skipSpace(text, 0) };
  for (const key of path) {
    const found = memberOf(text, at.value, key);
    if (found === undefined) return undefined;
    at = found;
  }
  return at.key;
}
