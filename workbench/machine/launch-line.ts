import { InputError, shellQuoted } from "../../core/index.ts";

export const LINE_LAUNCHERS = ["mpirun", "slurm"] as const;
/** Those that a line of a shell starts a run with. */
export type LineLauncher = (typeof LINE_LAUNCHERS)[number];

export const LAUNCHERS = [...LINE_LAUNCHERS, "kubernetes"] as const;
export type Launcher = (typeof LAUNCHERS)[number];

export const PMIS = ["pmix", "pmi2"] as const;
export type Pmi = (typeof PMIS)[number];

export const RUNTIMES = ["apptainer", "pyxis"] as const;
export type Runtime = (typeof RUNTIMES)[number];

/** An image that the program is in, on each host. */
export interface Container {
  readonly image: string;
  readonly runtime: Runtime;
  /** Absolute; all are there by the same path. The program starts in the first one. */
  readonly folders: readonly [string, ...string[]];
}

/** A program that is started once on each of several machines. */
export interface Launch {
  readonly numRanks: number;
  /** One entry for each rank; empty where the launcher knows them. */
  readonly hosts: readonly string[];
  /** The file that they were read from. */
  readonly hostfile: string | undefined;
  /** The network that messages take, as CIDR or by the names of its interfaces; any one where it is not said. */
  readonly network: string | undefined;
  /** Open MPI starts nothing for root unless it is told to. */
  readonly isRoot: boolean;
  /** The first number of Open MPI's version, which names options otherwise before 5. */
  readonly openMpi: number;
  /** How Slurm tells processes of each other: by what their MPI was built with. */
  readonly pmi: Pmi;
  /** GPUs of each machine, which Slurm gives a task. */
  readonly gpusPerNode: number;
  readonly container?: Container | undefined;
}

/** A launcher's command line, without the program that it starts. */
export interface LaunchLine {
  readonly environment: Readonly<Record<string, string>>;
  readonly launcher: string;
  /** Words that belong together, as `--mca pml ob1` do. */
  readonly options: readonly (readonly string[])[];
  /** What the program that it starts begins with. */
  readonly within: readonly string[];
  /** The same for a program that is started once, without the launcher. */
  readonly alone: readonly string[];
}

/** Whether some host has several ranks. */
function hasNeighbours(hosts: readonly string[]): boolean {
  return new Set(hosts).size < hosts.length;
}

/** Whether there is no message that leaves its host. Of Slurm's hosts nothing is known. */
function isOneHost(hosts: readonly string[]): boolean {
  return hasNeighbours(hosts) && new Set(hosts).size === 1;
}

/**
 * What both launchers give Open MPI. Messages go over TCP: UCX, which it would take first, is not what was measured. One
 * TCP connection is in effect half duplex (480 to 550 Mbit/s each way of 1 Gbit/s), two are not (895 to 935).
 */
function transportOf({ hosts, network, openMpi }: Launch): readonly (readonly [name: string, value: string])[] {
  // Ranks of one host may not reach each other over TCP.
  const sharedMemory = openMpi < 5 ? "vader" : "sm";
  const transports = [...(hasNeighbours(hosts) ? [sharedMemory] : []), ...(isOneHost(hosts) ? [] : ["tcp"]), "self"];
  return [
    ["pml", "ob1"],
    ["btl", transports.join()],
    ...(isOneHost(hosts) ? [] : [["btl_tcp_links", "2"] as const]),
    ...(network === undefined ? [] : [["btl_tcp_if_include", network] as const]),
  ];
}

/**
 * UCX is loaded with Open MPI even where nothing takes it, and its hooks on memory end a process of Node in one of some
 * fifty starts.
 */
const NO_MEMORY_HOOKS = ["UCX_MEM_EVENTS", "no"] as const;

/**
 * After 3 s without a word, three questions a second apart: a host that is cut off is noticed in some 5 s, before ranks
 * miss each other (20 s). By default it takes 8 minutes.
 */
const KEEPALIVE = [
  ["oob_tcp_keepalive_time", "3"],
  ["oob_tcp_keepalive_intvl", "1"],
  ["oob_tcp_keepalive_probes", "3"],
] as const;

/** Words that start a program in the image; it sees the host's GPUs if it has to. */
function apptainer({ image, folders }: Container, gpusPerNode: number): readonly string[] {
  const [working] = folders;
  const gpus = gpusPerNode === 0 ? [] : ["--nv"];
  return ["apptainer", "exec", ...gpus, "--bind", folders.join(), "--pwd", working, image];
}

