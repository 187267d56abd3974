import type { Options } from "yargs";

/** An option or a positional argument, as data. */
export interface Option {
  readonly type: "string" | "number" | "boolean";
  readonly describe: string;
  readonly alias?: string;
  readonly choices?: readonly string[];
  /** Of every use of the command. */
  readonly demandOption?: true;
  /** Of the use whose table this is, where other uses of the command do without. */
  readonly needed?: true;
  readonly array?: true;
  /** What is taken where it is not given. Yargs is not told, since its defaults hide whether an option was given. */
  readonly default?: string | number | boolean;
  /** Other words for its choices, and what to say to a word that is none. */
  readonly words?: Readonly<Record<string, string>>;
  readonly hint?: (given: string) => string | undefined;
  /** What it says where it is typed without a value, which others need. */
  readonly bare?: string;
  /** The option beside which alone it means something. */
  readonly beside?: string;
  /** Whether it names a file to write. */
  readonly writes?: true;
  /** Flags that it cannot be given with, as they are typed: `no-fuse`. */
  readonly notBeside?: readonly string[];
}

/** By name, as typed without the dashes. */
export type OptionTable = Readonly<Record<string, Option>>;

/** A file to write, as an option names it. */
export type WrittenFile = readonly [name: string, given: string];

/** The files that a command line asks to write. */
export function writtenFiles(options: OptionTable, args: Readonly<Record<string, unknown>>): readonly WrittenFile[] {
  return Object.entries(args).flatMap(([name, given]) =>
    options[name]?.writes === true && typeof given === "string" ? [[name, given] as const] : [],
  );
}

/** Of every command. */
export const GLOBAL_OPTIONS: OptionTable = {
  json: { type: "boolean", default: false, describe: "one JSON document on stdout" },
  quiet: { type: "boolean", default: false, describe: "no progress and no notes" },
  debug: { type: "boolean", default: false, describe: "with an error, where in the code it came from" },
};

/** An option as yargs takes it. */
export function yargsOption(table: Option): Options {
  const { beside: _beside, notBeside: _notBeside, needed: _needed, hint: _hint, writes: _writes, ...taken } = table;
  const { default: value, bare, words = {}, ...option } = taken;
  const isWord = (given: unknown): given is string => typeof given === "string" && Object.hasOwn(words, given);
  return {
    ...option,
    ...(value === undefined ? {} : { defaultDescription: `${value}` }),
    ...(bare === undefined && Object.keys(words).length === 0
      ? {}
      : { coerce: (given: unknown) => (given === "" ? (bare ?? given) : isWord(given) ? words[given] : given) }),
  };
}

/** The table's entries of these names. */
export function pick<T extends OptionTable, K extends keyof T & string>(table: T, ...names: readonly K[]): Pick<T, K> {
  return Object.fromEntries(names.map((name) => [name, table[name]])) as Pick<T, K>;
}
