import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, hostname } from "node:os";
import path from "node:path";
import { contentHash } from "../../core/index.ts";
import { packageFile, temporaryFolder, writeWholeFile } from "../../files/index.ts";
import type { Golden } from "../../plan/index.ts";
import {
  COMPARISON_SCHEDULES,
  type Effort,
  emptyRun,
  type GoldenRun,
  type SeenGolden,
  seenGolden,
} from "../../studies/index.ts";
import type { GoldenCommands, GoldenDigest, GoldenRequest, ProcessFacts } from "./golden-process.ts";
import type { LoadedGoldens } from "./load-goldens.ts";

/** The command line of a built revision of this package. */
export interface BuiltRevision {
  /** What it is called for people. */
  readonly name: string;
  readonly root: string;
  /** Of git; absent for a package that is not built from one. */
  readonly tree?: string;
  /** Where what golden workloads came to with it is kept, since they come to the same again; nowhere when absent. */
  readonly results?: string;
}

/** What all golden workloads came to with a revision. */
export interface SeenSet {
  readonly goldens: readonly SeenGolden[];
  /** The most memory of the process that ran them. */
  readonly peakBytes: number;
}

export function optionWords(options: Golden["options"]): readonly string[] {
  return Object.entries(options).flatMap(([name, value]) =>
    value === true ? [`--${name}`] : value === false ? [`--no-${name}`] : [`--${name}`, `${value}`],
  );
}

/** Nothing is kept, drawn or told: what is compared follows from the documents alone. */
const PLAIN = ["--no-cache", "--quiet", "--json"] as const;
/** Draws around figures that are judged themselves take a quarter of the time. Those of interruptions are figures. */
const UNDRAWN = [...PLAIN, "--no-intervals"] as const;

/** What is simulated alone has of its commands. */
const NOTHING_MORE = { plan: null, document: null, trace: null, journal: null, undisturbed: null, reversed: null };

function commandsOf(golden: Golden, { reversed }: LoadedGoldens, folder: string): GoldenCommands {
  const { name, workload, cluster, devices, calibration, options, byActions } = golden;
  const file = (extension: string): string => path.join(folder, `${name}${extension}`);
  const asked = (given: string): readonly string[] => [
    given,
    ...(cluster === undefined ? ["--devices", devices!] : ["--cluster", cluster]),
    ...(calibration === undefined ? [] : ["--calibration", calibration]),
    ...optionWords(parted(options, false)),
    ...UNDRAWN,
  ];
  const turned = reversed.get(name);
  if (turned !== undefined) writeFileSync(file(".reversed.yaml"), turned);
  const other = (words: readonly string[]): readonly string[] | null =>
    turned === undefined ? null : ["simulate", ...asked(file(".reversed.yaml")), ...words];
  const alone = { ...NOTHING_MORE, name };
  const [plan, trace] = [file(".plan.json"), file(".trace.json")];
  if (options["policy"] !== undefined) {
    const journal = file(".jsonl");
    const simulate = ["simulate", ...asked(workload), "-o", journal];
    if (!byActions) return { ...alone, simulate, journal, reversed: other([]) };
    return {
      ...alone,
      simulate: [...simulate, "--trace", trace, "--grown-plan", plan],
      ...{ document: plan, trace, journal },
      reversed: other(["--trace", file(".reversed.trace.json")]),
    };
  }
  if (COMPARISON_SCHEDULES.some((schedule) => schedule === options["schedule"]))
    return {
      ...alone,
      simulate: ["simulate", ...asked(workload), "-o", trace],
      trace,
      reversed: other([]),
    };
  return {
    ...alone,
    plan: ["plan", ...asked(workload), "-o", plan],
    document: plan,
    simulate: simulationOf(plan, trace, options),
    undisturbed: isInterrupted(options) ? simulationOf(plan, trace, {}) : null,
    trace,
    reversed: other([]),
  };
}

/** Options of `simulate` that `plan` has not. */
const OF_SIMULATE = /^(interrupted-every|notice-seconds|checkpoint-.*|restart-seconds|overlap)$/;

