import { shellQuoted } from "../../core/index.ts";
import type { LaunchLine } from "./launch-line.ts";

/** A run that a job of Slurm carries out, as often as it takes. */
export interface BatchRun {
  /** Of the job; a second one of the same name waits for the first. */
  readonly name: string;
  readonly numNodes: number;
  /** GPUs of each node; 0 for none. */
  readonly gpusPerNode: number;
  readonly line: LaunchLine;
  /** The command that begins the run, and the one that goes on with it, once the run folder has this file. */
  readonly begin: readonly string[];
  readonly goOn: readonly string[];
  readonly begun: string;
  /** The command that says whether the run has ended. */
  readonly check: readonly string[];
}

/** Seconds before a job's time is over at which it is told. */
const NOTICE_SECONDS = 120;

const quoted = (words: readonly string[]): string => words.map(shellQuoted).join(" ");

/** A script for `sbatch`: the job comes again until its run has ended (exit code 75), from the newest checkpoint. */
export function batchScript(run: BatchRun): string {
  const { name, numNodes, gpusPerNode, line, begin, goOn, begun, check } = run;
  const environment = Object.entries(line.environment).map(([key, value]) => `${key}=${shellQuoted(value)}`);
  const isAlwaysGoingOn = quoted(begin) === quoted(goOn);
  return [
    "#!/bin/bash",
    "# Comes again until the run has ended: sbatch SCRIPT, with --time, --partition and what else your cluster asks for.",
    `#SBATCH --job-name=${name}`,
    `#SBATCH --nodes=${numNodes}`,
    "#SBATCH --ntasks-per-node=1",
    ...(gpusPerNode === 0 ? ["#SBATCH --exclusive"] : [`#SBATCH --gpus-per-node=${gpusPerNode}`]),
    "#SBATCH --requeue",
    "#SBATCH --open-mode=append",
    "#SBATCH --dependency=singleton",
    `# ${NOTICE_SECONDS} s before the time is over training is told, and ends with a checkpoint and exit code 75.`,
    `#SBATCH --signal=USR2@${NOTICE_SECONDS}`,
    "set -uo pipefail",
    "",
    `run=(${quoted(begin)})`,
    ...(isAlwaysGoingOn ? [] : [`if [ -e ${shellQuoted(begun)} ]; then run=(${quoted(goOn)}); fi`]),
    "",
    `export ${environment.join(" ")}`,
    `${line.launcher} ${line.options.map(quoted).join(" ")} \\`,
    `  "$\{run[@]}"`,
    "code=$?",
    'if [ $code -eq 75 ]; then exec scontrol requeue "$SLURM_JOB_ID"; fi',
    `${quoted(check)} || exit $((code > 0 ? code : 1))`,
  ].join("\n");
}
