// A process that has one revision's command line plan and simulate golden workloads: `golden-process.js REQUEST`, a file of
// a GoldenRequest. It writes a line of JSON a workload. The command line is what revisions have in common.
import { createHash } from "node:crypto";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { GoldenRun, PlanSummary, RunSummary } from "../../studies/index.ts";
import { fieldsOf, partsOfTrace } from "./read-outputs.ts";

/** Command lines of a golden workload, in their order; each that is there is made, until one fails. */
export interface GoldenCommands {
  readonly name: string;
  /** Plans into `document`; absent for what has no plan, or has one already. */
  readonly plan: readonly string[] | null;
  readonly document: string | null;
  /** Writes the trace or the journal, whichever it has. */
  readonly simulate: readonly string[];
  readonly trace: string | null;
  readonly journal: string | null;
  /** Writes the trace of what `simulate` has none of. */
  readonly undisturbed: readonly string[] | null;
  /** Simulates the same jobs in reverse; its failure is that of the workload. */
  readonly reversed: readonly string[] | null;
}

export interface GoldenRequest {
  /** The revision's `dist/cli/run.js`. */
  readonly cli: string;
  /** Where relative paths start. */
  readonly cwd: string;
  readonly results: string;
  readonly goldens: readonly GoldenCommands[];
  /** A line of each is its name and digest, and no more. */
  readonly onlyDigests: boolean;
}

/** Of a golden workload once more. */
export type GoldenDigest = Pick<GoldenRun, "name" | "digest">;

/** The last line of results: what the process took, of all workloads together. */
export interface ProcessFacts {
  readonly process: { readonly peakBytes: number };
}

type Run = (argv: readonly string[], io: object) => Promise<number>;

interface Printed {
  readonly code: number;
  readonly error: string;
  readonly text: string;
}

async function printed(run: Run, cwd: string, argv: readonly string[]): Promise<Printed> {
  let [text, error] = ["", ""];
  const io = {
    stdout(piece: string) {
      text += piece;
    },
    stderr(piece: string) {
      error += piece;
    },
    isTty: false,
    cwd,
  };
  return { code: await run(argv, io), text, error };
}

function linesOf(text: string): GoldenRun["journal"] {
  const lines = text.split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as GoldenRun["journal"][number]);
}

async function goldenRun(run: Run, cwd: string, commands: GoldenCommands): Promise<GoldenRun> {
  const { name, plan, document, simulate, trace, journal, undisturbed, reversed } = commands;
  const nothing: GoldenRun = {
    ...{ name, code: 0, error: null, plan: null, document: null, metrics: null, actions: [], memory: [], journal: [] },
    ...{ reversed: null, digest: "", digestAgain: null, fields: [], cpuSeconds: 0, wallSeconds: 0 },
  };
  const outputs: Record<string, unknown> = {};
  const hash = createHash("sha256");
  const [startMs, before] = [performance.now(), process.cpuUsage()];
  const times = (): Pick<GoldenRun, "cpuSeconds" | "wallSeconds"> => {
    const { user, system } = process.cpuUsage(before);
    return { cpuSeconds: (user + system) / 1e6, wallSeconds: (performance.now() - startMs) / 1e3 };
  };
  for (const [what, argv] of Object.entries({ plan, simulate, undisturbed, reversed })) {
    if (argv === null) continue;
    const { code, error, text } = await printed(run, cwd, argv);
    if (code !== 0) {
      const said = error.trim().split("\n")[0] ?? "";
      return { ...nothing, ...times(), code, error: said, digest: hash.update(`${code}`).digest("hex") };
    }
    hash.update(text);
    outputs[what] = JSON.parse(text);
  }
  const measured = times();
  const written = (file: string | null): string => {
    const text = file !== null && existsSync(file) ? readFileSync(file, "utf8") : "";
    hash.update(text);
    return text;
  };
  const [documentText, traceText, journalText] = [document, trace, journal].map(written) as [string, string, string];
  const planned = documentText === "" ? null : (JSON.parse(documentText) as GoldenRun["document"]);
  const lines = linesOf(journalText);
  const { facts, ...parts } = traceText === "" ? { facts: null } : partsOfTrace(traceText);
  const { plan: printedPlan = null, simulate: printedRun = null } = outputs;
  const documents = {
    plan: [printedPlan],
    simulate: [printedRun],
    document: [planned],
    journal: lines,
    trace: [facts],
  };
  return {
    ...{ ...nothing, ...measured, ...parts },
    plan: printedPlan as PlanSummary | null,
    document: planned,
    metrics: { jobs: [], ...(printedRun as Partial<RunSummary>) } as RunSummary,
    reversed: (outputs["reversed"] ?? null) as RunSummary | null,
    journal: lines,
    digest: hash.digest("hex"),
    fields: Object.entries(documents).flatMap(([what, values]) => fieldsOf(values, what)),
  };
}

const { cli, cwd, results, goldens, onlyDigests } = JSON.parse(
  readFileSync(path.resolve(process.argv[2]!), "utf8"),
) as GoldenRequest;
const { run } = (await import(pathToFileURL(cli).href)) as { readonly run: Run };
for (const commands of goldens) {
  const seen = await goldenRun(run, cwd, commands);
  const { name, digest } = seen;
  appendFileSync(results, `${JSON.stringify(onlyDigests ? ({ name, digest } satisfies GoldenDigest) : seen)}\n`);
}
const facts: ProcessFacts = { process: { peakBytes: 1024 * process.resourceUsage().maxRSS } };
appendFileSync(results, `${JSON.stringify(facts)}\n`);
