import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { DeviceError } from "../core/index.ts";

/** A stage's time was over; the program that ran was killed. */
export class TimeOver extends Error {}

export interface ChildOptions {
  readonly cwd?: string;
  readonly env: NodeJS.ProcessEnv;
  /** On performance.now()'s clock. */
  readonly deadlineMs: number;
  /** Gets every line of stdout. */
  readonly onLine: (line: string) => void;
  /** Gets the text of stderr. */
  readonly onError: (text: string) => void;
}

/** The programs of one stage. */
export interface Children {
  /**
   * Runs a program to its end and returns its exit status; 128 + n where signal n ended it.
   * @throws TimeOver at the deadline; DeviceError where the program is missing.
   */
  run(program: string, args: readonly string[], options: ChildOptions): Promise<number>;
  /** Kills those that have not ended. */
  kill(): void;
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** The session of a process: proc(5), /proc/PID/stat, the fourth field after the name in parentheses. */
function sessionOf(pid: string): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/stat`, "latin1").replace(/^.*\)/s, "").trim().split(" ")[3]);
  } catch {
    // It has ended.
    return undefined;
  }
}

// Each program leads a session, so that its own children (compilers, under make) go with it. A process group would not
// do: Ninja gives each of its children one of its own.
function killSession(leader: number): void {
  killIfThere(leader);
  for (const pid of readdirSync("/proc")) {
    if (/^\d+$/.test(pid) && sessionOf(pid) === leader) killIfThere(Number(pid));
  }
}

export function createChildren(): Children {
  const running = new Set<number>();
  return {
    async run(program, args, { cwd, env, deadlineMs, onLine, onError }) {
      const left = deadlineMs - performance.now();
      if (left <= 0) throw new TimeOver();
      const child = spawn(program, args, {
        ...(cwd === undefined ? {} : { cwd }),
        env,
        stdio: ["ignore", "pipe", "pipe"],
        detached: true,
      });
      const { pid } = child;
      if (pid === undefined) {
        const [error] = (await once(child, "error")) as [Error];
        throw new DeviceError({ expected: `the program ${program}`, got: error.message });
      }
      running.add(pid);
      let late = false;
      const timer = setTimeout(() => {
        late = true;
        killSession(pid);
      }, left);
      createInterface({ input: child.stdout }).on("line", onLine);
      child.stderr.setEncoding("utf8").on("data", onError);
      const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
      clearTimeout(timer);
      running.delete(pid);
      if (late) throw new TimeOver();
      return code ?? 128 + (signal === "SIGKILL" ? 9 : signal === "SIGSEGV" ? 11 : signal === "SIGABRT" ? 6 : 15);
    },
    kill() {
      for (const pid of running) killSession(pid);
    },
  };
}
