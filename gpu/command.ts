import path from "node:path";
import { parseArgs } from "node:util";
import type { Io } from "../cli/io.ts";
import { findMachine } from "./machine.ts";
import { WORK } from "./places.ts";
import { runStages } from "./run-stages.ts";
import { limitOf, type Stage } from "./stage.ts";
import { STAGES, type StageName } from "./stages/stages.ts";
import type { Mode } from "./summary.ts";

/** Nine minutes less what starting, stopping and writing take. */
const ALLOWED_SECONDS = 525;

function stageList(mode: Mode, names: readonly StageName[]): string {
  const width = Math.max(...names.map((name) => name.length));
  const line = (name: StageName): string => {
    const stage: Stage = STAGES[name];
    const own = stage.ownCall ? `; a call of its own: --only ${name}` : "";
    return `  ${name.padEnd(width)}  at most ${String(limitOf(stage, mode)).padStart(3)} s  ${stage.describe}${own}\n`;
  };
  return names.map(line).join("");
}

const HELP = `npm run gpu -- [--dry] [--emulated] [--only STAGE,...] [--seconds N] [-o DIR]

Builds for this machine's GPU, checks every kernel and the executor on it, measures, and compares with
PyTorch and with the simulator. DIR/summary.json holds what was found at every moment, DIR/stages.tar.gz
the logs and what else the stages left (default DIR: run/gpu). What the summary says: docs/internals/kernels.md.

${stageList("gpu", Object.keys(STAGES) as StageName[])}
  --dry          lists the stages and ends
  --emulated     the stages that make sense without a GPU, on the emulation
  --only LIST    these stages; what others build has to be there. The results are summary-LIST.json and
                 stages-LIST.tar.gz, so that those of a whole run stay
  --seconds N    for all stages together (default: ${ALLOWED_SECONDS})

LORATWIN_PYTHON is the Python whose PyTorch is the baseline (default: python3). LORATWIN_SHARED holds the
reference case. Exit status: 0 all stages passed or had nothing to do, 1 one failed, 2 bad input, 3 no GPU,
130 and 143 for Ctrl-C and SIGTERM, with the results so far.
`;

const LEFT_FOR_LATER = `Stages that need a call of their own are left: ${(Object.keys(STAGES) as StageName[])
  .filter((name) => (STAGES[name] as Stage).ownCall)
  .map((name) => `--only ${name}`)
  .join(", ")}.\n`;

class BadInput extends Error {}

/** Those of `--only`, or all but what needs a call of its own; where they are only listed, that too. */
export function chosenStages(only: string | undefined, mode: Mode, listed: boolean): readonly StageName[] {
  const isOwnCall = (name: StageName): boolean => (STAGES[name] as Stage).ownCall === true;
  const all = (Object.keys(STAGES) as StageName[]).filter((name) => limitOf(STAGES[name], mode) !== undefined);
  if (only === undefined) return all.filter((name) => listed || !isOwnCall(name));
  const wanted = only.split(",");
  const unknown = wanted.filter((name) => !all.some((known) => known === name));
  if (unknown.length > 0) throw new BadInput(`Expected stages of this list at --only, got ${unknown.join(", ")}.`);
  return all.filter((name) => wanted.includes(name));
}

function readArguments(argv: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        dry: { type: "boolean", default: false },
        emulated: { type: "boolean", default: false },
        only: { type: "string" },
        seconds: { type: "string", default: String(ALLOWED_SECONDS) },
        output: { type: "string", short: "o", default: "run/gpu" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    const seconds = Number(values.seconds);
    if (!(seconds > 0)) throw new BadInput(`Expected a number of seconds at --seconds, got ${values.seconds}.`);
    const mode: Mode = values.emulated ? "emulated" : "gpu";
    return { ...values, seconds, mode, stages: chosenStages(values.only, mode, values.dry) };
  } catch (error) {
    if (error instanceof BadInput || error instanceof TypeError) return error.message;
    throw error;
  }
}

/** Runs the command line and returns its exit status. */
export async function runGpuCommand(argv: readonly string[], io: Io): Promise<number> {
  const args = readArguments(argv);
  if (typeof args === "string") {
    io.stderr(`${args}\n\n${HELP}`);
    return 2;
  }
  if (args.help || args.dry) {
    io.stdout(args.help ? HELP : stageList(args.mode, args.stages));
    return 0;
  }
  const machine = findMachine();
  if (machine.gpu === undefined && !args.emulated) {
    io.stderr(
      "Expected an NVIDIA GPU that nvidia-smi lists, found none.\n" +
        "Hint: --dry lists what would run, --emulated runs the kernels' own checks without a GPU.\n",
    );
    return 3;
  }
  const suffix = args.only === undefined ? "" : `-${args.stages.join("-")}`;
  const summary = await runStages({
    mode: args.mode,
    machine,
    stages: args.stages.map((name): readonly [string, Stage] => [name, STAGES[name]]),
    folder: path.resolve(io.cwd, args.output),
    suffix,
    work: WORK,
    allowedSeconds: args.seconds,
    // Where the results go is not part of what was measured, and may name a folder of this machine.
    command: ["npm run gpu --", ...argv.filter((word, i) => word !== "-o" && argv[i - 1] !== "-o")].join(" "),
    note: (text) => io.stderr(`${text}\n`),
  });
  const states = summary.stages.map(({ name, state }) => `${name} ${state}`).join(", ");
  io.stdout(`${path.join(args.output, `summary${suffix}.json`)}: ${states}\n`);
  if (args.only === undefined && args.mode === "gpu") io.stderr(LEFT_FOR_LATER);
  return summary.stages.every(({ state }) => state === "passed" || state === "missing") ? 0 : 1;
}
