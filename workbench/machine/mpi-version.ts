import { spawnSync } from "node:child_process";
import { InputError } from "../../core/index.ts";

/** What is taken where there is no `mpirun` to ask. */
const NEWEST = 5;

/** What others than Open MPI call themselves. */
const OTHERS = /HYDRA|MPICH|Intel|MVAPICH/i;

/**
 * The first number of the version of this machine's Open MPI, from what `mpirun --version` says; undefined where it says
 * none, or is not there. @throws InputError for that of another MPI
 */
export function openMpiVersion(said = askVersion()): number | undefined {
  if (said === undefined) return undefined;
  const found = /Open MPI\)? +v?(\d+)\./.exec(said);
  if (found !== null) return Number(found[1]);
  if (!OTHERS.test(said)) return undefined;
  throw new InputError({
    expected: "Open MPI's mpirun",
    got: said.split("\n")[0]!,
    hint: "Build loratwin with that MPI, and start `train` with its own launcher; for Slurm: --launcher slurm --pmi pmi2.",
  });
}

function askVersion(): string | undefined {
  const { stdout, error } = spawnSync("mpirun", ["--version"], { encoding: "utf8", timeout: 10_000 });
  return error === undefined ? stdout : undefined;
}

/** The version to write a line for, and whether that was only assumed. */
export function versionForLine(): { readonly version: number; readonly isAssumed: boolean } {
  const version = openMpiVersion();
  return { version: version ?? NEWEST, isAssumed: version === undefined };
}
