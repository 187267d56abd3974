import { type ChildProcess, execFileSync, fork } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { plainText } from "../../core/index.ts";

/** A command line over files that somebody with bad intentions wrote. */
export interface Attack {
  readonly name: string;
  /** By path in the case's folder, which lies beside `model`, `rows.jsonl` and what else is shared. */
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  readonly argv: readonly string[];
  /** Pipes that nobody writes, by path in the case's folder. */
  readonly pipes?: readonly string[];
  /** Whether it may be harmless, and so end with 0. */
  readonly mayPass?: true;
  /** Whether it may end with 1 and the answer that nothing serves, as `capacity` does. */
  readonly mayFindNone?: true;
}

export interface Outcome {
  readonly code: number | "crash" | "hang" | "killed";
  readonly stdout: string;
  readonly stderr: string;
  /** The most resident memory that the process has had by then. */
  readonly bytes: number;
}

/** What a case may take: of a processor, and of the clock where others use that too. */
const MOST = { cpuSeconds: 5, seconds: 120, heapMegabytes: 1024 } as const;

/** Seconds that a process has had a processor; undefined where the system does not say. */
function cpuSeconds(pid: number): number | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
    // User and system time in hundredths, fields 14 and 15 of all.
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return undefined;
  }
}

function startChild(): ChildProcess {
  return fork(new URL("./child.mjs", import.meta.url), {
    execArgv: [`--max-old-space-size=${MOST.heapMegabytes}`],
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
}

/** One case in a process; ends the process where it does not answer. */
function answer(child: ChildProcess, argv: readonly string[], cwd: string): Promise<Outcome> {
  return new Promise((resolve) => {
    const began = { cpu: cpuSeconds(child.pid!), ms: performance.now() };
    const none = { stdout: "", stderr: "", bytes: 0 };
    const end = (outcome: Outcome): void => {
      clearInterval(timer);
      child.removeAllListeners();
      resolve(outcome);
    };
    const timer = setInterval(() => {
      const cpu = (cpuSeconds(child.pid!) ?? 0) - (began.cpu ?? 0);
      if (cpu < MOST.cpuSeconds && performance.now() - began.ms < 1e3 * MOST.seconds) return;
      child.kill("SIGKILL");
      end({ ...none, code: "hang" });
    }, 100);
    child.once("message", (message) => end(message as Outcome));
    child.once("exit", () => end({ ...none, code: "killed" }));
    child.send({ argv, cwd });
  });
}

/** Runs attacks one after another, many in one process, each in a folder of its own below `root`. */
export async function runAttacks(attacks: readonly Attack[], root: string): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  let child = startChild();
  try {
    for (const [index, { files, argv, pipes = [] }] of attacks.entries()) {
      const folder = path.join(root, `${index}`);
      mkdirSync(folder, { recursive: true });
      for (const [name, content] of Object.entries(files)) {
        mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
        writeFileSync(path.join(folder, name), content);
      }
      for (const name of pipes) {
        mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
        execFileSync("mkfifo", [path.join(folder, name)]);
      }
      const outcome = await answer(child, argv, folder);
      outcomes.push(outcome);
      if (!child.connected || outcome.code === "hang" || outcome.code === "killed") child = startChild();
    }
  } finally {
    child.kill("SIGKILL");
  }
  return outcomes;
}

/** Lines beside the one message: hints, notes, and tables or grids below the sentence. */
const SENTENCE = /^(?:\S+: )?Expected [\s\S]+?\.$/m;

/** What is wrong with how an attack ended; undefined for nothing. */
export function faultOf(
  { mayPass, mayFindNone }: Pick<Attack, "mayPass" | "mayFindNone">,
  { code, stdout, stderr, bytes }: Outcome,
): string | undefined {
  if (code === "hang" || code === "killed" || code === "crash") return `${code}: ${stderr.slice(0, 600)}`;
  if (bytes > 2 * MOST.heapMegabytes * 2 ** 20) return `${bytes} bytes`;
  const shown = `${stdout}${stderr}`;
  if (plainText(shown) !== shown) return `control characters: ${JSON.stringify(shown.slice(0, 300))}`;
  if (code === 1 && mayFindNone === true && stdout !== "") return undefined;
  if (code === 0) return mayPass === true ? undefined : "was let in";
  if (code !== 2 && code !== 3) return `exit code ${code}: ${stderr.slice(0, 300)}`;
  if (stdout !== "") return `a refusal that also printed: ${stdout.slice(0, 100)}`;
  const said = stderr.split("\n").filter((line) => /^(?:\S+: )?Expected /.test(line));
  // All faults of a document are told at once, each with its place in the same file.
  const files = new Set(said.map((line) => /^(\S+?)(?::\d+)*: /.exec(line)?.[1]));
  if (said.length === 0 || said.length > 20 || files.size !== 1 || !SENTENCE.test(stderr))
    return `no one message: ${stderr.slice(0, 300)}`;
  if (/^ {4}at .+:\d+/m.test(stderr)) return `a stack trace: ${stderr.slice(0, 300)}`;
  return undefined;
}