function parted(options: Golden["options"], isOfSimulate: boolean): Golden["options"] {
  return Object.fromEntries(Object.entries(options).filter(([name]) => OF_SIMULATE.test(name) === isOfSimulate));
}

const isInterrupted = (options: Golden["options"]): boolean => options["interrupted-every"] !== undefined;

/** Simulates a plan. Without its devices at work there is no trace. */
function simulationOf(plan: string, trace: string, options: Golden["options"]): readonly string[] {
  const words = ["simulate", plan, ...optionWords(parted(options, true))];
  return isInterrupted(options) ? [...words, ...PLAIN] : [...words, ...UNDRAWN, "-o", trace];
}

/** How long a revision may take for all of them before it is said to hang. */
const MOST_MS = 15 * 60_000;

/** Another seed of hashes, and one core: what a run must not depend on. */
function otherWords(): readonly [string, ...string[]] {
  const core = process.platform === "linux" ? firstCore() : undefined;
  const node = [process.execPath, "--hash-seed=20011"] as const;
  return core === undefined ? [...node] : ["taskset", "--cpu-list", core, ...node];
}

/** Undefined where nobody can be sent to one core. */
function firstCore(): string | undefined {
  const allowed = /^Cpus_allowed_list:\s*(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  return spawnSync("taskset", ["--version"]).status === 0 ? allowed : undefined;
}

/** The process's exit code, or what it said last where it did not end by itself. */
function processEnd(request: string, [program, ...words]: readonly [string, ...string[]]): Promise<string> {
  const child = spawn(program, [...words, packageFile(PROCESS), request], {
    stdio: ["ignore", "ignore", "pipe"],
    timeout: MOST_MS,
  });
  let said = "";
  child.stderr.on("data", (piece: Buffer) => {
    said = `${said}${piece}`.slice(-2000);
  });
  return new Promise((resolve) => {
    child.on("close", (code, signal) => {
      const last =
        said
          .trim()
          .split("\n")
          .find((line) => line.includes("Error")) ?? "";
      resolve(code === 0 ? "" : `the process ended with ${signal ?? `exit code ${code}`} ${last}`.trim());
    });
  });
}

const PROCESS = path.join("dist", "workbench", "regress", "golden-process.js");

interface Results {
  /** A line a golden workload, of those that it came to, and one of the process. */
  readonly text: string;
  /** Empty where the process ended as it should. */
  readonly end: string;
}

/** What a process says of some command lines. */
async function resultsOf(
  { root }: BuiltRevision,
  request: Pick<GoldenRequest, "cwd" | "goldens" | "onlyDigests">,
  folder: string,
  words: readonly [string, ...string[]] = [process.execPath],
): Promise<Results> {
  const results = path.join(folder, "results.jsonl");
  const whole: GoldenRequest = { ...request, cli: path.join(root, "dist", "cli", "run.js"), results };
  const file = path.join(folder, "request.json");
  writeFileSync(file, JSON.stringify(whole));
  const end = await processEnd(file, words);
  return { text: existsSync(results) ? readFileSync(results, "utf8") : "", end };
}

function linesOf<Line>(text: string): readonly (Line | ProcessFacts)[] {
  return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Line | ProcessFacts]));
}

function runsOf<Line extends { readonly name: string }>(text: string): ReadonlyMap<string, Line> {
  return new Map(linesOf<Line>(text).flatMap((line) => ("process" in line ? [] : [[line.name, line] as const])));
}

async function inFolder<Result>(use: (folder: string) => Promise<Result>): Promise<Result> {
  using folder = temporaryFolder("loratwin-regress");
  return await use(folder.path);
}

/** All of a set, as two processes run them at once: the second in reverse, with another seed and one core. */
async function twice(revision: BuiltRevision, set: LoadedGoldens): Promise<Results> {
  const commands = (folder: string): readonly GoldenCommands[] =>
    set.goldens.map((golden) => commandsOf(golden, set, folder));
  const { folder: cwd } = set;
  const [first, again] = await Promise.all([
    inFolder((folder) => resultsOf(revision, { cwd, goldens: commands(folder), onlyDigests: false }, folder)),
    inFolder((folder) =>
      resultsOf(revision, { cwd, goldens: commands(folder).toReversed(), onlyDigests: true }, folder, otherWords()),
    ),
  ]);
  const digests = runsOf<GoldenDigest>(again.text);
  const lines = linesOf<GoldenRun>(first.text).map((line) =>
    "process" in line ? line : { ...line, digestAgain: digests.get(line.name)?.digest ?? again.end },
  );
  return { text: `${lines.map((line) => JSON.stringify(line)).join("\n")}\n`, end: first.end };
}

