import { mpiName } from "../../exec/index.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Who starts processes as one run: an `mpirun`, by its MPI's kin, or a step of Slurm. */
type Launcher = "Open MPI" | "MPICH" | "Slurm";

/** How this process was started, as its launcher tells it. */
export interface Started {
  /** How many processes there are in all; 1 where no launcher has started several. */
  readonly size: number;
  /** Absent where nobody but a shell or a script of a job did. */
  readonly by?: Launcher;
}

function sizeOf(told: string | undefined): number {
  const size = Number(told ?? 1);
  return Number.isSafeInteger(size) && size > 0 ? size : 1;
}

/**
 * What a process knows of its launcher. A script of `sbatch` is no step: its SLURM_NTASKS says what `srun` would start.
 * MPICH's mpirun starts its helpers by a step of Slurm, and says how many of its ranks are here; Slurm does not.
 */
export function startedProcesses(environment: Environment): Started {
  const {
    OMPI_COMM_WORLD_SIZE: openMpi,
    PMI_SIZE: pmi,
    MPI_LOCALNRANKS: here,
    SLURM_STEP_NUM_TASKS: step,
  } = environment;
  if (openMpi !== undefined) return { size: sizeOf(openMpi), by: "Open MPI" };
  if (here !== undefined || (pmi !== undefined && step === undefined))
    return { size: sizeOf(pmi ?? here), by: "MPICH" };
  if (step !== undefined) return { size: sizeOf(step), by: "Slurm" };
  return { size: 1 };
}

/** Whether the launcher tells MPI of the processes: of Slurm's it says so with PMIx or PMI-2. */
export function tellsMpi(environment: Environment): boolean {
  const { size, by } = startedProcesses(environment);
  const isTold = by !== "Slurm" || environment["PMIX_RANK"] !== undefined || environment["PMI_SIZE"] !== undefined;
  return size > 1 && isTold;
}

const WITHOUT_MPI =
  "Install MPI (apt install openmpi-bin libopenmpi-dev), build again with `npm run build`, and start it with";

/** How ranks are started where this process was, in place of what has not made it one. */
export function startHint(environment: Environment, nameOfMpi = mpiName): string {
  const { by } = startedProcesses(environment);
  const built = nameOfMpi();
  const isOpenMpi = built === undefined || built.startsWith("Open MPI");
  if (by === "Slurm" || (by === undefined && environment["SLURM_JOB_ID"] !== undefined)) {
    const [option, launch] = isOpenMpi ? ["--mpi=pmix", ""] : ["--mpi=pmi2", " --pmi pmi2"];
    const has = built === undefined ? WITHOUT_MPI : `loratwin was built with ${built}. Start it with`;
    return `${has} \`srun ${option}\`, as \`loratwin launch --launcher slurm${launch}\` does, or with that MPI's mpirun.`;
  }
  if (built === undefined) return `${WITHOUT_MPI} that MPI's mpirun, or with \`loratwin launch\`.`;
  const isForeign = by !== undefined && isOpenMpi !== (by === "Open MPI");
  if (!isForeign) return `Start it with the mpirun of ${built}, or with \`loratwin launch\`.`;
  const kin = isOpenMpi ? "MPICH" : "Open MPI";
  return `loratwin was built with ${built}: start it with its mpirun, not with ${kin}'s.`;
}

/**
 * What to do should MPI not start, which ends the process with words of its own: Open MPI before 5 can be built with
 * PMI-2, and mostly is not. Said by one process.
 */
export function doubtOfStart(environment: Environment, nameOfMpi = mpiName): string | undefined {
  const { by } = startedProcesses(environment);
  const isPmi2 = by === "Slurm" && environment["PMI_SIZE"] !== undefined && environment["PMIX_RANK"] === undefined;
  if (!isPmi2 || environment["SLURM_PROCID"] !== "0" || !/^Open MPI v[0-4]\./.test(nameOfMpi() ?? "")) return undefined;
  return `--mpi=pmi2 is for an Open MPI with PMI-2. Where MPI does not start: ${startHint(environment, nameOfMpi)}`;
}
