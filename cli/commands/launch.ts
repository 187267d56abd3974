import { EventEmitter } from "node:events";
import path from "node:path";
import { counted, InputError, maximum } from "../../core/index.ts";
import { isFolder } from "../../files/index.ts";
import { machinesOf, THIS_MACHINE } from "../../plan/index.ts";
import { endOf, findResumable, lastStart, RUN_FILES } from "../../runs/index.ts";
import {
  batchScript,
  hostsOfFile,
  hostsOfList,
  LAUNCHERS,
  type Launch,
  type Launcher,
  type LaunchLine,
  launchLine,
  launchText,
  loadCluster,
  loadPlan,
  PMIS,
  type Pmi,
  packageFile,
  startLaunch,
  versionForLine,
} from "../../workbench/index.ts";
import { type Arguments, type Command, flag, optionalText, requiredText, type Use } from "../command.ts";
import { endLines, NOT_AS_PLANNED } from "../describe-end.ts";
import type { Io } from "../io.ts";
import type { OptionTable } from "../option-table.ts";
import { note, printResult, warn } from "../output.ts";
import { helpHint, optionWords } from "../refuse-options.ts";
import { contextOf, deviceChoice } from "../request-options.ts";
import { REST, REST_ANEW } from "./resume.ts";
import { trainCommand } from "./train.ts";

const LAUNCH_OPTIONS = {
  hosts: {
    type: "string",
    describe: "the hosts, in the order of the plan's machines: first:1,second:1; for Open MPI",
  },
  hostfile: { type: "string", describe: "the hosts in a file of Open MPI's form, one a line", notBeside: ["hosts"] },
  launcher: { type: "string", choices: LAUNCHERS, default: "openmpi", describe: "what starts a process on each host" },
  pmi: {
    type: "string",
    choices: PMIS,
    default: "pmix",
    describe: "of Slurm: pmix for Open MPI, pmi2 for MPICH",
  },
  "until-done": {
    type: "boolean",
    default: false,
    describe: "print a script for sbatch, whose job comes again until the run has ended; with --launcher slurm",
    notBeside: ["run"],
  },
  network: {
    type: "string",
    describe: "the network between the hosts, such as 10.0.0.0/24, where they have several",
  },
  run: {
    type: "boolean",
    default: false,
    describe: "start the run here and report how it ended; without it, print the command line",
  },
} as const satisfies OptionTable;

const USAGE = "launch <plan> [workload]";

/** All plans that are trained can be launched, with the options that they are trained with. */
const LAUNCHED = [...trainCommand.uses, REST, REST_ANEW];
const USES = LAUNCHED.map((use): Use => ({ ...use, options: { ...LAUNCH_OPTIONS, ...use.options } }));

/** Whether a run goes on. */
function isResumed(io: Io, args: Arguments): boolean {
  return isFolder(io, requiredText(args, "plan"));
}

/** Machines of a plan. */
interface Machines {
  /** In the order of ranks. */
  readonly names: readonly string[];
  /** The most GPUs of one. */
  readonly gpusPerNode: number;
}

/** The machines of the plan that is trained. @throws InputError, PlanError, DeviceError */
function machinesOfWork(io: Io, args: Arguments, use: Use): Machines {
  const plan = requiredText(args, "plan");
  const resumed = isResumed(io, args) ? findResumable(io, plan, "plan").base : undefined;
  const choice = "devices" in use.options ? deviceChoice(args) : undefined;
  if (choice !== undefined && choice.cluster === undefined && choice.devices === undefined)
    return { names: [THIS_MACHINE], gpusPerNode: 0 };
  const { devices } = choice ? loadCluster(contextOf(io, args), choice) : (resumed ?? loadPlan(io, plan).plan);
  const names = machinesOf({ devices });
  const gpus = names.map((name) => devices.filter(({ machine, kind }) => machine === name && kind === "cuda").length);
  return { names, gpusPerNode: maximum(gpus) };
}

/** A host for each machine. @throws InputError where there are more or fewer */
function checkHosts(hosts: readonly string[], machines: readonly string[], at: string): void {
  if (hosts.length === machines.length) return;
  const wanted = counted(machines.length, "host");
  throw new InputError({
    expected: `${wanted}, one for each machine of the plan (${machines.join(", ")}),`,
    at,
    got: hosts.join(),
    hint: "A machine of the plan is one in its cluster file.",
  });
}

/** Names of interfaces, and networks as CIDR. */
const NETWORK = /^[\w.:-]+(\/\d{1,3})?(,[\w.:-]+(\/\d{1,3})?)*$/;

