import { existsSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { InputError } from "../core/index.ts";
import type { Scale } from "./suite.ts";
import { SUITES } from "./suites/suites.ts";

export type SuiteName = keyof typeof SUITES;

const USAGE =
  "npm run bench -- [suite...] [PATH] [--full | --quick] [--minutes N] [--only TEXT] [--fresh] [--out DIR] [--baseline DIR]";

const width = Math.max(...Object.keys(SUITES).map((name) => name.length));

/** A line for each suite. */
export const SUITE_LIST: string = Object.entries(SUITES)
  .map(([name, { describe }]) => `  ${name.padEnd(width)}  ${describe}`)
  .join("\n");

export const HELP = `${USAGE}

Measures this machine and loratwin on it, case by case. Each case is written to DIR/SUITE.jsonl when
it ends, and tables of all cases are printed. Without a suite all of them run, one after another.

${SUITE_LIST}

  PATH         external: a file or folder of published measurements (default: ../shared/ground-truth);
               fleet: Philly's table of jobs (default: random jobs that are spread as these are)
  --full       every case, with more repetitions and larger sizes, however long it takes
  --quick      small models and few repetitions: whether it works, not how fast it is
  --minutes N  how long a suite may take (default: 10; no limit with --full). A case that would end
               later does not begin, and is named at the end
  --baseline DIR
               start: another built checkout of loratwin, whose commands take turns with this one's
  --only TEXT  only the cases whose name has this text, such as "all seven" or "deep, bfloat16"
  --fresh      measures all cases again. Without it, cases that were measured earlier today are kept
               where sources, programs and machine are the same, so an interrupted suite goes on
  --out DIR    where the results go (default: bench/results/local, which git ignores)

Ctrl-C ends a run after the case that runs; a second one ends it at once, and only that case is lost.
LORATWIN_PYTHON is the Python whose PyTorch and PEFT are the baseline (default: that of npm run peers
where it is there, else /usr/bin/python3). What each number means: docs/reference/results.md, and
docs/internals/method.md.`;

const DEFAULT_MINUTES = 10;

/** What the words of a command ask for. */
export interface Request {
  readonly names: readonly SuiteName[];
  readonly scale: Scale;
  readonly budgetSeconds: number;
  readonly fresh: boolean;
  readonly place?: string;
  /** Another build, as an absolute path. */
  readonly baseline?: string;
  readonly only?: string;
  /** Where the results go; the usual folder when absent. */
  readonly folder?: string;
  /** The command for a results file, without the folders of this machine. */
  readonly command: string;
}

function isSuite(name: string): name is SuiteName {
  return name in SUITES;
}

function budgetOf(minutes: string | undefined, scale: Scale): number {
  if (minutes === undefined) return scale === "full" ? Number.POSITIVE_INFINITY : 60 * DEFAULT_MINUTES;
  const value = Number(minutes);
  if (minutes.trim() !== "" && value > 0) return 60 * value;
  throw new InputError({ expected: "a number of minutes above 0", at: "--minutes", got: minutes });
}

/** Options whose value is a folder of this machine. */
const FOLDER_OPTIONS = ["--out", "--baseline"];

function isFolderOption(word: string | undefined): boolean {
  return word !== undefined && FOLDER_OPTIONS.includes(word);
}

function namesFolder(word: string): boolean {
  return isFolderOption(word.split("=")[0]);
}

/** @throws InputError, or node's TypeError for an option that there is not. */
export function parseCommand(argv: readonly string[]): Request | "help" {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      full: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      minutes: { type: "string" },
      only: { type: "string" },
      fresh: { type: "boolean", default: false },
      out: { type: "string" },
      baseline: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const { full, quick, minutes, only, fresh, out, baseline } = values;
  if (values.help) return "help";
  if (full && quick) throw new InputError({ expected: "one of --full and --quick", got: "both" });
  const place = positionals.some((name) => name === "external" || name === "fleet")
    ? positionals.find((name) => !isSuite(name) && existsSync(name))
    : undefined;
  const unknown = positionals.filter((name) => !isSuite(name) && name !== place);
  if (unknown.length > 0)
    throw new InputError({ expected: "suites of this list", got: unknown.join(", "), detail: SUITE_LIST });
  const scale = full ? "full" : quick ? "quick" : "default";
  const words = argv.filter((word, i) => !namesFolder(word) && !isFolderOption(argv[i - 1]) && word !== place);
  return {
    names: positionals.length > 0 ? positionals.filter(isSuite) : (Object.keys(SUITES) as SuiteName[]),
    scale,
    budgetSeconds: budgetOf(minutes, scale),
    fresh,
    ...(place === undefined ? {} : { place }),
    ...(only === undefined ? {} : { only }),
    ...(out === undefined ? {} : { folder: out }),
    ...(baseline === undefined ? {} : { baseline: path.resolve(baseline) }),
    command: ["npm run bench --", ...words].join(" "),
  };
}
