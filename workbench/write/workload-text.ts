import { plainLine } from "../../core/index.ts";

/** A value as YAML writes it: a scalar, a list of scalars on one line, a mapping below its key, or a list of mappings. */
export type Value = string | number | boolean | readonly (string | number)[] | Block | Items;

/** A mapping, line by line. */
export interface Block {
  readonly lines: readonly Line[];
}

/** A list of mappings. */
export interface Items {
  readonly items: readonly (readonly Line[])[];
}

/** A key, its value, and why it is so. */
export interface Line {
  readonly key: string;
  readonly value: Value;
  readonly why?: string | undefined;
}

/** Columns of a terminal. */
const WIDTH = 80;

/** Words that YAML, of one version or another, reads as something else than a text. */
const NO_TEXT = /^(?:true|false|yes|no|on|off|y|n|null|[-+.]?\d.*|[-+]?\.(?:inf|nan))$/i;
const PLAIN = /^[A-Za-z_./][\w./@-]*(?::[\w./@-]+)*$/;

/** A text as YAML of every version reads it back. */
function textOf(text: string): string {
  // JSON's texts are YAML's; a line separator of Unicode ends a line in YAML 1.1, and so is escaped.
  return PLAIN.test(text) && !NO_TEXT.test(text)
    ? text
    : JSON.stringify(text).replace(
        /[\u007f-\u009f\u2028\u2029\ufeff]/g,
        (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`,
      );
}

/** A number as YAML of every version reads it back: 1e-7 is a text in YAML 1.1, 1.0e-7 is none. */
function numberOf(value: number): string {
  const text = Math.abs(value) < 1e-3 && value !== 0 ? value.toExponential() : String(value);
  return /^-?\d+e/.test(text) ? text.replace("e", ".0e") : text;
}

function scalarOf(value: string | number | boolean): string {
  if (typeof value === "string") return textOf(value);
  return typeof value === "number" ? numberOf(value) : String(value);
}

/** A comment in lines of at most 80 columns: the first begins with `first`, the others with `rest`. */
export function commentLines(text: string, first = "# ", rest = first): readonly string[] {
  const lines: string[] = [];
  for (const word of plainLine(text.replace(/\s+/g, " ")).split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= WIDTH) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`${last === undefined ? first : rest}${word}`);
  }
  return lines;
}

function linesOf({ key, value, why }: Line, indent: string): readonly string[] {
  const isNested = typeof value === "object" && !Array.isArray(value);
  const scalar = isNested
    ? ""
    : Array.isArray(value)
      ? ` [${value.map(scalarOf).join(", ")}]`
      : ` ${scalarOf(value as string)}`;
  const own = `${indent}${textOf(key)}:${scalar}`;
  const below = isNested ? nestedLines(value as Block | Items, indent) : [];
  if (why === undefined) return [own, ...below];
  const beside = `${own}  # ${plainLine(why)}`;
  return [...(beside.length <= WIDTH ? [beside] : [...commentLines(why, `${indent}# `), own]), ...below];
}

function nestedLines(value: Block | Items, indent: string): readonly string[] {
  if ("lines" in value) return value.lines.flatMap((line) => linesOf(line, `${indent}  `));
  return value.items.flatMap((item) => {
    const lines = item.flatMap((line) => linesOf(line, `${indent}    `));
    // The dash stands before the first key; comments above it are comments of the item.
    const at = lines.findIndex((line) => !line.trimStart().startsWith("#"));
    return lines.map((line, index) => (index === at ? line.replace(/^( *) {2}/, "$1- ") : line));
  });
}

/** A workload as YAML, under a heading of comments. */
export function workloadText(heading: readonly string[], lines: readonly Line[]): string {
  const all: readonly Line[] = [{ key: "kind", value: "workload" }, { key: "version", value: 1 }, ...lines];
  return [...heading, ...all.flatMap((line) => linesOf(line, ""))].join("\n").concat("\n");
}
