import { counted, InputError, maximum, sum } from "../core/index.ts";
import { checkTrainable } from "../exec/index.ts";
import { isFolder } from "../files/index.ts";
import { machinesOf, type PlanBody, type ResolvedDevice, THIS_MACHINE } from "../plan/index.ts";
import { findResumable } from "../runs/index.ts";
import { loadCluster, loadPlan, type MachineShare } from "../workbench/index.ts";
import { type Arguments, requiredText, type Use } from "./command.ts";
import type { Io } from "./io.ts";
import { contextOf, deviceChoice } from "./request-options.ts";

/** Machines of what is launched. */
export interface Machines {
  /** In the order of ranks. */
  readonly names: readonly string[];
  /** The most GPUs of one. */
  readonly gpusPerMachine: number;
  /** The most cores that one gives. */
  readonly cpusPerMachine: number;
  /** The most memory that one needs beside its GPUs'; null where no plan says. */
  readonly memoryGib: number | null;
}

const GIB = 2 ** 30;
/** Of a process beside its devices: data, tokenizer, Node. */
const PROCESS_GIB = 4;
/** Cores that a GPU's threads are given, and one for the process itself. */
const CORES_PER_GPU = 4;
const PROCESS_CORES = 1;

interface Work {
  readonly devices: readonly ResolvedDevice[];
  readonly planned?: Pick<PlanBody, "stages" | "memory">;
}

/** A machine of which a run takes some GPUs, whatever its name. */
export function machineOfGpus(gpus: number): Machines {
  const cpusPerMachine = PROCESS_CORES + CORES_PER_GPU * gpus;
  return { names: [THIS_MACHINE], gpusPerMachine: gpus, cpusPerMachine, memoryGib: null };
}

/** The machines that devices are on. @throws DeviceError for devices that nobody trains on */
function machinesOfDevices({ devices, planned }: Work): Machines {
  checkTrainable(devices);
  const names = machinesOf({ devices });
  const own = names.map((name) => devices.filter(({ machine }) => machine === name));
  const gpusOf = (all: readonly ResolvedDevice[]): number => all.filter(({ kind }) => kind === "cuda").length;
  const coresOf = (all: readonly ResolvedDevice[]): number =>
    sum(all.map(({ kind, threads }) => (kind === "cpu" ? threads : kind === "cuda" ? CORES_PER_GPU : 0)));
  const bytesOf = (name: string, { stages, memory }: NonNullable<Work["planned"]>): number =>
    sum(
      stages.map(({ device }, stage) => {
        const { machine, kind } = devices[device]!;
        return machine === name && kind === "cpu" ? memory[stage]!.total : 0;
      }),
    );
  return {
    names,
    gpusPerMachine: maximum(own.map(gpusOf)),
    cpusPerMachine: PROCESS_CORES + maximum(own.map(coresOf)),
    // Beside GPUs nobody says what their weights and buffers take on the way.
    memoryGib:
      planned === undefined || devices.some(({ kind }) => kind === "cuda")
        ? null
        : PROCESS_GIB + Math.ceil(maximum(names.map((name) => bytesOf(name, planned))) / GIB),
  };
}

/** Whether a run goes on. */
export function isResumed(io: Io, args: Arguments): boolean {
  return isFolder(io, requiredText(args, "plan"));
}

/** The machines of what is trained. @throws InputError, PlanError, DeviceError */
export function machinesOfWork(io: Io, args: Arguments, use: Use): Machines {
  const given = requiredText(args, "plan");
  if ("devices" in use.options) {
    const choice = deviceChoice(args);
    if (choice.cluster !== undefined || choice.devices !== undefined)
      return machinesOfDevices({ devices: loadCluster(contextOf(io, args), choice).devices });
    return { names: [THIS_MACHINE], gpusPerMachine: 0, cpusPerMachine: PROCESS_CORES, memoryGib: null };
  }
  const planned = isResumed(io, args) ? findResumable(io, given, "plan").base : loadPlan(io, given).plan;
  return machinesOfDevices({ devices: planned.devices, planned });
}

/** What a cluster gives each machine of a run. `isAlone`: whole nodes, where a machine has no GPUs to share one by. */
export function shareOf(machines: Machines, memoryGib: number | undefined, isAlone: boolean): MachineShare {
  const { names, gpusPerMachine: gpus, cpusPerMachine: cpus } = machines;
  return {
    ...{ count: names.length, gpus, cpus: isAlone && gpus === 0 ? null : cpus },
    memoryGib: memoryGib ?? (isAlone && gpus === 0 ? null : machines.memoryGib),
  };
}

/** A host for each machine. @throws InputError where there are more or fewer */
export function checkHosts(hosts: readonly string[], machines: readonly string[], at: string): void {
  if (hosts.length === machines.length) return;
  const wanted = counted(machines.length, "host");
  throw new InputError({
    expected: `${wanted}, one for each machine of the plan (${machines.join(", ")}),`,
    at,
    got: hosts.join(),
    hint: "A machine of the plan is one in its cluster file.",
  });
}
