// A process that has one revision's command line plan and simulate golden workloads: `golden-process.js REQUEST`, a file of
// a GoldenRequest. It writes a line of JSON a workload. The command line is what revisions have in common.
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { GoldenRun, PlanSummary, RunSummary, SeenAction } from "../../studies/index.ts";

/** Command lines of a golden workload, in their order; each that is there is made, until one fails. */
export interface GoldenCommands {
  readonly name: string;
  /** Plans into `plan.json`; absent for what has no plan. */
  readonly plan: readonly string[] | null;
  /** Writes the trace or the journal, whichever it has. */
  readonly simulate: readonly string[];
  readonly trace: string | null;
  readonly journal: string | null;
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

interface TraceEvent {
  readonly ph: string;
  readonly name: string;
  readonly cat?: string;
  readonly pid: number;
  readonly tid?: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly args?: {
    readonly name?: string;
    readonly action?: string;
    readonly jobs?: readonly string[];
    readonly collective?: string;
  };
}

const LETTERS: Readonly<Record<string, string>> = { F: "forward", B: "backward", U: "update", E: "evaluation" };

/** The actions of a trace in Perfetto's format. */
function actionsOf(file: string): readonly SeenAction[] {
  const { traceEvents } = JSON.parse(readFileSync(file, "utf8")) as { readonly traceEvents: readonly TraceEvent[] };
  const [devices, streams] = [new Map<number, string>(), new Map<string, string>()];
  for (const { ph, name, pid, tid, args } of traceEvents) {
    if (ph !== "M") continue;
    if (name === "process_name") devices.set(pid, args!.name!);
    if (name === "thread_name") streams.set(`${pid} ${tid}`, args!.name!);
  }
  return traceEvents.flatMap(({ ph, name, cat, pid, tid, ts = 0, dur = 0, args }): SeenAction[] => {
    if (ph !== "X") return [];
    const letter = /^\d+([A-Z])/.exec(args?.action ?? name)?.[1] ?? "";
    const startNs = Math.round(1000 * ts);
    return [
      {
        device: devices.get(pid) ?? `${pid}`,
        stream: streams.get(`${pid} ${tid}`) ?? `${tid}`,
        kind: cat === "compute" ? (LETTERS[letter] ?? "action") : (args?.collective ?? "transfer"),
        name,
        jobs: args?.jobs ?? [],
        startNs,
        endNs: startNs + Math.round(1000 * dur),
      },
    ];
  });
}

function linesOf(file: string): GoldenRun["journal"] {
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as GoldenRun["journal"][number]);
}

async function goldenRun(run: Run, cwd: string, commands: GoldenCommands): Promise<GoldenRun> {
  const { name, plan, simulate, trace, journal, reversed } = commands;
  const nothing: GoldenRun = {
    ...{ name, code: 0, error: null, plan: null, metrics: null, actions: [], journal: [], reversed: null },
  };
  const outputs: Record<string, unknown> = {};
  for (const [what, argv] of Object.entries({ plan, metrics: simulate, reversed })) {
    if (argv === null) continue;
    const { code, error, text } = await printed(run, cwd, argv);
    if (code !== 0) return { ...nothing, code, error: error.trim().split("\n")[0] ?? "" };
    outputs[what] = JSON.parse(text);
  }
  return {
    ...nothing,
    plan: (outputs["plan"] ?? null) as PlanSummary | null,
    metrics: outputs["metrics"] as RunSummary,
    reversed: (outputs["reversed"] ?? null) as RunSummary | null,
    actions: trace !== null && existsSync(trace) ? actionsOf(trace) : [],
    journal: journal !== null && existsSync(journal) ? linesOf(journal) : [],
  };
}

const { cli, cwd, results, goldens } = JSON.parse(
  readFileSync(path.resolve(process.argv[2]!), "utf8"),
) as GoldenRequest;
const { run } = (await import(pathToFileURL(cli).href)) as { readonly run: Run };
for (const commands of goldens) appendFileSync(results, `${JSON.stringify(await goldenRun(run, cwd, commands))}\n`);
