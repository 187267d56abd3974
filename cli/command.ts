import type { Argv } from "yargs";
import { InputError } from "../core/index.ts";
import type { Io } from "./io.ts";

/** Parsed arguments; use the functions below to read them. */
export type Arguments = Readonly<Record<string, unknown>>;

export interface Command {
  /** Name and positional arguments, as yargs has them. */
  readonly usage: string;
  readonly describe: string;
  /** Shown by --help. */
  readonly examples: readonly (readonly [command: string, what: string])[];
  readonly options: (yargs: Argv) => Argv;
  /** Returns the exit code. */
  readonly run: (args: Arguments, io: Io) => Promise<number> | number;
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

export function flag(args: Arguments, name: string): boolean {
  return args[name] === true;
}
