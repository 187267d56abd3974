import { EventEmitter } from "node:events";
import yargs, { type PositionalOptions } from "yargs";
import type { World } from "../exec/index.ts";
import { VERSION } from "../files/index.ts";
import { type Arguments, type Command, withDefaults } from "./command.ts";
import { commandsOf } from "./commands/commands.ts";
import { type Io, plainIo } from "./io.ts";
import { endingOf } from "./last-resort.ts";
import { GLOBAL_OPTIONS, type OptionTable, writtenFiles, yargsOption } from "./option-table.ts";
import { warn } from "./output.ts";
import { allOptions, refuseOptions } from "./refuse-options.ts";
import { checkTyped, USAGE_TEXTS, UsageError, unknownCommand, unknownCommandText, usageText } from "./usage-error.ts";

function yargsOptions(table: OptionTable) {
  return Object.fromEntries(Object.entries(table).map(([name, option]) => [name, yargsOption(option)]));
}

/** What a command line chooses; thrown, since yargs writes the command's help page behind a handler that returns. */
class Chosen {
  readonly command: Command;
  readonly args: Arguments;

  constructor(command: Command, args: Arguments) {
    this.command = command;
    this.args = args;
  }
}

/** The command that a command line chooses, and its arguments; undefined where help or the version were printed. */
async function parsed(
  argv: readonly string[],
  commands: readonly Command[],
  print: (text: string) => void,
): Promise<Chosen | undefined> {
  let cli = yargs([...argv])
    .scriptName("loratwin")
    .detectLocale(false)
    .updateStrings(USAGE_TEXTS)
    .usage("$0 <command>\n\nMany LoRA adapters trained at once over one base model, and simulated by the same plan.")
    .options(yargsOptions(GLOBAL_OPTIONS))
    .version(VERSION)
    .help()
    .alias("help", "h")
    .wrap(Math.min(100, process.stdout.columns ?? 100))
    .strict()
    .demandCommand(1, "Expected a command, got none.")
    .exitProcess(false)
    .showHelpOnFail(false)
    .fail((message, error) => {
      throw error ?? new UsageError(message);
    });
  for (const command of commands) {
    cli = cli.command(
      command.usage,
      command.describe,
      (builder) => {
        let built = builder.options(yargsOptions(allOptions(command)));
        for (const [name, positional] of Object.entries(command.positionals))
          built = built.positional(name, yargsOption(positional) as PositionalOptions);
        for (const [example, what] of command.examples) built = built.example(example, what);
        return built;
      },
      (args) => {
        throw new Chosen(command, args as Arguments);
      },
    );
  }
  try {
    await cli.parseAsync([...argv], {}, (_error, _args, output) => {
      if (output !== "") print(output);
    });
    return undefined;
  } catch (error) {
    if (error instanceof Chosen) return error;
    throw error;
  }
}

/** The rank of a launched machine that this process is, for a command that runs on them. */
async function joinedWorld({ runsOnRanks }: Command, io: Io): Promise<World | undefined> {
  if (runsOnRanks !== true) return undefined;
  const { joinRanks } = await import("../workbench/index.ts");
  return joinRanks(process.env, (text) => warn(io, text));
}

/** Runs one command line and returns its exit code: 0 done, 1 a check failed, else as `endingOf` has it. */
export async function run(argv: readonly string[], given: Io): Promise<number> {
  const io = plainIo(given);
  let world: World | undefined;
  let commands: readonly Command[] = [];
  try {
    const unknown = unknownCommand(argv);
    if (unknown !== undefined) {
      io.stderr(`${unknownCommandText(unknown)}\n`);
      return 2;
    }
    commands = await commandsOf(argv);
    if (commands.length === 1) checkTyped(commands[0]!, argv);
    const chosen = await parsed(argv, commands, (text) => io.stdout(`${text}\n`));
    if (chosen === undefined) return 0;
    const { command, args } = chosen;
    world = await joinedWorld(command, io);
    if (world !== undefined && world.rank > 0) {
      const { workOnRank } = await import("../workbench/index.ts");
      await workOnRank(world, io.signals ?? new EventEmitter());
      return 0;
    }
    const own = world === undefined ? io : { ...io, world };
    const use = command.useOf === undefined ? command.uses[0] : command.useOf(args, own);
    refuseOptions(command, use, args);
    const written = writtenFiles(use.options, args);
    if (written.length > 0) (await import("./refuse-lost-files.ts")).refuseLostFiles(own, written, args);
    const code = await command.run(withDefaults(use.options, args), own, use);
    if (world !== undefined) await (await import("../exec/index.ts")).endRanks(world);
    return code;
  } catch (error) {
    if (error instanceof UsageError || (error instanceof Error && error.name === "YError")) {
      const name = argv.find((word) => !word.startsWith("-"));
      const command = commands.find(({ usage }) => usage.split(" ")[0] === name);
      io.stderr(`${await usageText(error, command, argv)}\n`);
      return 2;
    }
    const { code, text } = endingOf(error, argv.includes("--debug"));
    io.stderr(world === undefined || world.rank === 0 ? text : `rank ${world.rank}: ${text}`);
    // A rank that fails does not wait for the others: the launcher ends them.
    if (world !== undefined) io.exit?.(code);
    return code;
  }
}
