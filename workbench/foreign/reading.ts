import { InputError, type Mapping } from "../../core/index.ts";
import { type DocumentPath, formatPath, type ReadText } from "../../plan/index.ts";
import type { KeyRule, KeyTable, Setting } from "./key-rules.ts";

/** What became of a key. */
export type Outcome = "taken" | "otherwise" | "idle" | "lacks";

/** A key of the foreign file, and what became of it. */
export interface Finding {
  /** As a path: `datasets[0].type`. */
  readonly key: string;
  readonly outcome: Outcome;
  /** How it was taken over, or why it was not; empty for one that is taken as it is. */
  readonly text: string;
}

/** Whether a value asks for nothing. */
function asksNothing(value: unknown): boolean {
  if (value === null || value === undefined || value === false || value === 0 || value === "") return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

function isOneOf(value: unknown, values: readonly unknown[]): boolean {
  return values.some((one) => JSON.stringify(one) === JSON.stringify(value));
}

/** Of a list, all of its elements may be usual too. */
function isUsual(value: unknown, usual: readonly unknown[]): boolean {
  return isOneOf(value, usual) || (Array.isArray(value) && value.every((one) => isOneOf(one, usual)));
}

function ruleOf(table: KeyTable, key: string): KeyRule | undefined {
  if (Object.hasOwn(table, key) && !key.endsWith("*")) return table[key];
  const patterns = Object.keys(table).filter((one) => one.endsWith("*") && key.startsWith(one.slice(0, -1)));
  const longest = patterns.toSorted((a, b) => b.length - a.length)[0];
  return longest === undefined ? undefined : table[longest];
}

/** What was found of all keys of a file. */
export class Findings {
  readonly #found = new Map<string, Finding>();

  add(key: string, outcome: Outcome, text = ""): void {
    this.#found.set(key, { key, outcome, text });
  }

  get all(): readonly Finding[] {
    return [...this.#found.values()];
  }
}

/** A value, and the key that gave it. */
export interface Given {
  readonly key: string;
  readonly value: unknown;
}

/** A mapping of a foreign file, the rules of its keys, and where it stands. */
export interface Part {
  readonly mapping: Mapping;
  readonly table: KeyTable;
  readonly at: DocumentPath;
}

/** Mappings of a foreign file that say one thing together. Each key is found once, whatever becomes of it. */
export class Reading {
  readonly #given = new Map<Setting, Given>();
  readonly #keys = new Map<Setting, readonly string[]>();
  readonly #findings: Findings;
  readonly #source: ReadText;
  readonly #paths = new Map<string, DocumentPath>();

  constructor(parts: readonly Part[], findings: Findings, source: ReadText) {
    this.#findings = findings;
    this.#source = source;
    for (const { mapping, table, at } of parts)
      for (const [name, value] of Object.entries(mapping)) {
        const key = formatPath([...at, name]);
        this.#paths.set(key, [...at, name]);
        this.#read(key, value, ruleOf(table, name));
      }
  }

  #read(key: string, value: unknown, rule: KeyRule | undefined): void {
    const asksForIt = !asksNothing(value);
    if (rule === undefined) {
      if (asksForIt) this.#findings.add(key, "lacks", "a key that is not known");
    } else if ("as" in rule) {
      if (value === null || value === undefined || value === "") return;
      this.#findings.add(key, "taken");
      this.#keys.set(rule.as, [...(this.#keys.get(rule.as) ?? []), key]);
      // Of two keys for one setting the first counts, unless it says no.
      const before = this.#given.get(rule.as);
      if (before === undefined || before.value === false) this.#given.set(rule.as, { key, value });
    } else if ("idle" in rule) {
      if (asksForIt) this.#findings.add(key, "idle", rule.idle);
    } else {
      const isAsked = rule.asks === undefined ? asksForIt : isOneOf(value, rule.asks);
      if ((isAsked && !isUsual(value, rule.usual ?? [])) || isOneOf(value, rule.even ?? []))
        this.#findings.add(key, "lacks", rule.lacks);
      else if (asksForIt) this.#findings.add(key, "taken");
    }
  }

  given(setting: Setting): Given | undefined {
    return this.#given.get(setting);
  }

  /** The error of a value that its own tool would not take either. */
  wrong(key: string, expected: string, got: unknown): InputError {
    return new InputError({
      ...{ expected, at: key, got, file: this.#source.file },
      ...this.#source.locate(this.#paths.get(key) ?? []),
    });
  }

  /**
   * @throws InputError for what is no number. Texts of numbers are numbers: PyYAML reads 1e-4 as a text, and 500_000 as
   * a number.
   */
  number(setting: Setting): { readonly key: string; readonly value: number } | undefined {
    const given = this.given(setting);
    if (given === undefined) return undefined;
    const { key, value } = given;
    const number =
      typeof value === "string" && value.trim() !== "" ? Number(value.replace(/(?<=\d)_(?=\d)/g, "")) : value;
    if (typeof number !== "number" || !Number.isFinite(number)) throw this.wrong(key, "a number", value);
    return { key, value: number };
  }

  count(setting: Setting, least = 1): { readonly key: string; readonly value: number } | undefined {
    const given = this.number(setting);
    if (given !== undefined && (!Number.isSafeInteger(given.value) || given.value < least))
      throw this.wrong(given.key, `a whole number of at least ${least}`, given.value);
    return given;
  }

  text(setting: Setting): { readonly key: string; readonly value: string } | undefined {
    const given = this.given(setting);
    if (given === undefined) return undefined;
    if (typeof given.value !== "string") throw this.wrong(given.key, "a text", given.value);
    return { key: given.key, value: given.value };
  }

  /** Whether a switch is on: yes, or a word such as `auto`. */
  isOn(setting: Setting): boolean {
    const { value } = this.given(setting) ?? {};
    return value === true || (typeof value === "string" && !/^(?:false|no|off|none)$/i.test(value));
  }

  otherwise(setting: Setting, text: string): void {
    this.#reclassify(setting, "otherwise", text);
  }

  lacks(setting: Setting, text: string): void {
    this.#reclassify(setting, "lacks", text);
  }

  idle(setting: Setting, text: string): void {
    this.#reclassify(setting, "idle", text);
  }

  /** What the tool does without being told, and is not done here. */
  unsaid(key: string, outcome: Outcome, text: string): void {
    this.#findings.add(`${key} (not given)`, outcome, text);
  }

  #reclassify(setting: Setting, outcome: Outcome, text: string): void {
    for (const key of this.#keys.get(setting) ?? []) this.#findings.add(key, outcome, text);
  }
}
