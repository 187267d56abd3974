import yargs from "yargs";
import { DeviceError, InputError, PlanError } from "../core/index.ts";
import type { Arguments, Command } from "./command.ts";
import { COMMANDS } from "./commands/commands.ts";
import type { Io } from "./io.ts";
import { VERSION } from "./version.ts";

/** 0 done, 1 a check failed, 2 bad input, 3 environment. */
function exitCodeOf(error: unknown): number | undefined {
  if (error instanceof InputError || error instanceof PlanError) return 2;
  return error instanceof DeviceError ? 3 : undefined;
}

class UsageError extends Error {}

function parser(
  argv: readonly string[],
  choose: (command: Command, args: Arguments) => void,
  print: (text: string) => void,
) {
  let cli = yargs([...argv])
    .scriptName("loratwin")
    .usage("$0 <command>\n\nMany LoRA adapters trained at once over one base model, and simulated by the same plan.")
    .option("json", { type: "boolean", default: false, describe: "one JSON document on stdout" })
    .option("quiet", { type: "boolean", default: false, describe: "no progress and no hints" })
    .version(VERSION)
    .help()
    .wrap(100)
    .strict()
    .demandCommand(1, "Name a command.")
    .exitProcess(false)
    .showHelpOnFail(false)
    .fail((message, error) => {
      throw error ?? new UsageError(message);
    });
  for (const command of COMMANDS) {
    cli = cli.command(
      command.usage,
      command.describe,
      (builder) => {
        let built = command.options(builder);
        for (const [example, what] of command.examples) built = built.example(example, what);
        return built;
      },
      (args) => choose(command, args as Arguments),
    );
  }
  return cli.parseAsync([...argv], {}, (_error, _args, output) => {
    if (output !== "") print(output);
  });
}

/** Runs one command line and returns its exit code. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  let chosen: { readonly command: Command; readonly args: Arguments } | undefined;
  try {
    await parser(
      argv,
      (command, args) => {
        chosen = { command, args };
      },
      (text) => io.stdout(`${text}\n`),
    );
    return chosen === undefined ? 0 : await chosen.command.run(chosen.args, io);
  } catch (error) {
    if (error instanceof UsageError || (error instanceof Error && error.name === "YError")) {
      io.stderr(
        `${error.message}\nHint: loratwin ${argv.find((word) => !word.startsWith("-")) ?? ""} --help shows what there is.\n`.replace(
          "  ",
          " ",
        ),
      );
      return 2;
    }
    const code = exitCodeOf(error);
    if (code === undefined) throw error;
    io.stderr(`${(error as Error).message}\n`);
    return code;
  }
}
