import { randomInt } from "node:crypto";
import { mkdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import type { Io } from "../cli/io.ts";
import { counted, DeviceError, InputError } from "../core/index.ts";
import { temporaryFolder } from "../files/index.ts";
import { judgeAnswers } from "./answers.ts";
import { type DrawnCase, drawCases, hasSharedRows, writeCase } from "./draw-case.ts";
import { judgeExports } from "./exports.ts";
import { judgeByLlama, LLAMA_CPP } from "./llama-cpp.ts";
import { runLoratwin, runScript } from "./programs.ts";
import { preparePython } from "./python-environment.ts";
import { differenceLines, isSame, type RowPair, rowTotals } from "./rows/compare-rows.ts";
import { NUM_ROWS } from "./rows/draw-rows.ts";
import { judgeRows, LIBRARIES, type Library } from "./rows/judge-rows.ts";
import { agrees, disagreements, type Verdict, verdictTable } from "./verdicts.ts";

const MOST_SEED = 2 ** 32 - 1;
const MOST_CASES = 1000;

const HELP = `npm run peers -- [--seed N] [--cases N] [--only TEXT] [--keep DIR] [--list]

Trains random tiny models with loratwin, and asks transformers and PEFT what they make of it: losses,
gradients, trained adapters, and the adapters as PEFT loads them; greedy answers; adapters merged and packed
by export. Of losses that compare answers it asks TRL, too.
Has llama.cpp decode exported adapters. Makes ${NUM_ROWS} rows of training data, and asks TRL and Axolotl which tokens they make of them, and which of
these they train. See docs/internals/peers.md.

  --seed N      the models, rows and adapters that are drawn (default: others each time; it is printed)
  --cases N     so many models of each family and loss in float32, and as many in bfloat16 (default: 1)
  --only TEXT   only the cases whose name has this text, such as "qwen2", "bfloat16" or "rows"; several
                times: whose name has all these texts
  --keep DIR    keeps what was drawn and trained in that folder
  --list        lists the cases and ends

The libraries are installed once, into $LORATWIN_PEERS (default: the user's folder of caches), by the Python
that LORATWIN_PEERS_PYTHON names (default: python3.11, else another). Exit status: 0 all agree, 1 some
differ, 2 bad input, 3 the machine lacks something.
`;

const rowsName = (library: Library): string => `rows of ${LIBRARIES[library]}`;

interface Request {
  readonly seed: number;
  readonly cases: readonly DrawnCase[];
  /** Whose reading of rows is compared. */
  readonly libraries: readonly Library[];
  /** Whether llama.cpp decodes what is exported. */
  readonly hasLlama: boolean;
  readonly keep: string | undefined;
  readonly instead: "help" | "list" | undefined;
}

/** @throws InputError */
function wholeNumber(at: string, text: string, low: number, high: number): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isInteger(value) && value >= low && value <= high) return value;
  throw new InputError({ expected: `a whole number of ${low} to ${high}`, at, got: text });
}

/** @throws InputError, or node's TypeError for an option that there is not */
function parseCommand(argv: readonly string[]): Request {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      seed: { type: "string" },
      cases: { type: "string", default: "1" },
      only: { type: "string", multiple: true, default: [] },
      keep: { type: "string" },
      list: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const seed = values.seed === undefined ? randomInt(10_000) : wholeNumber("--seed", values.seed, 0, MOST_SEED);
  const all = drawCases(seed, wholeNumber("--cases", values.cases, 1, MOST_CASES));
  const isChosen = (name: string): boolean => values.only.every((text) => name.includes(text));
  const cases = all.filter(({ name }) => isChosen(name));
  const ofRows = Object.keys(LIBRARIES) as Library[];
  const libraries = ofRows.filter((library) => isChosen(rowsName(library)));
  const hasLlama = isChosen(LLAMA_CPP);
  if (cases.length + libraries.length === 0 && !hasLlama)
    throw new InputError({
      expected: "a part of a case's name",
      at: "--only",
      got: values.only.join(" "),
      detail: [...all.map(({ name }) => name), ...ofRows.map(rowsName), LLAMA_CPP]
        .map((name) => `  ${name}`)
        .join("\n"),
    });
  const instead = values.help ? "help" : values.list ? "list" : undefined;
  return { seed, cases, libraries, hasLlama, keep: values.keep, instead };
}

/**
 * Trains all jobs of a case in one group, through two stages where there are two cores and no rows that embedding and
 * head share.
 * @returns what went wrong, where it did
 * @throws DeviceError where the machine lacks something
 */
