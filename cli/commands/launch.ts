import { EventEmitter } from "node:events";
import path from "node:path";
import { InputError } from "../../core/index.ts";
import { absolute } from "../../files/index.ts";
import { endOf, lastStart, onInterrupt, runKindOf } from "../../runs/index.ts";
import {
  kubernetesName,
  kubernetesObjects,
  kubernetesText,
  type LaunchLine,
  type LineLauncher,
  launchLine,
  launchText,
  planOrWorkload,
  podHosts,
  slurmScript,
  startLaunch,
} from "../../workbench/index.ts";
import { INTERRUPTED } from "../checkpoint-options.ts";
import {
  type Arguments,
  type Command,
  flag,
  optionalPositive,
  optionalText,
  requiredText,
  type Use,
} from "../command.ts";
import { endLines, NOT_AS_PLANNED } from "../describe-end.ts";
import type { Io } from "../io.ts";
import { claimOf, LAUNCH_OPTIONS, launcherOf, launchOf, networkOf, wordsOf } from "../launch-options.ts";
import { isResumed, machinesOfWork, shareOf } from "../launched-machines.ts";
import {
  commandWords,
  jobName,
  type LaunchedCommand,
  optionsOfRun,
  programWords,
  repeatedArguments,
  repeatedRun,
} from "../launched-words.ts";
import { note, printResult, warn } from "../output.ts";
import { REST, REST_ANEW, REST_OF_FLEET } from "./resume.ts";
import { serveCommand } from "./serve.ts";
import { SEARCH, trainCommand } from "./train.ts";

const launched = (use: Use): Use => ({ ...use, options: { ...LAUNCH_OPTIONS, ...use.options } });

/** What is trained by a plan can be launched with the options that it is trained with; a search is launched as a fleet. */
const BY_PLAN = trainCommand.uses.filter((use) => use !== SEARCH);
const TRAINED = BY_PLAN.map(launched) as [Use, ...Use[]];
const [FLEET, ONWARD, ANEW, FLEET_ONWARD] = [serveCommand.uses[0], REST, REST_ANEW, REST_OF_FLEET].map(launched) as [
  Use,
  Use,
  Use,
  Use,
];

const isOfFleet = (use: Use): boolean => use === FLEET || use === FLEET_ONWARD;

/** The command that is started on each machine. */
function launchedCommand(io: Io, args: Arguments, use: Use): LaunchedCommand {
  const name = isResumed(io, args) ? "resume" : isOfFleet(use) ? "serve" : "train";
  return { name, args, options: optionsOfRun(use) };
}

