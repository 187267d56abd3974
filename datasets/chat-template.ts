import { Template } from "@huggingface/jinja";

/** Numbers that a template may count through at once: more than any text has places. */
const MOST_NUMBERS = 1_000_000;
const BOUNDED = "bounded_range";

/** Jinja's `range`, which makes all its numbers at once. @throws Error for more than that */
function boundedRange(first: number, last?: number, step = 1): readonly number[] {
  const [start, stop] = last === undefined ? [0, first] : [first, last];
  const count = Math.max(0, Math.ceil((stop - start) / step));
  if (!(count <= MOST_NUMBERS)) throw new Error(`a range of ${count} numbers`);
  return Array.from({ length: count }, (_, index) => start + index * step);
}

/** Calls the bounded function wherever a template calls `range`. */
function boundRanges(node: unknown): void {
  if (typeof node !== "object" || node === null) return;
  const { type, value, computed } = node as Readonly<Record<string, unknown>>;
  if (type === "Identifier" && value === "range") (node as { value: string }).value = BOUNDED;
  for (const [key, child] of Object.entries(node)) if (key !== "property" || computed === true) boundRanges(child);
}

/** Stands at both ends of what a template marks as the assistant's: a character of no text. */
export const GENERATION_MARK = "\ufdd2";

const GENERATION = "(?:end)?generation\\s*";

/** A template that writes a mark for each `{% generation %}` and its end, which otherwise write nothing. */
export function markGeneration(template: string): string {
  const trimmed = template
    .replace(new RegExp(`^[ \\t]*(\\{%-?\\s*${GENERATION})`, "gm"), "$1")
    .replace(new RegExp(`(\\{%-?\\s*${GENERATION}-?%\\})\\n`, "g"), "$1");
  // Texts, and between two of them whether their white space there goes.
  const pieces = trimmed.split(new RegExp(`\\{%(-?)\\s*${GENERATION}(-?)%\\}`));
  return pieces
    .flatMap((text, index) => {
      if (index % 3 !== 0) return [];
      const begun = pieces[index - 1] === "-" ? text.trimStart() : text;
      return [pieces[index + 1] === "-" ? begun.trimEnd() : begun];
    })
    .join(GENERATION_MARK);
}

/** A chat template, compiled. What it renders can still take long: see `workbench/load/rows-in-workers.ts`. */
export function compileTemplate(text: string): (variables: Readonly<Record<string, unknown>>) => string {
  const template = new Template(text);
  boundRanges(template.parsed);
  return (variables) => template.render({ ...variables, [BOUNDED]: boundedRange });
}
