import type { z } from "zod";
import { type ErrorFacts, InputError } from "../../core/index.ts";
import { type DocumentPath, formatPath, valueAt } from "./document-path.ts";
import { expectation } from "./expectation.ts";
import { couldBe, hintOf } from "./fault-hints.ts";
import { type Flaw, flawsOf } from "./issues.ts";
import type { ReadText } from "./read-text.ts";

/** Where a path of the checked value stands in the text; for values that were merged from elsewhere. */
export type Relocate = (path: DocumentPath) => readonly DocumentPath[];

/** Faults that are told at once. */
const MOST_TOLD = 20;
/** Faults whose meaning is looked for; of a document with more the others are only counted. */
const MOST_LOOKED = 200;
/** Places that are named of a fault that is in several. */
const MOST_PLACES = 2;

function isMissing({ path, key }: Flaw, value: unknown): boolean {
  return key === undefined && path.length > 0 && valueAt(value, path) === undefined;
}

/** Flaws that are none of their own: what is missing because its key was mistyped would only mislead. */
function withoutConsequences(flaws: readonly Flaw[], schema: z.ZodType, value: unknown): readonly Flaw[] {
  const isBeside = (a: DocumentPath, b: DocumentPath): boolean =>
    formatPath(a.slice(0, -1)) === formatPath(b.slice(0, -1));
  const unknown = flaws.filter(({ key }) => key !== undefined).slice(0, MOST_LOOKED);
  const isWithoutKind = flaws.some((flaw) => formatPath(flaw.path) === "kind" && isMissing(flaw, value));
  return flaws.filter(
    (flaw) =>
      !isMissing(flaw, value) ||
      // Who has no kind has no version either, which is said with it.
      (!(isWithoutKind && formatPath(flaw.path) === "version") &&
        !unknown.some((other) => isBeside(other.path, flaw.path) && couldBe(schema, value, other, flaw.path))),
  );
}

interface Placed {
  readonly facts: ErrorFacts;
  /** What makes a fault the same as one in another job or item. */
  readonly same: string;
}

function place(flaw: Flaw, schema: z.ZodType, value: unknown, source: ReadText, relocate: Relocate): Placed {
  const { issue, path, key } = flaw;
  const candidates = relocate(path);
  const own = candidates.find((each) => valueAt(source.value, each) !== undefined) ?? candidates[0] ?? path;
  const at = formatPath(own);
  const hint = hintOf(schema, value, flaw);
  const facts: ErrorFacts = {
    expected: expectation(issue),
    at,
    got: key ?? valueAt(value, path),
    file: source.file,
    ...source.locate(own),
    ...(hint === undefined ? {} : { hint }),
  };
  return { facts, same: JSON.stringify([at.replaceAll(/\[\d+\]/g, "[]"), facts.expected, facts.got, hint]) };
}

/** One fault for those that are the same but for the place. */
function gathered(placed: readonly Placed[]): readonly ErrorFacts[] {
  const kinds = new Map<string, ErrorFacts[]>();
  for (const { facts, same } of placed) {
    const others = kinds.get(same);
    if (others === undefined) kinds.set(same, [facts]);
    else if (others.every(({ at }) => at !== facts.at)) others.push(facts);
  }
  return [...kinds.values()].map(([facts, ...others]) => {
    if (others.length === 0) return facts!;
    const named = others.slice(0, MOST_PLACES).map(({ at }) => at);
    const rest = others.length - named.length;
    const also = `The same at ${named.join(", ")}${rest === 0 ? "" : ` and ${rest} more`}.`;
    return { ...facts!, hint: facts!.hint === undefined ? also : `${facts!.hint} ${also}` };
  });
}

function inOrder(a: ErrorFacts, b: ErrorFacts): number {
  // What is missing of the whole document has no line.
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}

/** A fault that nobody looked at. */
const COUNTED: ErrorFacts = { expected: "" };

/** Everything that a schema finds wrong with a value, each fault once. */
export function faultsOf(
  schema: z.ZodType,
  value: unknown,
  issues: readonly z.core.$ZodIssue[],
  source: ReadText,
  relocate: Relocate = (path) => [path],
): readonly ErrorFacts[] {
  const all = flawsOf(issues);
  // A document of another kind has nothing right.
  const ofKind = all.find(({ path, key }) => key === undefined && path.length === 1 && path[0] === "kind");
  const otherKind = ofKind !== undefined && !isMissing(ofKind, value);
  const flaws = otherKind ? [ofKind] : [...withoutConsequences(all, schema, value)];
  flaws.sort((a, b) => Number(b.key !== undefined) - Number(a.key !== undefined));
  const looked = gathered(flaws.slice(0, MOST_LOOKED).map((flaw) => place(flaw, schema, value, source, relocate)));
  return [...looked, ...flaws.slice(MOST_LOOKED).map(() => COUNTED)];
}

/** An error that tells the first faults of a document in the order of the text, and counts the others. */
export function errorOf(faults: readonly ErrorFacts[]): InputError {
  const [first, ...others] = faults.filter((fault) => fault !== COUNTED).sort(inOrder);
  const further = others.slice(0, MOST_TOLD - 1);
  const untold = faults.length - 1 - further.length;
  return new InputError({
    ...first!,
    ...(further.length === 0 ? {} : { further }),
    ...(untold === 0 ? {} : { untold }),
  });
}
