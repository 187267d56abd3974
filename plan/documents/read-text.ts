import { type Document, isMap, isPair, isScalar, LineCounter, parseDocument as parseYaml, visit } from "yaml";
import {
  bracketDepth,
  duplicateKey,
  findJsonFault,
  InputError,
  measureValue,
  offsetInJson,
  placeOf,
} from "../../core/index.ts";
import { type DocumentPath, formatPath } from "./document-path.ts";

interface LineAndColumn {
  readonly line: number;
  readonly column: number;
}

/** A parsed text and where each of its values stands. */
export interface ReadText {
  readonly value: unknown;
  readonly file: string;
  /** Line and column (from 1) of the value, or of the nearest value around it. */
  locate(path: DocumentPath): LineAndColumn | undefined;
  /** Where a path of what was made of the text was written; as it stands where absent. */
  readonly written?: (path: DocumentPath) => DocumentPath;
}

/** YAML takes some hundred bytes of memory a character, and seconds a megabyte; JSON next to nothing. */
const MOST_YAML = 1e6;
/** No document of ours has a tenth of this. */
const MOST_DEPTH = 100;
/** Uses of YAML's anchors: each may repeat all that those before it have. */
const MOST_ALIASES = 100;

/** The path itself, then what is around it. */
function* around(path: DocumentPath): Generator<DocumentPath> {
  for (let depth = path.length; depth > 0; depth -= 1) yield path.slice(0, depth);
}

function offsetInYaml(document: Document, path: DocumentPath): number | undefined {
  for (const each of around(path)) {
    const parent = each.length === 1 ? document.contents : document.getIn(each.slice(0, -1), true);
    const key = each.at(-1);
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === key);
      if (pair !== undefined && isScalar(pair.key) && pair.key.range) return pair.key.range[0];
    }
    const node = document.getIn(each, true) as { range?: [number, number, number] } | undefined;
    if (node?.range) return node.range[0];
  }
  return undefined;
}

/** @throws InputError for what is deeper than any document, or has the key `__proto__`, which JavaScript takes for another */
function checkShape(value: unknown, file: string, text: string): void {
  const { depth } = measureValue(value);
  if (depth > MOST_DEPTH)
    throw new InputError({
      expected: `a document of at most ${MOST_DEPTH} levels`,
      file,
      got: `${depth} levels, or more`,
    });
  const at = /__proto__|\\u/.test(text) ? protoAt(value) : undefined;
  if (at !== undefined)
    throw new InputError({ expected: "only known keys", at: formatPath(at), file, got: "__proto__" });
}

function protoAt(value: unknown, path: DocumentPath = []): DocumentPath | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (Object.hasOwn(value, "__proto__")) return path;
  for (const [key, each] of Object.entries(value)) {
    const found = protoAt(each, [...path, Array.isArray(value) ? Number(key) : key]);
    if (found !== undefined) return found;
  }
  return undefined;
}

function readJson(text: string, value: unknown, file: string): ReadText {
  const twice = duplicateKey(text, value);
  if (twice !== undefined)
    throw new InputError({ expected: "each key once", file, ...placeOf(text, twice.offset), got: twice.key });
  checkShape(value, file, text);
  return {
    value,
    file,
    locate(path) {
      for (const each of around(path)) {
        const offset = offsetInJson(text, each);
        if (offset !== undefined) return placeOf(text, offset);
      }
      return undefined;
    },
  };
}

/** The first key that stands twice in a mapping; the library's own check looks at every pair of keys. */
function duplicateInYaml(document: Document): { readonly key: unknown; readonly offset: number } | undefined {
  let found: { readonly key: unknown; readonly offset: number } | undefined;
  visit(document, {
    Map(_, { items }) {
      const keys = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        if (keys.has(key.value)) {
          found = { key: key.value, offset: key.range?.[0] ?? 0 };
          return visit.BREAK;
        }
        keys.add(key.value);
      }
      return undefined;
    },
  });
  return found;
}

/** Whether a text has a JSON value on each of its first two lines, as files of rows have. */
function isJsonLines(text: string): boolean {
  try {
    return text.startsWith("{") && text.split("\n", 2).every((line) => typeof JSON.parse(line) === "object");
  } catch {
    return false;
  }
}

function yamlHint(text: string, code: string, message: string): string {
  if (isJsonLines(text))
    return "It has a JSON value on each line, as rows of data have: `loratwin data FILE` reads it, and a job's `data: { path: ... }` names it.";
  if (code === "TAB_AS_INDENT") return "YAML takes no tabs at the beginning of a line: indent with spaces.";
  return message.split("\n")[0]!.replace(/ at line \d+, column \d+:?$/, ".");
}

function readYaml(text: string, file: string): ReadText {
  const lines = new LineCounter();
  const placeAt = (offset: number): LineAndColumn => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  let document: Document;
  let value: unknown;
  try {
    document = parseYaml(text, { lineCounter: lines, strict: true, uniqueKeys: false });
    const [error] = document.errors;
    if (error !== undefined)
      throw new InputError({
        expected: "YAML or JSON",
        file,
        ...(error.linePos === undefined ? {} : { line: error.linePos[0].line, column: error.linePos[0].col }),
        hint: yamlHint(text, error.code, error.message),
      });
    const twice = duplicateInYaml(document);
    if (twice !== undefined)
      throw new InputError({ expected: "each key once", file, ...placeAt(twice.offset), got: twice.key });
    value = document.toJS({ maxAliasCount: MOST_ALIASES }) as unknown;
  } catch (cause) {
    // The library's parser calls itself for each level.
    if (cause instanceof RangeError)
      throw new InputError({ expected: `a document of at most ${MOST_DEPTH} levels`, file, got: "more" }, { cause });
    if (cause instanceof ReferenceError)
      throw new InputError({ expected: `at most ${MOST_ALIASES} uses of anchors`, file, got: "more" }, { cause });
    throw cause;
  }
  checkShape(value, file, text);
  return {
    value,
    file,
    locate(path) {
      const offset = offsetInYaml(document, path);
      return offset === undefined ? undefined : placeAt(offset);
    },
  };
}

/**
 * Reads YAML or JSON. Large JSON takes the fast path; positions are only worked out when something is wrong.
 * @throws InputError with file, line and column when the text is neither, has a key twice, or is too deep or too large
 */
export function readText(text: string, file: string): ReadText {
  if (/^\s*[[{]/.test(text)) {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      // Not JSON: the YAML parser below says where and why.
    }
    if (value !== undefined) return readJson(text, value, file);
    if (text.length > MOST_YAML) {
      const { offset, expected } = findJsonFault(text);
      throw new InputError({
        expected: `JSON: ${expected}`,
        file,
        ...placeOf(text, offset),
        got: text.slice(offset, offset + 20),
      });
    }
  }
  if (text.length > MOST_YAML)
    throw new InputError({
      expected: `at most ${MOST_YAML} characters of YAML`,
      file,
      got: text.length,
      hint: "The same as JSON can be larger.",
    });
  // Brackets in texts need not be closed, and so are counted with much room.
  if (bracketDepth(text) > 10 * MOST_DEPTH)
    throw new InputError({ expected: `a document of at most ${MOST_DEPTH} levels`, file, got: "more" });
  return readYaml(text, file);
}
