import { didYouMean, formatFacts, InputError } from "../core/index.ts";
import type { Command } from "./command.ts";
import { allCommands, COMMAND_NAMES } from "./commands/commands.ts";
import { GLOBAL_OPTIONS, type Option } from "./option-table.ts";
import { allOptions, helpHint } from "./refuse-options.ts";

/** A command line that yargs does not take. */
export class UsageError extends Error {}

/** Between the parts of a message that is taken apart below; no command line can have it. */
const PART = "\u0000";

function plural(key: string, text: string): Readonly<Record<string, { readonly one: string; readonly other: string }>> {
  return { [key]: { one: text, other: text } };
}

/** Yargs' words for a command line that is wrong, as a sentence like that of every other error, or in parts for one. */
export const USAGE_TEXTS = {
  ...plural("Unknown argument: %s", `${PART}unknown${PART}%s`),
  ...plural("Missing required argument: %s", "Expected a value for --%s, which is missing."),
  ...plural("Missing argument value: %s", "Expected a value after --%s, got none."),
  ...plural("Not enough non-option arguments: got %s, need at least %s", `${PART}few${PART}%s${PART}%s`),
  "Not enough arguments following: %s": "Expected a value after --%s, got none.",
  "Invalid values:": "",
  "Argument: %s, Given: %s, Choices: %s": `${PART}choice${PART}%s${PART}%s${PART}%s${PART}`,
};

/** The name that a command line begins with, where that is no command's. */
export function unknownCommand(argv: readonly string[]): string | undefined {
  const name = argv.find((word) => !word.startsWith("-"));
  return name === undefined || name === "help" || COMMAND_NAMES.includes(name) ? undefined : name;
}

function line(expected: string, got: unknown, hints: readonly (string | undefined)[]): string {
  const hint = hints.filter((each) => each !== undefined).join(" ");
  return formatFacts({ expected, got, hint });
}

/** What to say to a command that is none. */
export function unknownCommandText(name: string): string {
  return line("a command", name, [didYouMean(name, COMMAND_NAMES), "`loratwin --help` lists all."]);
}

/** Flags as they are typed: `--devices`, `--no-fuse`. */
function flagsOf(command: Command): readonly string[] {
  const options = Object.entries({ ...GLOBAL_OPTIONS, ...allOptions(command) });
  return options.flatMap(([name, { type }]) => [`--${name}`, ...(type === "boolean" ? [`--no-${name}`] : [])]);
}

/** Commands that take an option which another does not know. */
async function takersOf(flag: string): Promise<string | undefined> {
  const takers = (await allCommands()).filter((command) => flagsOf(command).includes(flag));
  const names = takers.slice(0, 3).map(({ usage }) => `\`loratwin ${usage.split(" ")[0]}\``);
  if (names.length === 0) return undefined;
  return `It is one of ${names.join(", ")}${takers.length > 3 ? ` and ${takers.length - 3} more` : ""}.`;
}

async function unknownText(command: Command, argv: readonly string[], names: readonly string[]): Promise<string> {
  const name = names[0]!;
  const typed =
    argv.find((word) => word.replace(/=.*/s, "").replace(/^--?(no-)?/, "") === name || word === name) ?? name;
  const flag = typed.replace(/=.*/s, "");
  if (!flag.startsWith("-")) {
    const taken = Object.keys(command.positionals).map((name) => ` <${name}>`);
    return line(`no argument behind loratwin ${command.usage.split(" ")[0]}${taken.join("")}`, flag, [
      "Quotes keep words together: 'H100 SXM'.",
      helpHint(command.usage),
    ]);
  }
  return line(`an option of loratwin ${command.usage.split(" ")[0]}`, flag, [
    didYouMean(flag, flagsOf(command)) ?? (await takersOf(flag)),
    helpHint(command.usage),
  ]);
}

/** Options of a command as they are typed, by their letters too. */
function optionOf(command: Command, word: string): readonly [name: string, option: Option] | undefined {
  const flag = word.replace(/=.*/s, "").replace(/^--?/, "");
  return Object.entries({ ...GLOBAL_OPTIONS, ...allOptions(command) }).find(
    ([name, { alias }]) => name === flag || alias === flag,
  );
}

/**
 * What is wrong with an option that yargs would take as if it were not there, or for another value.
 * @throws InputError for the first one
 */
export function checkTyped(command: Command, argv: readonly string[]): void {
  for (const [i, word] of argv.entries()) {
    if (word === "--") return;
    if (!/^-{1,2}[a-z]/i.test(word)) continue;
    const off = /^--no-(.+)$/.exec(word)?.[1];
    const negated =
      off === undefined || optionOf(command, word) !== undefined ? undefined : optionOf(command, `--${off}`);
    if (negated !== undefined && negated[1].type !== "boolean")
      throw new InputError({
        expected: `an option of loratwin ${command.usage.split(" ")[0]}`,
        got: word,
        hint: `Leave --${negated[0]} out instead.`,
      });
    const [name, option] = optionOf(command, word) ?? [];
    const verb = word.replace(/=.*/s, "").replace(/^--/, "");
    if (name === undefined && COMMAND_NAMES.includes(verb))
      throw new InputError({
        expected: `an option of loratwin ${command.usage.split(" ")[0]}`,
        got: word,
        hint: `\`loratwin ${verb}\` is a command of its own, see loratwin ${verb} --help.`,
      });
    if (name === undefined || option === undefined) continue;
    const given = /^[^=]+=(.*)$/s.exec(word)?.[1];
    if (option.type === "boolean") {
      if (given !== undefined && given !== "true" && given !== "false")
        throw new InputError({
          expected: "true or false",
          at: `--${name}`,
          got: given,
          hint: `--${name} alone is true, --no-${name} is false.`,
        });
      continue;
    }
    const next = argv[i + 1];
    const isBare = given === "" || (given === undefined && (next === undefined || /^-[^\d.]/.test(next)));
    if (isBare && option.bare === undefined)
      throw new InputError({
        expected: `a value after --${name}`,
        got: "none",
        hint: `--${name}: ${option.describe}.`,
      });
  }
}

function choiceText(command: Command, [name = "", given = "", choices = ""]: readonly string[]): string {
  const known = choices.split(",").map((each) => each.trim().replaceAll('"', ""));
  const got = given.replaceAll('"', "");
  const { hint } = allOptions(command)[name] ?? {};
  return formatFacts({
    expected: `one of ${known.join(", ")}`,
    at: name in command.positionals ? name : `--${name}`,
    got,
    hint: hint?.(got) ?? didYouMean(got, known) ?? helpHint(command.usage),
  });
}

function fewText(command: Command, got: string): string {
  const missing = Object.keys(command.positionals).slice(Number(got));
  return formatFacts({
    expected: `<${missing[0] ?? "more arguments"}>`,
    got: undefined,
    hint: helpHint(command.usage),
  });
}

/** Why a command line is refused, and how to go on. */
export async function usageText(error: Error, command: Command | undefined, argv: readonly string[]): Promise<string> {
  const [, kind, ...parts] = error.message.split(PART);
  if (command !== undefined && kind === "unknown") return await unknownText(command, argv, parts[0]!.split(", "));
  if (command !== undefined && kind === "choice") return choiceText(command, parts);
  if (command !== undefined && kind === "few") return fewText(command, parts[0]!);
  const hint = command === undefined ? "`loratwin --help` lists the commands." : helpHint(command.usage);
  return `${error.message.replaceAll(PART, " ").trim()}\nHint: ${hint}`;
}
