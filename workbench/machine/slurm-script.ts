import { shellQuoted } from "../../core/index.ts";
import { type LaunchLine, quoted } from "./launch-line.ts";
import { chosenCommand, noticeSeconds, type RepeatedRun } from "./repeated-run.ts";

/** What a job of Slurm needs beside its run. */
export interface SlurmJob {
  readonly line: LaunchLine;
  /** That are loaded before it starts. */
  readonly modules: readonly string[];
  /** In which its commands start; where it is not said, the folder in which it is submitted. */
  readonly folder?: string;
}

/** Slurm takes whole numbers of a unit alone. */
function wholeMemory(gib: number): string {
  return Number.isInteger(gib) ? `${gib}G` : `${Math.ceil(1024 * gib)}M`;
}

/** What is asked of each node. */
function demands({ machines: { gpus, cpus, memoryGib } }: RepeatedRun): readonly string[] {
  return [
    ...(cpus === null ? ["--exclusive"] : [`--cpus-per-task=${cpus}`]),
    ...(gpus === 0 ? [] : [`--gpus-per-node=${gpus}`]),
    // 0 is all that a node has.
    ...(memoryGib === null ? (cpus === null ? ["--mem=0"] : []) : [`--mem=${wholeMemory(memoryGib)}`]),
  ];
}

const ABOUT =
  "Comes again until the run has ended: sbatch SCRIPT, with --time, --partition and what else your cluster asks for.";

/** A script for `sbatch`: the job comes again until its run has ended (exit code 75), from the newest checkpoint. */
export function slurmScript(run: RepeatedRun, { line, modules, folder }: SlurmJob): string {
  const environment = Object.entries(line.environment).map(([key, value]) => `${key}=${shellQuoted(value)}`);
  const alone = line.alone.length === 0 ? "" : `${quoted(line.alone)} `;
  const notice = noticeSeconds(run);
  const within = line.within.length === 0 ? [] : [`  ${quoted(line.within)} \\`];
  return [
    "#!/bin/bash",
    `# ${ABOUT}`,
    `#SBATCH --job-name=${run.name}`,
    `#SBATCH --nodes=${run.machines.count}`,
    "#SBATCH --ntasks-per-node=1",
    ...demands(run).map((option) => `#SBATCH ${option}`),
    ...(folder === undefined ? [] : [`#SBATCH --chdir=${shellQuoted(folder)}`]),
    "#SBATCH --requeue",
    "#SBATCH --open-mode=append",
    "#SBATCH --dependency=singleton",
    `# ${notice} s before the time is over training is told, and ends with a checkpoint and exit code 75.`,
    `#SBATCH --signal=USR2@${notice}`,
    "set -uo pipefail",
    // The run has it too, and says how it ends.
    "trap : USR2",
    "",
    ...(modules.length === 0 ? [] : [`module load ${quoted(modules)} || exit 3`]),
    ...chosenCommand(run, alone),
    "",
    ...(environment.length === 0 ? [] : [`export ${environment.join(" ")}`]),
    `${line.launcher} ${line.options.map(quoted).join(" ")} \\`,
    ...within,
    `  "$\{run[@]}"`,
    "code=$?",
    'if [ $code -eq 75 ]; then exec scontrol requeue "$SLURM_JOB_ID"; fi',
    `${alone}${run.check} || exit $((code > 0 ? code : 1))`,
  ].join("\n");
}