/**
 * Where results of a set are kept: they follow from the revision, the documents, Node, and what reads them; and times from
 * the machine.
 */
function keptFile({ results }: BuiltRevision, { digest, goldens }: LoadedGoldens): string | undefined {
  if (results === undefined) return undefined;
  const names = goldens.map(({ name, options }) => [name, options]);
  const reader = readFileSync(packageFile(PROCESS), "utf8");
  const machine = [hostname(), cpus()[0]?.model ?? ""];
  return path.join(results, `${contentHash([digest, names, process.version, reader, machine]).slice(-16)}.jsonl`);
}

/** Plans and simulates golden workloads with a revision's command line, in processes of their own. */
export async function runGoldens(revision: BuiltRevision, set: LoadedGoldens): Promise<SeenSet> {
  const kept = keptFile(revision, set);
  const isKept = kept !== undefined && existsSync(kept);
  const { text, end } = isKept ? { text: readFileSync(kept, "utf8"), end: "" } : await twice(revision, set);
  if (kept !== undefined && !isKept && end === "") writeWholeFile(kept, text);
  const runs = runsOf<GoldenRun>(text);
  return {
    goldens: set.goldens.map((golden) =>
      seenGolden(golden, runs.get(golden.name) ?? emptyRun(golden.name, 70, end), set.asked.get(golden.name)),
    ),
    peakBytes: peakOf(text),
  };
}

/** What a revision takes for all of them, as it is now. */
export async function measureGoldens(
  revision: BuiltRevision,
  set: LoadedGoldens,
  isCounted: (name: string) => boolean,
): Promise<Effort> {
  return await inFolder(async (folder) => {
    const goldens = set.goldens.map((golden) => commandsOf(golden, set, folder));
    const { text } = await resultsOf(revision, { cwd: set.folder, goldens, onlyDigests: false }, folder);
    return effortOf(
      [...runsOf<GoldenRun>(text).values()].filter(({ name }) => isCounted(name)),
      peakOf(text),
    );
  });
}

function peakOf(text: string): number {
  return linesOf<GoldenRun>(text).find((line) => "process" in line)?.process.peakBytes ?? 0;
}

/** What some runs took. */
export function effortOf(runs: readonly Pick<GoldenRun, "name" | "cpuSeconds">[], peakBytes: number): Effort {
  return { cpuSeconds: new Map(runs.map(({ name, cpuSeconds }) => [name, cpuSeconds])), peakBytes };
}

/** Plans of one revision as another one simulates them: by golden workload, of those whose plans differ. */
export async function crossGoldens(
  judge: BuiltRevision,
  set: LoadedGoldens,
  before: SeenSet,
  now: SeenSet,
): Promise<ReadonlyMap<string, GoldenRun>> {
  const others = now.goldens.filter(
    ({ run, stored }, index) =>
      run?.plan != null &&
      stored.code === 0 &&
      before.goldens[index]?.stored.code === 0 &&
      before.goldens[index].stored.digests.plan !== stored.digests.plan,
  );
  if (others.length === 0) return new Map();
  return await inFolder(async (folder) => {
    const goldens = others.map(({ golden: { name, options }, run }): GoldenCommands => {
      const document = path.join(folder, `${name}.plan.json`);
      writeFileSync(document, JSON.stringify(run!.document));
      const simulate = simulationOf(document, path.join(folder, `${name}.trace.json`), options);
      return { ...NOTHING_MORE, name, simulate };
    });
    const { text, end } = await resultsOf(judge, { cwd: set.folder, goldens, onlyDigests: false }, folder);
    const runs = runsOf<GoldenRun>(text);
    return new Map(others.map(({ golden: { name } }) => [name, runs.get(name) ?? emptyRun(name, 70, end)]));
  });
}
