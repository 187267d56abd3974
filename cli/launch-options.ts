import path from "node:path";
import { InputError } from "../core/index.ts";
import { THIS_MACHINE } from "../plan/index.ts";
import {
  type Container,
  hostsOfFile,
  hostsOfList,
  LAUNCHERS,
  type Launch,
  type Launcher,
  type LineLauncher,
  PMIS,
  type Pmi,
  RUNTIMES,
  type Runtime,
  versionForLine,
} from "../workbench/index.ts";
import { type Arguments, flag, optionalPositive, optionalText, requiredText } from "./command.ts";
import type { Io } from "./io.ts";
import { checkHosts, type Machines } from "./launched-machines.ts";
import type { OptionTable } from "./option-table.ts";
import { note } from "./output.ts";

export const LAUNCH_OPTIONS = {
  launcher: { type: "string", choices: LAUNCHERS, default: "mpirun", describe: "what starts a process on each host" },
  hosts: {
    type: "string",
    describe: "mpirun: the hosts, in the order of the plan's machines: first:1,second:1",
  },
  hostfile: {
    type: "string",
    describe: "mpirun: the hosts in a file of Open MPI's form, one a line",
    notBeside: ["hosts"],
  },
  network: {
    type: "string",
    describe: "the network between the hosts, such as 10.0.0.0/24, where they have several",
  },
  run: {
    type: "boolean",
    default: false,
    describe: "mpirun, slurm: start the run here and report how it ended; without it, print the command line",
  },
  fleet: {
    type: "boolean",
    default: false,
    describe: "train the workload's jobs over time, as `serve` does, with its options",
  },
  pmi: {
    type: "string",
    choices: PMIS,
    describe: "slurm: pmix for Open MPI (default), pmi2 for MPICH",
  },
  "until-done": {
    type: "boolean",
    default: false,
    describe: "slurm: print a script for sbatch, whose job comes again until the run has ended",
    notBeside: ["run"],
  },
  modules: {
    type: "string",
    describe: "slurm: modules that the script loads: openmpi/4.1.5,cuda",
    beside: "until-done",
  },
  memory: { type: "number", describe: "--until-done, kubernetes: GiB of each machine (default: by the plan)" },
  container: {
    type: "string",
    describe: "image with loratwin in it, which starts there as `loratwin`; kubernetes needs one",
  },
  runtime: {
    type: "string",
    choices: RUNTIMES,
    describe: "mpirun, slurm: what starts the container (default: apptainer); pyxis is a plugin of Slurm",
    beside: "container",
  },
  mounts: {
    type: "string",
    describe: "mpirun, slurm: folders that the container sees beside this one: /models,/data",
    beside: "container",
  },
  claim: {
    type: "string",
    describe: "kubernetes: the claim of the volume that pods see as this folder (default: loratwin)",
  },
} as const satisfies OptionTable;

const LINES: readonly Launcher[] = ["mpirun", "slurm"];
/** Options that mean nothing for some launchers. */
const TAKERS: Readonly<Partial<Record<keyof typeof LAUNCH_OPTIONS, readonly Launcher[]>>> = {
  hosts: ["mpirun"],
  hostfile: ["mpirun"],
  run: LINES,
  pmi: ["slurm"],
  "until-done": ["slurm"],
  modules: ["slurm"],
  runtime: LINES,
  mounts: LINES,
  claim: ["kubernetes"],
};

const HINTS: Readonly<Record<Launcher, string>> = {
  mpirun: "`loratwin launch --help` says what is for which launcher.",
  slurm: "Slurm chooses the nodes of a job; `sbatch --nodelist` names them.",
  kubernetes: "Kubernetes starts pods of the image on nodes that it chooses.",
};

