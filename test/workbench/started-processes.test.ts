import { describe, expect, it } from "vitest";
import {
  doubtOfStart,
  type Environment,
  startedProcesses,
  startHint,
  tellsMpi,
} from "../../workbench/machine/started-processes.ts";

/** What launchers set, as seen under Slurm 24.11 and 22.05, Open MPI 4.1 and 5, and MPICH 4.2. */
const JOB = { SLURM_JOB_ID: "7", SLURM_NTASKS: "2", SLURM_PROCID: "0" };
const STEP = { ...JOB, SLURM_STEP_ID: "0", SLURM_STEP_NUM_TASKS: "2" };
const PMIX = { ...STEP, PMIX_RANK: "0" };
const PMI2 = { ...STEP, PMI_SIZE: "2", PMI_RANK: "0" };
const OPEN_MPI = { OMPI_COMM_WORLD_SIZE: "2", PMIX_RANK: "0" };
const MPICH = { PMI_SIZE: "2", MPI_LOCALNRANKS: "2" };

describe("processes that a launcher has started", () => {
  const CASES: readonly (readonly [what: string, Environment, number, string | undefined, boolean])[] = [
    ["a shell", {}, 1, undefined, false],
    ["a script of sbatch with two tasks", JOB, 1, undefined, false],
    ["a task of an array", { ...JOB, SLURM_ARRAY_TASK_ID: "3" }, 1, undefined, false],
    ["srun -n 1", { ...STEP, SLURM_STEP_NUM_TASKS: "1" }, 1, "Slurm", false],
    ["srun", STEP, 2, "Slurm", false],
    ["srun --mpi=pmix", PMIX, 2, "Slurm", true],
    ["srun --mpi=pmi2", PMI2, 2, "Slurm", true],
    ["Open MPI's mpirun", OPEN_MPI, 2, "Open MPI", true],
    ["Open MPI's mpirun in a job, whose helpers are a step", { ...STEP, ...OPEN_MPI }, 2, "Open MPI", true],
    ["MPICH's mpirun", MPICH, 2, "MPICH", true],
    ["MPICH's mpirun in a job, with a rank here", { ...STEP, PMI_SIZE: "2", MPI_LOCALNRANKS: "1" }, 2, "MPICH", true],
    ["mpirun -n 1", { OMPI_COMM_WORLD_SIZE: "1" }, 1, "Open MPI", false],
    ["what is no number", { PMI_SIZE: "many" }, 1, "MPICH", false],
  ];
  it.each(CASES)("are counted where %s has", (_what, environment, size, by, isTold) => {
    expect(startedProcesses(environment)).toEqual(by === undefined ? { size } : { size, by });
    expect(tellsMpi(environment)).toBe(isTold);
  });
});

describe("what starts ranks", () => {
  const [openMpi, mpich, none] = [() => "Open MPI v5.0.7", () => "MPICH 4.2.1", () => undefined];
  it("is the option of srun for the MPI that loratwin was built with", () => {
    for (const environment of [JOB, STEP, PMI2]) expect(startHint(environment, openMpi)).toContain("`srun --mpi=pmix`");
    for (const environment of [JOB, STEP, PMIX]) {
      expect(startHint(environment, mpich)).toContain("`srun --mpi=pmi2`");
      expect(startHint(environment, mpich)).toContain("--pmi pmi2");
    }
    expect(startHint(STEP, none)).toMatch(/Install MPI .* `srun --mpi=pmix`/);
  });

  it("is that MPI's own mpirun, not another one's", () => {
    const built = "loratwin was built with";
    expect(startHint(MPICH, openMpi)).toBe(`${built} Open MPI v5.0.7: start it with its mpirun, not with MPICH's.`);
    expect(startHint(OPEN_MPI, mpich)).toBe(`${built} MPICH 4.2.1: start it with its mpirun, not with Open MPI's.`);
    expect(startHint(OPEN_MPI, openMpi)).toContain("`loratwin launch`");
    expect(startHint({}, none)).toContain("Install MPI");
  });

  it("is said before an Open MPI that may know no PMI-2 ends the processes, by one of them", () => {
    const four = (): string => "Open MPI v4.1.4";
    expect(doubtOfStart(PMI2, four)).toContain("`srun --mpi=pmix`");
    for (const environment of [STEP, PMIX, MPICH, { ...PMI2, SLURM_PROCID: "1" }, {}])
      expect(doubtOfStart(environment, four)).toBeUndefined();
    for (const name of [openMpi, mpich, none]) expect(doubtOfStart(PMI2, name)).toBeUndefined();
  });
});
