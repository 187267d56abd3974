import { didYouMean, formatFacts } from "../core/index.ts";
import type { Command } from "./command.ts";
import { COMMAND_NAMES } from "./commands/commands.ts";
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
  const options = Object.entries({ ...allOptions(command), json: { type: "boolean" }, quiet: { type: "boolean" } });
  return options.flatMap(([name, { type }]) => [`--${name}`, ...(type === "boolean" ? [`--no-${name}`] : [])]);
}

function unknownText(command: Command, argv: readonly string[], names: readonly string[]): string {
  const name = names[0]!;
  const typed = argv.find((word) => word.replace(/=.*$/s, "").replace(/^--?(no-)?/, "") === name || word === name) ?? name;
  const flag = typed.replace(/=.*$/s, "");
  if (!flag.startsWith("-")) {
    const numTaken = Object.keys(command.positionals).length;
    const takes = numTaken === 0 ? "no argument" : numTaken === 1 ? "one argument" : `${numTaken} arguments`;
    return line(`${takes} of loratwin ${command.usage.split(" ")[0]}`, flag, [
      "Quotes keep words together: 'two words'.",
      helpHint(command.usage),
    ]);
  }
  return line(`an option of loratwin ${command.usage.split(" ")[0]}`, flag, [
    didYouMean(flag, flagsOf(command)),
    helpHint(command.usage),
  ]);
}

function choiceText(command: Command, [name = "", given = "", choices = ""]: readonly string[]): string {
  const known = choices.split(",").map((each) => each.trim().replaceAll('"', ""));
  const got = given.replaceAll('"', "");
  return formatFacts({
    expected: `one of ${known.join(", ")}`,
    at: name in command.positionals ? name : `--${name}`,
    got,
    hint: didYouMean(got, known) ?? helpHint(command.usage),
  });
}

function fewText(command: Command, got: string): string {
  const missing = Object.keys(command.positionals).slice(Number(got));
  return formatFacts({ expected: `<${missing[0] ?? "more arguments"}>`, got: undefined, hint: helpHint(command.usage) });
}

/** Why a command line is refused, and how to go on. */
export function usageText(error: Error, command: Command | undefined, argv: readonly string[]): string {
  const [, kind, ...parts] = error.message.split(PART);
  if (command !== undefined && kind === "unknown") return unknownText(command, argv, parts[0]!.split(", "));
  if (command !== undefined && kind === "choice") return choiceText(command, parts);
  if (command !== undefined && kind === "few") return fewText(command, parts[0]!);
  const hint = command === undefined ? "`loratwin --help` lists the commands." : helpHint(command.usage);
  return `${error.message.replaceAll(PART, " ").trim()}\nHint: ${hint}`;
}
