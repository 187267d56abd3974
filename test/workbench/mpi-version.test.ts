import { expect, it } from "vitest";
import { launchLine } from "../../workbench/machine/launch-line.ts";
import { openMpiVersion } from "../../workbench/machine/mpi-version.ts";

it("the version of Open MPI is what mpirun says, and that of another MPI is refused", () => {
  expect(openMpiVersion("mpirun (Open MPI) 5.0.7\n\nReport bugs to ...")).toBe(5);
  expect(openMpiVersion("mpirun (Open MPI) 4.1.4\n")).toBe(4);
  expect(openMpiVersion("")).toBeUndefined();
  expect(() => openMpiVersion("HYDRA build details:\n    Version: 4.0.2\n")).toThrow("--pmi pmi2");
});

it("lines for Open MPI 4 have its names of parameters and of shared memory", () => {
  const common = { numRanks: 3, hosts: ["a", "a", "b"], hostfile: undefined, network: "10.0.0.0/24", isRoot: false };
  const wordsOf = (openMpi: number) =>
    launchLine("mpirun", { ...common, openMpi, pmi: "pmix", gpusPerNode: 0 }).options.map((words) => words.join(" "));
  const [four, five] = [wordsOf(4), wordsOf(5)];
  expect(five).toContain("--prtemca prte_if_include 10.0.0.0/24");
  expect(five).toContain("--mca btl sm,tcp,self");
  expect(four).toContain("--mca oob_tcp_if_include 10.0.0.0/24");
  expect(four).toContain("--mca oob_tcp_keepalive_time 3");
  expect(four).toContain("--mca btl vader,tcp,self");
  expect(four.join()).not.toContain("prte");
});

it("a line of Slurm says how its MPI finds its processes, and how many GPUs a node gives", () => {
  const launch = { numRanks: 2, hosts: [], hostfile: undefined, network: undefined, isRoot: false, openMpi: 5 };
  const { options } = launchLine("slurm", { ...launch, pmi: "pmi2", gpusPerNode: 8 });
  expect(options.flat()).toEqual(expect.arrayContaining(["--mpi=pmi2", "--gpus-per-node=8"]));
});