function launchOf(io: Io, args: Arguments, launcher: Launcher, { names: machines, gpusPerNode }: Machines): Launch {
  const [list, hostfile, network] = [
    optionalText(args, "hosts"),
    optionalText(args, "hostfile"),
    optionalText(args, "network"),
  ];
  if (network !== undefined && !NETWORK.test(network))
    throw new InputError({ expected: "a network such as 10.0.0.0/24 or eth0", at: "--network", got: network });
  const pmi = requiredText(args, "pmi") as Pmi;
  const isRoot = process.getuid?.() === 0;
  const common = { numRanks: machines.length, network, isRoot, pmi, gpusPerNode };
  if (launcher === "slurm") {
    const given = list === undefined ? (hostfile === undefined ? undefined : "--hostfile") : "--hosts";
    if (given !== undefined)
      throw new InputError({
        expected: `--launcher openmpi for ${given}`,
        got: launcher,
        hint: "Slurm chooses the nodes of a job; `sbatch --nodelist` names them.",
      });
    // What is given to Open MPI there has the same names in all versions.
    return { ...common, hosts: [], hostfile: undefined, openMpi: 5 };
  }
  const hosts =
    list === undefined ? (hostfile === undefined ? undefined : hostsOfFile(io, hostfile)) : hostsOfList(list);
  if (hosts === undefined)
    throw new InputError({ expected: "--hosts or --hostfile", got: "none", hint: helpHint(USAGE) });
  checkHosts(hosts, machines, list === undefined ? "--hostfile" : "--hosts");
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

/** The name of a job for a folder, as Slurm shows it. */
function batchName(folder: string): string {
  return `loratwin-${path.basename(folder).replaceAll(/[^\w.-]/g, "-")}`;
}

/** The command as it is started on each host: with this Node, by the path of this program. */
function commandWords(
  name: "train" | "resume",
  args: Arguments,
  options: OptionTable,
  more: readonly string[],
): readonly string[] {
  const workload = optionalText(args, "workload");
  const words = Object.entries(options).flatMap(([name, option]) => {
    const value = args[name];
    return value === undefined || value === option.default ? [] : optionWords(name, value);
  });
  const global = more.filter((name) => flag(args, name)).map((name) => `--${name}`);
  return [name, requiredText(args, "plan"), ...(workload === undefined ? [] : [workload]), ...words, ...global];
}

/** Starts it and returns its launcher's exit code, or where that is 0 what the run folder says. */
async function runLaunch(io: Io, line: LaunchLine, words: readonly string[], folder: string): Promise<number> {
  const before = lastStart(io, folder);
  const { cwd, stdout, stderr } = io;
  const code = await startLaunch(line, words, { cwd, stdout, stderr, signals: io.signals ?? new EventEmitter() });
  if (code !== 0) return code;
  if (lastStart(io, folder) === before) {
    warn(io, `${line.launcher} ended with exit code 0, and nobody has begun a run in ${folder}.`);
    return NOT_AS_PLANNED;
  }
  const end = endOf(io, folder);
  if (end.isAsPlanned) return 0;
  warn(
    io,
    [
      `${line.launcher} ended with exit code 0, and the run has not ended as planned.`,
      ...endLines(folder, end, "launch"),
    ].join("\n"),
  );
  return NOT_AS_PLANNED;
}

export const launchCommand: Command = {
  usage: USAGE,
  describe: "train on several machines: the command line that starts a process on each, or starting it (--run)",
  examples: [
    [
      "$0 launch plan.json --hosts first,second -o run/",
      "prints the line of mpirun, and a check of how the run has ended",
    ],
    ["$0 launch plan.json --hosts first,second -o run/ --run", "starts it"],
    ["$0 launch run/ --hosts first,second", "goes on with a run that was ended or cut off"],
    ["$0 launch plan.json --launcher slurm -o run/", "the line of srun, for a job of Slurm"],
    [
      "$0 launch plan.json --launcher slurm -o run/ --until-done > run.sbatch",
      "a job that comes again until it is done",
    ],
  ],
  positionals: {
    plan: {
      type: "string",
      demandOption: true,
      describe: "plan or workload file, or the folder of a run to go on with",
    },
    workload: { type: "string", describe: "workload by which what is left of that run is planned anew" },
  },
  uses: USES as [Use, ...Use[]],
  useOf(args, io) {
    const workload = optionalText(args, "workload");
    if (isResumed(io, args)) return USES[LAUNCHED.indexOf(workload === undefined ? REST : REST_ANEW)]!;
    if (workload === undefined) return USES[LAUNCHED.indexOf(trainCommand.useOf!(args, io))]!;
    throw new InputError({ expected: "the folder of a run beside a workload", at: "plan", got: args["plan"] });
  },
  async run(args, io, use) {
    const launcher = requiredText(args, "launcher") as Launcher;
    const machines = machinesOfWork(io, args, use);
    const isRepeated = flag(args, "until-done");
    if (isRepeated && launcher !== "slurm")
      throw new InputError({ expected: "--launcher slurm for --until-done", at: "--launcher", got: launcher });
    const line = launchLine(launcher, launchOf(io, args, launcher, machines));
    const folder = requiredText(args, isResumed(io, args) ? "plan" : "output");
    const isRun = flag(args, "run");
    const program = [process.execPath, packageFile("dist", "cli", "main.js")];
    const options = Object.fromEntries(Object.entries(use.options).filter(([name]) => !(name in LAUNCH_OPTIONS)));
    const train = [
      ...program,
      ...commandWords(
        isResumed(io, args) ? "resume" : "train",
        args,
        options,
        isRun ? ["quiet", "debug", "json"] : ["quiet", "debug"],
      ),
    ];
    if (isRun) return await runLaunch(io, line, train, folder);
    const check = [...program, "check-run", folder];
    const { environment, launcher: name } = line;
    if (isRepeated) {
      const kept = Object.fromEntries(Object.entries(options).filter(([key]) => key in REST.options));
      const resume = [...program, ...commandWords("resume", { ...args, plan: folder }, kept, ["quiet", "debug"])];
      const script = batchScript({
        ...{ name: batchName(folder), numNodes: machines.names.length, gpusPerNode: machines.gpusPerNode, line, check },
        ...{ begin: train, goOn: isResumed(io, args) ? train : resume, begun: path.join(folder, RUN_FILES.plan) },
      });
      printResult(io, args, { script }, () => script);
      return 0;
    }
    const document = {
      machines: machines.names,
      environment,
      command: [name, ...line.options.flat(), ...train],
      check,
    };
    printResult(io, args, document, () => launchText(line, train, check));
    return 0;
  },
};