async function trainCase(drawn: DrawnCase, folder: string): Promise<Verdict | undefined> {
  const workload = writeCase(drawn, folder);
  const isDivided = availableParallelism() > 1 && !hasSharedRows(drawn);
  const devices = isDivided ? "cpu:0,cpu:1" : "cpu:0";
  const words = ["train", workload, "--devices", devices, "--pipelines", "1", "--groups", "1", "--quiet"];
  // The checkpoint of the first step tells its gradient.
  const told = ["-o", path.join(folder, "run"), "--checkpoint-steps", "1", "--keep-checkpoints", "1000"];
  const { code, stderr } = await runLoratwin([...words, ...told]);
  if (code === 0) return undefined;
  if (code === 3) throw new DeviceError({ expected: "loratwin to train here", got: code, detail: stderr });
  return { case: drawn.name, at: "training", problem: `loratwin ended with ${code}: ${stderr}` };
}

type Note = (text: string) => void;

async function judgeTraining(
  python: string,
  cases: readonly DrawnCase[],
  folder: string,
  note: Note,
): Promise<readonly Verdict[]> {
  if (cases.length === 0) return [];
  const verdicts: Verdict[] = [];
  const folders = new Map(cases.map((drawn, index) => [drawn, path.join(folder, String(index))]));
  const told = cases.map((drawn) => ({ ...drawn, rows: undefined, folder: folders.get(drawn)! }));
  for (const each of folders.values()) mkdirSync(each, { recursive: true });
  note(`draws ${counted(cases.length, "case")} with transformers and PEFT`);
  await runScript(python, "draw.py", told);
  const trained: typeof told = [];
  for (const each of told) {
    note(`trains ${each.name}`);
    const problem = await trainCase(cases[told.indexOf(each)]!, each.folder);
    if (problem === undefined) trained.push(each);
    else verdicts.push(problem);
  }
  note("trains the same with transformers and PEFT");
  await runScript(python, "judge.py", trained, (line) => void verdicts.push(JSON.parse(line) as Verdict));
  verdicts.push(...(await judgeAnswers(python, trained, note)));
  return [...verdicts, ...(await judgeExports(python, trained, note))];
}

interface Judged {
  readonly verdicts: readonly Verdict[];
  readonly pairs: readonly RowPair[];
}

async function judge({ seed, cases, libraries, hasLlama }: Request, folder: string, note: Note): Promise<Judged> {
  const decoded = hasLlama ? await judgeByLlama(path.join(folder, "llama"), note) : [];
  if (cases.length + libraries.length === 0) return { verdicts: decoded, pairs: [] };
  const python = preparePython(note);
  const verdicts = [...decoded, ...(await judgeTraining(python, cases, folder, note))];
  return { verdicts, pairs: await judgeRows(python, seed, libraries, path.join(folder, "rows"), note) };
}

/** With a folder of its own that is removed at the end, unless it is to be kept. */
async function judgeInFolder(request: Request, io: Io): Promise<Judged> {
  const note: Note = (text) => io.stderr(`peers: ${text}\n`);
  if (request.keep !== undefined) return await judge(request, path.resolve(io.cwd, request.keep), note);
  using folder = temporaryFolder("loratwin-peers");
  return await judge(request, folder.path, note);
}

async function run(argv: readonly string[], io: Io): Promise<number> {
  const request = parseCommand(argv);
  const names = request.cases.map(({ name }) => name);
  if (request.instead !== undefined) {
    const listed = [...names, ...request.libraries.map(rowsName), ...(request.hasLlama ? [LLAMA_CPP] : [])];
    io.stdout(request.instead === "help" ? HELP : listed.map((name) => `${name}\n`).join(""));
    return 0;
  }
  const { verdicts, pairs } = await judgeInFolder(request, io);
  const llama = verdicts.some((verdict) => verdict.case === LLAMA_CPP) ? [LLAMA_CPP] : [];
  const asked = [...request.cases, ...llama.map((name) => ({ name, config: "stored adapters" }))];
  const wrong = [
    ...disagreements(asked, verdicts),
    ...pairs.filter((pair) => !isSame(pair)).flatMap((pair) => differenceLines(pair)),
  ];
  const agreeing = verdicts.filter(agrees).length + pairs.filter(isSame).length;
  const parts = [
    names.length > 0 ? verdictTable(names, verdicts) : [],
    llama.length > 0 ? verdictTable(llama, verdicts) : [],
    rowTotals(pairs),
    wrong,
    [`seed ${request.seed}: ${agreeing} of ${counted(verdicts.length + pairs.length, "comparison")} agree`],
  ];
  const texts = parts.filter((lines) => lines.length > 0).map((lines) => `${lines.join("\n")}\n`);
  io.stdout(texts.join("\n"));
  return wrong.length === 0 ? 0 : 1;
}

/** Runs the command line and returns its exit status. */
export async function runPeersCommand(argv: readonly string[], io: Io): Promise<number> {
  try {
    return await run(argv, io);
  } catch (error) {
    if (error instanceof DeviceError || error instanceof InputError) {
      io.stderr(`${error.message}\n`);
      return error instanceof DeviceError ? 3 : 2;
    }
    if (!(error instanceof TypeError && "code" in error)) throw error;
    io.stderr(`${error.message}\n\n${HELP}`);
    return 2;
  }
}
