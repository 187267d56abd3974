import path from "node:path";
import { contentHash, InputError } from "../core/index.ts";
import { absolute, isFolder, packageFile } from "../files/index.ts";
import { RUN_FILES } from "../runs/index.ts";
import { type Container, ENDING_SECONDS, quoted, type RepeatedRun } from "../workbench/index.ts";
import { CHECKPOINT_OPTIONS, noticeSecondsOf } from "./checkpoint-options.ts";
import { type Arguments, flag, optionalText, requiredText, type Use } from "./command.ts";
import type { Io } from "./io.ts";
import { LAUNCH_OPTIONS } from "./launch-options.ts";
import type { OptionTable } from "./option-table.ts";
import { optionWords } from "./refuse-options.ts";

/** What is launched: a command of this program, as its words. */
export interface LaunchedCommand {
  readonly name: "train" | "serve" | "resume";
  readonly args: Arguments;
  /** That it takes; others are not given. */
  readonly options: OptionTable;
}

/** Options of a use but those of launching it. */
export function optionsOfRun({ options }: Use): OptionTable {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !(name in LAUNCH_OPTIONS)));
}

/** This program: as it is here, or as an image has it. */
export function programWords(container: Pick<Container, "image"> | undefined): readonly string[] {
  return container === undefined ? [process.execPath, packageFile("dist", "cli", "main.js")] : ["loratwin"];
}

/** Words of options that differ from their defaults, and of `global` ones that were given. */
function typedWords(args: Arguments, options: OptionTable, global: readonly string[]): readonly string[] {
  const words = Object.entries(options).flatMap(([name, option]) => {
    const value = args[name];
    return value === undefined || value === option.default ? [] : optionWords(name, value);
  });
  return [...words, ...global.filter((name) => flag(args, name)).map((name) => `--${name}`)];
}

/** The command's words, without the program's. */
export function commandWords({ name, args, options }: LaunchedCommand, global: readonly string[]): readonly string[] {
  const workload = optionalText(args, "workload");
  const given = [requiredText(args, "plan"), ...(workload === undefined ? [] : [workload])];
  return [name, ...given, ...typedWords(args, options, global)];
}

/** Letters of a folder's name in that of a job. */
const MOST_LETTERS = 30;

/** The name of a job for a run folder: the same for the same folder, and another one for any other. */
export function jobName(io: Io, folder: string): string {
  const own = absolute(io, folder);
  const name = path
    .basename(own)
    .replaceAll(/[^\w.-]/g, "-")
    .slice(0, MOST_LETTERS);
  return `loratwin-${name}-${contentHash(own).slice(-6)}`;
}

/** Options that end a run for good, which a job that comes again would begin anew each time. */
const LIMITS = ["max-hours", "max-cost"] as const;

/** What a run that comes again begins with, and goes on with. */
export interface RepeatedCommands {
  readonly folder: string;
  readonly begun: string;
  readonly endingSeconds: number;
  readonly begin: Arguments;
  readonly goOn: Arguments;
}

/**
 * The arguments of a run that comes again: what goes on is the folder that what begins has written, where the run has not
 * begun already. A cluster that ends it gives more time than a person waits.
 */
export function repeatedArguments(io: Io, given: Arguments, isFleet: boolean): RepeatedCommands {
  const limit = LIMITS.find((option) => given[option] !== undefined);
  if (limit !== undefined)
    throw new InputError({
      expected: `no --${limit} for a job that comes again`,
      got: given[limit],
      hint: "Each start would have the whole limit anew. Limit the job itself, as `sbatch --time` does.",
    });
  const name = "notice-seconds";
  const args = given[name] === CHECKPOINT_OPTIONS[name].default ? { ...given, [name]: ENDING_SECONDS } : given;
  const plan = requiredText(args, "plan");
  const isGoingOn = isFolder(io, plan);
  const folder = isGoingOn ? plan : requiredText(args, "output");
  const workload = isFleet && !isGoingOn ? { workload: plan } : {};
  return {
    ...{
      folder,
      endingSeconds: noticeSecondsOf(args),
      begin: args,
      goOn: isGoingOn ? args : { ...args, ...workload, plan: folder },
    },
    begun: path.join(folder, isFleet ? RUN_FILES.setting : RUN_FILES.plan),
  };
}

/** A run that a cluster repeats, by the words of its commands. */
export function repeatedRun(
  { folder, begun, endingSeconds }: Pick<RepeatedCommands, "folder" | "begun" | "endingSeconds">,
  words: { readonly begin: readonly string[]; readonly goOn: readonly string[]; readonly program: readonly string[] },
  { name, machines }: Pick<RepeatedRun, "name" | "machines">,
): RepeatedRun {
  return {
    ...{ name, machines, endingSeconds, begun: quoted([begun]), begin: quoted(words.begin), goOn: quoted(words.goOn) },
    check: quoted([...words.program, "check-run", folder]),
  };
}
