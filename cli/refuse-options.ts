import { InputError, shellQuoted } from "../core/index.ts";
import type { Arguments, Command, Use } from "./command.ts";
import type { OptionTable } from "./option-table.ts";

/** An option as it is typed, word by word: `--devices cpu:0`, `--no-fuse`. */
export function optionWords(name: string, value: unknown): readonly string[] {
  if (value === true) return [`--${name}`];
  if (value === false) return [`--no-${name}`];
  return (Array.isArray(value) ? value : [value]).flatMap((each) => [`--${name}`, `${each}`]);
}

function typed(name: string, value: unknown): string {
  return optionWords(name, value).map(shellQuoted).join(" ");
}

/** Whether a flag was typed: `no-fuse`, or the name of an option that was not switched off. */
function isTyped(args: Arguments, flag: string): boolean {
  if (flag.startsWith("no-")) return args[flag.slice(3)] === false;
  return args[flag] !== undefined && args[flag] !== false;
}

/** Every option of a command. */
export function allOptions({ uses }: Pick<Command, "uses">): OptionTable {
  return Object.assign({}, ...uses.map(({ options }) => options)) as OptionTable;
}

function listed(words: readonly string[], last: "and" | "or"): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(", ")} ${last} ${words.at(-1)}`;
}

/** Uses of one input, as a person calls them: "a workload with --schedule tp or ddp". */
function describe(uses: readonly Use[]): string {
  const kinds = uses.flatMap(({ kind }) => (kind === undefined ? [] : [kind]));
  const words = [...new Set(kinds.map(([what]) => what))].map((what) => {
    const which = kinds.flatMap((kind) => (kind[0] === what && kind[1] !== undefined ? [kind[1]] : []));
    return which.length === 0 ? what : `${what} ${listed(which, "or")}`;
  });
  return `${uses[0]!.input}${words.length === 0 ? "" : ` with ${listed(words, "or")}`}`;
}

/** What a command has to be given for an option; of an input all of whose uses take it, no kinds are named. */
function takersOf(uses: readonly Use[], name: string): string {
  const inputs = [...new Set(uses.map(({ input }) => input))].map((input) => uses.filter((use) => use.input === input));
  const words = inputs.flatMap((ofInput) => {
    const takers = ofInput.filter(({ options }) => name in options);
    if (takers.length === 0) return [];
    return [takers.length === ofInput.length ? takers[0]!.input : describe(takers)];
  });
  return listed(words, "or");
}

/**
 * Refuses every option that means nothing for what the command was given, beside what else was given, or without a
 * value: an option is used or refused, never ignored.
 * @throws InputError for the first ones.
 */
export function refuseOptions({ uses, positionals, usage }: Command, use: Use, args: Arguments): void {
  const options = allOptions({ uses });
  for (const [name, { notBeside = [] }] of Object.entries(options)) {
    const other = isTyped(args, name) ? notBeside.find((flag) => isTyped(args, flag)) : undefined;
    if (other !== undefined) throw new InputError({ expected: `either --${name} or --${other}`, got: "both" });
  }
  const misplaced = Object.keys(options).filter((name) => args[name] !== undefined && !(name in use.options));
  if (misplaced.length > 0) {
    const takers = takersOf(uses, misplaced[0]!);
    // What makes another use of the command line, such as --from beside --script.
    const other = uses.find(({ input }) => misplaced.some((name) => input === `--${name}`));
    if (other !== undefined && use.input.startsWith("--"))
      throw new InputError({
        expected: `either ${use.input} or ${other.input}`,
        got: "both",
        hint: [use, other].flatMap(({ instead }) => instead?.("", []) ?? []).join(" "),
      });
    const names = misplaced.filter((name) => takersOf(uses, name) === takers);
    const words = names.map((name) => typed(name, args[name]));
    throw new InputError({
      expected: `${takers} for ${listed(words, "and")}`,
      got: describe([use]),
      ...(use.instead === undefined ? {} : { hint: use.instead(words.join(" "), names) }),
    });
  }
  for (const [name, { type }] of Object.entries({ ...positionals, ...use.options }))
    if (type === "string" && args[name] === "")
      throw new InputError({ expected: "a text of at least 1 character", at: optionPath(positionals, name), got: "" });
  for (const [name, { beside, needed, describe: what }] of Object.entries(use.options)) {
    if (args[name] === undefined && needed === true)
      throw new InputError({
        expected: `a value for --${name}`,
        got: undefined,
        hint: `--${name}: ${what}. ${helpHint(usage)}`,
      });
    if (args[name] === undefined) continue;
    if (beside !== undefined && !isTyped(args, beside))
      throw new InputError({
        expected: `--${beside} beside ${typed(name, args[name])}`,
        hint: `Without --${beside} it means nothing.`,
      });
  }
}

/** How a command is used, and where more is said of it. */
export function helpHint(usage: string): string {
  return `loratwin ${usage}, see loratwin ${usage.split(" ")[0]} --help.`;
}

function optionPath(positionals: OptionTable, name: string): string {
  return name in positionals ? name : `--${name}`;
}
