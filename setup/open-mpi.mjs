// MPI, which tests of several machines start ranks with. Without it they say so and are left out, so that nobody needs it.
import { existsSync } from "node:fs";
import { findPackageManager } from "./package-manager.mjs";
import { findProgram } from "./search-path.mjs";

/** Whether there is an MPI to build with and to start ranks with. */
export function hasMpi() {
  const compiler = findProgram(["mpicxx", "mpic++"]) !== undefined || existsSync("/usr/lib64/openmpi/bin/mpicxx");
  return compiler && findProgram(["mpirun"]) !== undefined;
}

/** Open MPI where the distribution has it as Debian does. */
export function installOpenMpi() {
  if (hasMpi()) return;
  const manager = findPackageManager();
  if (manager?.kind !== "apt") return;
  manager.refresh();
  if (manager.offers("libopenmpi-dev")) manager.install(["openmpi-bin", "libopenmpi-dev", "iproute2"]);
}
