import { plainLine } from "./plain-text.ts";

/** What every loratwin error can say. The text is made from this, last. */
export interface ErrorFacts {
  /** What would have been right, as a noun phrase: "a positive whole number". */
  readonly expected: string;
  /** Where: a document path ("jobs[2].adapter.rank"), a flag or a file. */
  readonly at?: string;
  /** The offending value; shortened in the text. */
  readonly got?: unknown;
  /** One line that helps to go on. */
  readonly hint?: string;
  /** The file that holds the value, and where in it (line and column from 1). */
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  /** Further lines below the sentence, such as a table or a schedule grid. */
  readonly detail?: string;
  /** Other faults of the same document, told behind this one, and how many more there are. */
  readonly further?: readonly ErrorFacts[];
  readonly untold?: number;
}

function shown(value: unknown): string {
  // JSON has neither NaN nor infinities.
  const text = typeof value === "number" ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}

/**
 * `Expected <what> at <path>, got <value>.`, or `Expected <what>, which is missing, at <path>.` where `got` is undefined,
 * with the file in front and detail and hint on lines of their own.
 */
export function formatFacts(facts: ErrorFacts): string {
  const place =
    facts.file === undefined ? "" : [facts.file, facts.line, facts.column].filter((x) => x !== undefined).join(":");
  const at = facts.at === undefined || facts.at === "" ? "" : ` at ${facts.at}`;
  const isMissing = "got" in facts && facts.got === undefined;
  // Some texts end in a comma, for what follows where something came.
  const comma = facts.expected.endsWith(",") ? "" : ",";
  const missing = isMissing ? `${comma} which is missing${at === "" ? "" : ","}` : "";
  const got = "got" in facts && !isMissing ? `, got ${shown(facts.got)}` : "";
  // One line, whatever a name or a path in it holds.
  const lines = [plainLine(`${place === "" ? "" : `${place}: `}Expected ${facts.expected}${missing}${at}${got}.`)];
  if (facts.detail !== undefined) lines.push("", facts.detail);
  if (facts.hint !== undefined) lines.push(`Hint: ${facts.hint}`);
  return [...lines, ...furtherLines(facts)].join("\n");
}

/** The other faults of the document, each as a sentence of its own. */
export function furtherLines({ further = [], untold = 0 }: ErrorFacts): readonly string[] {
  return [...further.map(formatFacts), ...(untold === 0 ? [] : [`and ${untold} more`])];
}

class LoratwinError extends Error {
  readonly facts: ErrorFacts;
  constructor(facts: ErrorFacts, options?: ErrorOptions) {
    super(formatFacts(facts), options);
    this.facts = facts;
    this.name = new.target.name;
  }
}

/** The user's document, data or flag is wrong. Exit code 2. */
export class InputError extends LoratwinError {}

/** No valid plan exists, or a plan breaks an invariant; the detail holds the schedule grid. Exit code 2. */
export class PlanError extends LoratwinError {}

/** The addon, a device or its memory failed. Exit code 3. */
export class DeviceError extends LoratwinError {}

/** Something that cannot be has happened: a fault of loratwin itself. */
export class InvariantError extends LoratwinError {}
