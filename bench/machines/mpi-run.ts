// One command as the ranks of a run: on this machine, or on the machines of `Namespaces`.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import path from "node:path";
import { versionForLine } from "../../workbench/machine/mpi-version.ts";
import { type Namespaces, NETWORK } from "./namespaces.ts";

export interface MpiRunInput {
  readonly numRanks: number;
  readonly command: readonly string[];
  readonly cwd: string;
  readonly namespaces?: Namespaces;
  readonly env?: Readonly<Record<string, string>>;
}

export interface MpiOutcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

/** Whether ranks over MPI can be started here; else why not. */
export function whyNoMpi(buildFolder: string): string | undefined {
  if (spawnSync("mpirun", ["--version"]).status !== 0) return "mpirun is not installed";
  return existsSync(path.join(buildFolder, "loratwin_mpi.so")) ? undefined : "the addon was built without MPI";
}

/**
 * Parameters of the launcher's own network, which Open MPI has named otherwise before 5. Keepalive: a machine that is cut
 * off is noticed after some six seconds.
 */
function runtimeOptions(agent: string): readonly string[] {
  const isOld = versionForLine().version < 5;
  const parameters = [
    [isOld ? "plm_rsh_agent" : "plm_ssh_agent", agent],
    [isOld ? "oob_tcp_if_include" : "prte_if_include", NETWORK],
    ...["time", "intvl", "probes"].map((name) => [`oob_tcp_keepalive_${name}`, name === "intvl" ? "1" : "3"]),
  ];
  return parameters.flatMap((parameter) => [isOld ? "--mca" : "--prtemca", ...parameter]);
}

/** Tells the processes of one run from those of another. */
const TAG = "LORATWIN_RUN_TAG";

function environmentOf(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    return [];
  }
}

/** A run that has been started; its ranks have a core each, in turn. */
export class MpiRun implements Disposable {
  readonly #child: ChildProcess;
  readonly #folder = mkdtempSync(path.join(tmpdir(), "loratwin-mpi-"));
  readonly outcome: Promise<MpiOutcome>;

  constructor({ numRanks, command, cwd, namespaces, env = {} }: MpiRunInput) {
    const cores = availableParallelism();
    const pinned = ["sh", "-c", `exec taskset -c $((OMPI_COMM_WORLD_RANK % ${cores})) "$@"`, "sh", ...command];
    const ranks = ["-n", String(numRanks), "--bind-to", "none", "-x", "UCX_MEM_EVENTS=no", "--mca", "pml", "ob1"];
    const given = { ...env, [TAG]: this.#folder };
    const exported = Object.keys(given).flatMap((name) => ["-x", name]);
    const root = process.getuid?.() === 0 ? ["--allow-run-as-root"] : [];
    const started = performance.now();
    const [program, args] =
      namespaces === undefined
        ? ["mpirun", [...root, "--map-by", ":OVERSUBSCRIBE", ...ranks, ...exported, ...pinned]]
        : this.#inNamespaces(namespaces, [...root, ...ranks, ...exported], numRanks, pinned);
    const child = spawn(program as string, args as string[], { cwd, env: { ...process.env, ...given } });
    this.#child = child;
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    this.outcome = new Promise((resolve) => {
      child.on("close", (code) => resolve({ code, stdout, stderr, seconds: (performance.now() - started) / 1e3 }));
    });
  }

  #inNamespaces(
    namespaces: Namespaces,
    options: readonly string[],
    numRanks: number,
    command: readonly string[],
  ): readonly [string, readonly string[]] {
    // In place of ssh: the machine has the host name by which the others know it.
    const agent = path.join(this.#folder, "agent.sh");
    writeFileSync(
      agent,
      '#!/bin/sh\nhost=$1\nshift\nexec ip netns exec "$host" unshare --uts sh -c \'hostname "$0"; exec sh -c "$*"\' "$host" "$@"\n',
    );
    chmodSync(agent, 0o755);
    const hosts = Array.from({ length: numRanks }, (_, k) => `${namespaces.nameOf(k)}:1`).join(",");
    const network = [
      ...runtimeOptions(agent),
      ...["--mca", "btl", "tcp,self", "--mca", "btl_tcp_if_include", NETWORK, "--mca", "btl_tcp_links", "2"],
    ];
    const first = namespaces.nameOf(0);
    const named = ["unshare", "--uts", "sh", "-c", `hostname ${first}; exec "$@"`, "sh"];
    return ["ip", ["netns", "exec", first, ...named, "mpirun", "--host", hosts, ...network, ...options, ...command]];
  }

  /** The process of a rank, once it runs. */
  pidOf(rank: number): number | undefined {
    const { stdout } = spawnSync("pgrep", ["-x", "node"], { encoding: "utf8" });
    const wanted = [`OMPI_COMM_WORLD_RANK=${rank}`, `${TAG}=${this.#folder}`];
    return stdout.split("\n").flatMap((line): number[] => {
      const environment = line === "" ? [] : environmentOf(line);
      return wanted.every((each) => environment.includes(each)) ? [Number(line)] : [];
    })[0];
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
