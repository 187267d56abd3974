import { InputError } from "../core/index.ts";
import type { Io } from "./io.ts";
import type { OptionTable } from "./option-table.ts";

/** Parsed arguments; use the functions below to read them. */
export type Arguments = Readonly<Record<string, unknown>>;

/** One thing that a command can be given, and what can be said of it. */
export interface Use {
  /** In errors: "a workload". */
  readonly input: string;
  /** What tells it from other uses of the same input, in errors: "--schedule fsdp", in two parts. */
  readonly kind?: readonly [what: string, which?: string];
  /** The options that mean something there; all others are refused. */
  readonly options: OptionTable;
  /** Why other options mean nothing there, and what to do instead. `typed` is these options as they were given. */
  readonly instead?: (typed: string, names: readonly string[]) => string;
}

export interface Command {
  /** Name and positional arguments, as yargs has them. */
  readonly usage: string;
  readonly describe: string;
  /** Shown by --help. */
  readonly examples: readonly (readonly [command: string, what: string])[];
  readonly positionals: OptionTable;
  /** All that it can be given. Its options are those of its uses. */
  readonly uses: readonly [Use, ...Use[]];
  /** Which of several uses a command line is. @throws InputError when it is none */
  readonly useOf?: (args: Arguments, io: Io) => Use;
  /** Whether a launcher may start it on several machines as one run: rank 0 carries it out, the others serve it. */
  readonly runsOnRanks?: boolean;
  /** `args` has the defaults of the use's options. Returns the exit code. */
  readonly run: (args: Arguments, io: Io, use: Use) => Promise<number> | number;
}

/** The arguments, with the table's defaults for what was not given. */
export function withDefaults(table: OptionTable, args: Arguments): Arguments {
  const defaults = Object.entries(table).flatMap(([name, option]) =>
    option.default === undefined || args[name] !== undefined ? [] : [[name, option.default] as const],
  );
  return { ...args, ...Object.fromEntries(defaults) };
}

/** @throws InputError when the option is given twice. */
export function optionalText(args: Arguments, name: string): string | undefined {
  const value = args[name];
  if (value === undefined || typeof value === "string") return value === "" ? undefined : (value as string | undefined);
  throw new InputError({ expected: "one value", at: `--${name}`, got: value });
}

export function requiredText(args: Arguments, name: string): string {
  const value = optionalText(args, name);
  if (value === undefined) throw new InputError({ expected: "a value", at: name });
  return value;
}

function countOf(least: number): string {
  return `a whole number of at least ${least}`;
}

/** `least` is for the message: the whole number that was asked for. @throws InputError for anything but a number. */
export function optionalNumber(args: Arguments, name: string, least?: number): number | undefined {
  const value = args[name];
  if (value === undefined) return undefined;
  if (typeof value !== "number" || !Number.isFinite(value))
    throw new InputError({
      expected: least === undefined ? "a number" : countOf(least),
      at: `--${name}`,
      got: Number.isNaN(value) ? "not a number" : value,
    });
  return value;
}

/** @throws InputError unless it is a whole number of at least `least`. */
export function optionalCount(args: Arguments, name: string, least = 1): number | undefined {
  const value = optionalNumber(args, name, least);
  if (value !== undefined && (!Number.isSafeInteger(value) || value < least)) {
    throw new InputError({ expected: countOf(least), at: `--${name}`, got: value });
  }
  return value;
}

/** @throws InputError unless it is above 0. */
export function optionalPositive(args: Arguments, name: string): number | undefined {
  const value = optionalNumber(args, name);
  if (value !== undefined && value <= 0)
    throw new InputError({ expected: "a number above 0", at: `--${name}`, got: value });
  return value;
}

/** @throws InputError below 0. */
export function optionalSize(args: Arguments, name: string): number | undefined {
  const value = optionalNumber(args, name);
  if (value !== undefined && value < 0)
    throw new InputError({ expected: "a number of at least 0", at: `--${name}`, got: value });
  return value;
}

export function flag(args: Arguments, name: string): boolean {
  return args[name] === true;
}