/** Options of `srun` with the plugin Pyxis. */
function pyxis({ image, folders }: Container): readonly string[] {
  const mounts = folders.map((folder) => `${folder}:${folder}`).join();
  return [`--container-image=${image}`, `--container-mounts=${mounts}`, `--container-workdir=${folders[0]}`];
}

function openMpi(launch: Launch): LaunchLine {
  const { numRanks, hosts, hostfile, network, isRoot, openMpi: version, container, gpusPerNode } = launch;
  if (container?.runtime === "pyxis")
    throw new InputError({ expected: "--launcher slurm for --runtime pyxis", got: "mpirun" });
  const within = container === undefined ? [] : apptainer(container, gpusPerNode);
  // Open MPI 5 has its runtime apart, with parameters of its own.
  const [parameter, interfaces] = version < 5 ? ["--mca", "oob_tcp_if_include"] : ["--prtemca", "prte_if_include"];
  const oversubscribed = hasNeighbours(hosts) ? ":OVERSUBSCRIBE" : "";
  const runtime = network === undefined ? KEEPALIVE : [...KEEPALIVE, [interfaces, network] as const];
  return {
    ...{ environment: {}, within, alone: within },
    launcher: "mpirun",
    options: [
      ...(isRoot ? [["--allow-run-as-root"]] : []),
      ["-n", `${numRanks}`],
      hostfile === undefined ? ["--host", hosts.map((host) => `${host}:1`).join()] : ["--hostfile", hostfile],
      // Any other mapping begins with the host that mpirun runs on, whatever the order of the hosts.
      ["--map-by", `seq${oversubscribed}`],
      // By default a rank, and all of its threads, would have one core.
      ["--bind-to", "none"],
      ["-x", NO_MEMORY_HOOKS.join("=")],
      ...transportOf(launch).map(([name, value]) => ["--mca", name, value]),
      ...runtime.map(([name, value]) => [parameter, name, value]),
    ],
  };
}

function slurm(launch: Launch): LaunchLine {
  const { numRanks, gpusPerNode, container, pmi } = launch;
  const parameters = transportOf(launch).map(([name, value]) => [`OMPI_MCA_${name}`, value] as const);
  const gpus = gpusPerNode === 0 ? [] : [[`--gpus-per-node=${gpusPerNode}`]];
  const image = container?.runtime === "pyxis" ? pyxis(container) : [];
  const within = container?.runtime === "apptainer" ? apptainer(container, gpusPerNode) : [];
  const once = ["srun", "--nodes=1", "--ntasks=1", ...image];
  return {
    // One process is no rank of MPI.
    environment: numRanks === 1 ? {} : Object.fromEntries([NO_MEMORY_HOOKS, ...parameters]),
    launcher: "srun",
    options: [
      // Without it every process would be a world of its own.
      ...(numRanks === 1 ? [] : [[`--mpi=${pmi}`]]),
      ["--kill-on-bad-exit=1"],
      [`--nodes=${numRanks}`],
      [`--ntasks=${numRanks}`],
      ["--ntasks-per-node=1"],
      ...gpus,
      ["--cpu-bind=none"],
      ...image.map((option) => [option]),
    ],
    ...{ within, alone: image.length === 0 ? within : once },
  };
}

const LINES: Readonly<Record<LineLauncher, (launch: Launch) => LaunchLine>> = { mpirun: openMpi, slurm };

/** @throws InputError for a container that the launcher does not start */
export function launchLine(launcher: LineLauncher, launch: Launch): LaunchLine {
  return LINES[launcher](launch);
}

const WIDTH = 100;

/** Words as a shell reads them. */
export function quoted(words: readonly string[]): string {
  return words.map(shellQuoted).join(" ");
}

/** A launched program, and what is run where it ended with 0, for a shell: broken into lines as a person would. */
export function launchText(line: LaunchLine, program: readonly string[], then: readonly string[]): string {
  const groups = [
    ...Object.entries(line.environment).map(([name, value]) => `${name}=${shellQuoted(value)}`),
    line.launcher,
    ...line.options.map(quoted),
  ];
  const lines: string[] = [];
  for (const group of groups) {
    const last = lines.at(-1);
    if (last === undefined || last.length + group.length + 3 > WIDTH) lines.push(group);
    else lines[lines.length - 1] = `${last} ${group}`;
  }
  return [...lines, quoted([...line.within, ...program]), `&& ${quoted([...line.alone, ...then])}`].join(" \\\n  ");
}
