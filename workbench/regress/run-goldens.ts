import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { contentHash } from "../../core/index.ts";
import { writeWholeFile } from "../../files/index.ts";
import type { Golden } from "../../plan/index.ts";
import { COMPARISON_SCHEDULES, type GoldenRun, type SeenGolden, seenGolden } from "../../studies/index.ts";
import { packageFile } from "../package-file.ts";
import type { GoldenCommands, GoldenRequest } from "./golden-process.ts";
import type { LoadedGoldens } from "./load-goldens.ts";

/** The command line of a built revision of this package. */
export interface BuiltRevision {
  /** What it is called for people. */
  readonly name: string;
  readonly root: string;
  /** Where what golden workloads came to with it is kept, since they come to the same again; nowhere when absent. */
  readonly results?: string;
}

function optionWords(options: Golden["options"]): readonly string[] {
  return Object.entries(options).flatMap(([name, value]) =>
    value === true ? [`--${name}`] : value === false ? [`--no-${name}`] : [`--${name}`, `${value}`],
  );
}

/** Nothing is kept, drawn or told: what is compared follows from the documents alone. */
const PLAIN = ["--no-cache", "--quiet", "--json"] as const;

function commandsOf(golden: Golden, { reversed }: LoadedGoldens, folder: string): GoldenCommands {
  const { name, workload, cluster, devices, calibration, options } = golden;
  const file = (extension: string): string => path.join(folder, `${name}${extension}`);
  const asked = (given: string): readonly string[] => [
    given,
    ...(cluster === undefined ? ["--devices", devices!] : ["--cluster", cluster]),
    ...(calibration === undefined ? [] : ["--calibration", calibration]),
    ...optionWords(options),
    ...PLAIN,
  ];
  const turned = reversed.get(name);
  if (turned !== undefined) writeFileSync(file(".reversed.yaml"), turned);
  const other = (words: readonly string[]): readonly string[] | null =>
    turned === undefined ? null : ["simulate", ...asked(file(".reversed.yaml")), ...words];
  const alone: Pick<GoldenCommands, "name" | "plan" | "trace" | "journal"> = {
    ...{ name, plan: null, trace: null, journal: null },
  };
  if (options["policy"] !== undefined) {
    const journal = file(".jsonl");
    return { ...alone, simulate: ["simulate", ...asked(workload), "-o", journal], journal, reversed: other([]) };
  }
  const trace = file(".trace.json");
  const plain = ["--no-intervals"];
  if (COMPARISON_SCHEDULES.some((schedule) => schedule === options["schedule"]))
    return {
      ...alone,
      simulate: ["simulate", ...asked(workload), ...plain, "-o", trace],
      trace,
      reversed: other(plain),
    };
  const plan = file(".plan.json");
  return {
    ...alone,
    plan: ["plan", ...asked(workload), ...plain, "-o", plan],
    simulate: ["simulate", plan, ...PLAIN, ...plain, "-o", trace],
    trace,
    reversed: other(plain),
  };
}

/** How long a revision may take for all of them before it is said to hang. */
const MOST_MS = 15 * 60_000;

/** The process's exit code, or what it said last where it did not end by itself. */
function processEnd(request: string): Promise<string> {
  const child = spawn(process.execPath, [packageFile("dist/workbench/regress/golden-process.js"), request], {
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

/** What a process says of all golden workloads: of each a line, of those that it did not come to none. */
async function resultsOf(
  { root }: BuiltRevision,
  set: LoadedGoldens,
  folder: string,
): Promise<{ readonly text: string; readonly end: string }> {
  const results = path.join(folder, "results.jsonl");
  const request: GoldenRequest = {
    cli: path.join(root, "dist", "cli", "run.js"),
    cwd: set.folder,
    results,
    goldens: set.goldens.map((golden) => commandsOf(golden, set, folder)),
  };
  const file = path.join(folder, "request.json");
  writeFileSync(file, JSON.stringify(request));
  const end = await processEnd(file);
  return { text: existsSync(results) ? readFileSync(results, "utf8") : "", end };
}

/** Where results of a set are kept: they follow from the revision, the documents and Node. */
function keptFile({ results }: BuiltRevision, { digest, goldens }: LoadedGoldens): string | undefined {
  if (results === undefined) return undefined;
  const names = goldens.map(({ name }) => name);
  return path.join(results, `${contentHash([digest, names, process.version]).slice(-16)}.jsonl`);
}

/** Plans and simulates golden workloads with a revision's command line, in a process of its own. */
export async function runGoldens(revision: BuiltRevision, set: LoadedGoldens): Promise<readonly SeenGolden[]> {
  const kept = keptFile(revision, set);
  const folder = mkdtempSync(path.join(tmpdir(), "loratwin-regress-"));
  try {
    const isKept = kept !== undefined && existsSync(kept);
    const { text, end } = isKept
      ? { text: readFileSync(kept, "utf8"), end: "" }
      : await resultsOf(revision, set, folder);
    if (kept !== undefined && end === "") writeWholeFile(kept, text);
    const runs = new Map(
      text.split("\n").flatMap((line) => {
        if (line === "") return [];
        const run = JSON.parse(line) as GoldenRun;
        return [[run.name, run] as const];
      }),
    );
    return set.goldens.map((golden) => {
      const lost: GoldenRun = {
        ...{ name: golden.name, code: 70, error: end, plan: null, metrics: null, actions: [], journal: [] },
        reversed: null,
      };
      return seenGolden(golden, runs.get(golden.name) ?? lost, set.jobs.get(golden.name) ?? []);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