/** The launcher, where it takes all options that were given. @throws InputError */
export function launcherOf(args: Arguments): Launcher {
  const launcher = requiredText(args, "launcher") as Launcher;
  for (const [name, takers] of Object.entries(TAKERS))
    if (args[name] !== undefined && args[name] !== false && !takers.includes(launcher))
      throw new InputError({
        expected: `--launcher ${takers.join(" or ")} for --${name}`,
        got: launcher,
        hint: HINTS[launcher],
      });
  if (optionalPositive(args, "memory") !== undefined && launcher !== "kubernetes" && !flag(args, "until-done"))
    throw new InputError({ expected: "--until-done or --launcher kubernetes for --memory", got: launcher });
  return launcher;
}

/** Words of a list with commas. @throws InputError for an empty one */
export function wordsOf(args: Arguments, name: string): readonly string[] {
  const words = optionalText(args, name)?.split(",") ?? [];
  if (words.some((word) => !/^[\w@%+=:./-]+$/.test(word)))
    throw new InputError({
      expected: "words without spaces, and commas between them",
      at: `--${name}`,
      got: args[name],
    });
  return words;
}

function containerOf(io: Io, args: Arguments): Container | undefined {
  const image = optionalText(args, "container");
  if (image === undefined) return undefined;
  const mounts = wordsOf(args, "mounts").map((folder) => path.resolve(io.cwd, folder));
  const own = [requiredText(args, "plan"), optionalText(args, "output")].flatMap((given) =>
    given === undefined ? [] : [path.dirname(path.resolve(io.cwd, given))],
  );
  const others = own.filter((folder) => path.relative(io.cwd, folder).startsWith(".."));
  return {
    image,
    runtime: (optionalText(args, "runtime") ?? "apptainer") as Runtime,
    folders: [io.cwd, ...new Set([...mounts, ...others])],
  };
}

/** Names of interfaces, and networks as CIDR. */
const NETWORK = /^[\w.:-]+(\/\d{1,3})?(,[\w.:-]+(\/\d{1,3})?)*$/;

/** @throws InputError */
export function networkOf(args: Arguments): string | undefined {
  const network = optionalText(args, "network");
  if (network !== undefined && !NETWORK.test(network))
    throw new InputError({ expected: "a network such as 10.0.0.0/24 or eth0", at: "--network", got: network });
  return network;
}

/** Names of objects of Kubernetes: RFC 1123. */
const CLAIM = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

/** --claim. @throws InputError */
export function claimOf(args: Arguments): string {
  const claim = optionalText(args, "claim") ?? "loratwin";
  if (!CLAIM.test(claim))
    throw new InputError({ expected: "a claim's name: small letters, digits, - and .", at: "--claim", got: claim });
  return claim;
}

/** What is launched on the machines of a plan. @throws InputError */
export function launchOf(io: Io, args: Arguments, launcher: LineLauncher, machines: Machines): Launch {
  const { names, gpusPerMachine: gpusPerNode } = machines;
  const network = networkOf(args);
  const container = containerOf(io, args);
  const pmi = (optionalText(args, "pmi") ?? "pmix") as Pmi;
  const isRoot = process.getuid?.() === 0;
  const common = { numRanks: names.length, network, isRoot, pmi, gpusPerNode, container };
  // What is given to Open MPI there has the same names in all versions.
  if (launcher === "slurm") return { ...common, hosts: [], hostfile: undefined, openMpi: 5 };
  const [list, hostfile] = [optionalText(args, "hosts"), optionalText(args, "hostfile")];
  const hosts =
    list === undefined ? (hostfile === undefined ? undefined : hostsOfFile(io, hostfile)) : hostsOfList(list);
  if (hosts === undefined)
    throw new InputError({
      expected: "--hosts or --hostfile",
      got: "none",
      hint: `As many hosts as the plan has machines (${names.length}); one is called ${THIS_MACHINE} where it has no cluster file.`,
    });
  checkHosts(hosts, names, list === undefined ? "--hostfile" : "--hosts");
  if (hosts.some((host) => /^[\d.]+$/.test(host)))
    note(
      io,
      args,
      "where a host has a name of its own, mpirun may not know it by its address: it says `not enough slots`",
    );
  const { version, isAssumed } = versionForLine();
  if (isAssumed) note(io, args, `no mpirun here: the line is for Open MPI ${version}`);
  return { ...common, hosts, hostfile, openMpi: version };
}