/** Starts it and returns its launcher's exit code, or where that is 0 what the run folder says. */
async function runLaunch(io: Io, line: LaunchLine, words: readonly string[], folder: string): Promise<number> {
  const before = lastStart(io, folder);
  const { cwd, stdout, stderr } = io;
  const signals = io.signals ?? new EventEmitter();
  using interrupt = onInterrupt(
    signals,
    () => {},
    () => {},
  );
  const code = await startLaunch(line, words, { cwd, stdout, stderr, signals });
  // A launcher that is told to end says so in its own way.
  if (code !== 0) return interrupt.isAsked() ? INTERRUPTED : code;
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

/** What goes on with a run that was begun by a use. */
function onwardOf(use: Use): Use {
  return use === FLEET ? FLEET_ONWARD : TRAINED.includes(use) ? ONWARD : use;
}

/** The commands of a run that comes again: what begins it, and what goes on with it. */
function repeatedCommands(io: Io, args: Arguments, use: Use) {
  const given = repeatedArguments(io, args, isOfFleet(use));
  const begin: LaunchedCommand = { ...launchedCommand(io, args, use), args: given.begin };
  const goOn: LaunchedCommand = { name: "resume", args: given.goOn, options: optionsOfRun(onwardOf(use)) };
  return { given, begin, goOn };
}

/** A line that starts it, the same started, or a job of Slurm that does so until it is done. */
async function launchByLine(io: Io, args: Arguments, use: Use, launcher: LineLauncher): Promise<number> {
  const machines = machinesOfWork(io, args, use);
  const launch = launchOf(io, args, launcher, machines);
  const line = launchLine(launcher, launch);
  const program = programWords(launch.container);
  const isRun = flag(args, "run");
  const global = isRun ? ["quiet", "debug", "json"] : ["quiet", "debug"];
  if (flag(args, "until-done")) {
    const { given, begin, goOn } = repeatedCommands(io, args, use);
    if (isOfFleet(use) && !flag(args, "once"))
      note(io, args, "without --once jobs over time never end, and so does the job");
    const words = {
      program,
      begin: [...program, ...commandWords(begin, global)],
      goOn: [...program, ...commandWords(goOn, global)],
    };
    const share = shareOf(machines, optionalPositive(args, "memory"), true);
    const run = repeatedRun(given, words, { name: jobName(io, given.folder), machines: share });
    const script = slurmScript(run, { line, modules: wordsOf(args, "modules"), folder: io.cwd });
    printResult(io, args, { script }, () => script);
    return 0;
  }
  const folder = requiredText(args, isResumed(io, args) ? "plan" : "output");
  const words = [...program, ...commandWords(launchedCommand(io, args, use), global)];
  if (isRun) return await runLaunch(io, line, words, folder);
  const check = [...program, "check-run", folder];
  const document = {
    machines: machines.names,
    environment: line.environment,
    command: [line.launcher, ...line.options.flat(), ...line.within, ...words],
    check: [...line.alone, ...check],
  };
  printResult(io, args, document, () => launchText(line, words, check));
  return 0;
}

/** A job of Kubernetes. Several machines are pods of which the first starts `launch --run` over all of them. */
function launchByKubernetes(io: Io, args: Arguments, use: Use): number {
  const image = optionalText(args, "container");
  if (image === undefined)
    throw new InputError({
      expected: "--container IMAGE for --launcher kubernetes",
      got: "none",
      hint: "The image has loratwin, and for several machines Open MPI, ssh and sshd.",
    });
  const machines = machinesOfWork(io, args, use);
  const { given, begin, goOn } = repeatedCommands(io, args, use);
  const { folder } = given;
  for (const each of [requiredText(args, "plan"), folder])
    if (path.relative(io.cwd, absolute(io, each)).startsWith(".."))
      throw new InputError({
        expected: `a path that pods see, which is one in ${io.cwd}`,
        got: each,
        hint: "Call `launch` in a folder that has plan, model, data and run.",
      });
  const name = kubernetesName(jobName(io, folder));
  const program = programWords({ image });
  const network = networkOf(args);
  const start = [
    ...["--hosts", podHosts(name, machines.names.length).join()],
    ...(network === undefined ? [] : ["--network", network]),
    "--run",
  ];
  const words = (each: LaunchedCommand): readonly string[] => {
    const [own, ...rest] = commandWords(each, ["quiet", "debug"]);
    if (machines.names.length === 1) return [...program, own!, ...rest];
    return [...program, "launch", ...rest, ...(own === "serve" ? ["--fleet"] : []), ...start];
  };
  const run = repeatedRun(
    given,
    { program, begin: words(begin), goOn: words(goOn) },
    { name, machines: shareOf(machines, optionalPositive(args, "memory"), false) },
  );
  const job = { image, claim: claimOf(args), folder: io.cwd, program, runFolder: folder };
  printResult(io, args, { objects: kubernetesObjects(run, job) }, () => kubernetesText(run, job).trimEnd());
  return 0;
}

export const launchCommand: Command = {
  usage: "launch <plan> [workload]",
  describe: "train on several machines: the line, script or job that starts a process on each, or starting it (--run)",
  examples: [
    [
      "$0 launch plan.json --hosts first,second -o run/",
      "prints the line of mpirun, and a check of how the run has ended",
    ],
    ["$0 launch plan.json --hosts first,second -o run/ --run", "starts it"],
    ["$0 launch run/ --hosts first,second", "goes on with a run that was ended or cut off"],
    [
      "$0 launch plan.json --launcher slurm -o run/ --until-done > run.sbatch",
      "a job of Slurm that comes again until the run has ended",
    ],
    ["$0 launch plan.json --launcher kubernetes --container IMAGE -o run/ > run.yaml", "the same of Kubernetes"],
    ["$0 launch jobs.yaml --fleet --once --cluster c.yaml --hosts first,second -o run/", "jobs over time, or a sweep"],
  ],
  positionals: {
    plan: {
      type: "string",
      demandOption: true,
      describe: "plan or workload file, or the folder of a run to go on with",
    },
    workload: {
      type: "string",
      describe: "workload of that run: jobs over time need it; what is left of a plan is planned anew by it",
    },
  },
  uses: [...TRAINED, FLEET, ONWARD, ANEW, FLEET_ONWARD],
  useOf(args, io) {
    const [workload, isFleet] = [optionalText(args, "workload"), flag(args, "fleet")];
    if (isResumed(io, args)) {
      if (runKindOf(io, requiredText(args, "plan")) === "fleet") {
        if (workload === undefined)
          throw new InputError({
            expected: "the workload beside the run of jobs over time",
            at: "workload",
            got: "none",
          });
        return FLEET_ONWARD;
      }
      return workload === undefined ? ONWARD : ANEW;
    }
    if (workload !== undefined)
      throw new InputError({ expected: "the folder of a run beside a workload", at: "plan", got: args["plan"] });
    if (isFleet) return FLEET;
    const use = trainCommand.useOf!(args, io);
    if (use === SEARCH)
      throw new InputError({
        expected: "--fleet beside a sweep with halving or a model",
        file: requiredText(args, "plan"),
        got: "none",
        hint: "`launch WORKLOAD --fleet --once` trains it: a scheduler decides who goes on, and no plan is made before.",
      });
    return TRAINED[BY_PLAN.indexOf(use)]!;
  },
  async run(args, io, use) {
    if (use === FLEET && planOrWorkload(io, requiredText(args, "plan")) === "plan")
      throw new InputError({ expected: "a workload for --fleet", at: "plan", got: "a finished plan" });
    const launcher = launcherOf(args);
    return launcher === "kubernetes" ? launchByKubernetes(io, args, use) : await launchByLine(io, args, use, launcher);
  },
};
