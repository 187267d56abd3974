import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import path from "node:path";
import { DeviceError, formatBytes } from "../../core/index.ts";
import {
  buildCommand,
  buildFile,
  type NativeInfo,
  nativeInfo,
  ncclInfo,
  productLibraryName,
  waysToAddon,
} from "../../exec/index.ts";
import { userCache } from "../../files/index.ts";

/**
 * What was found. `ok`: it is there. `slow`: it works, and could be faster. `missing`: what needs it does not work.
 * `broken`: nothing that computes works.
 */
export interface Finding {
  readonly about: string;
  readonly state: "ok" | "slow" | "missing" | "broken";
  readonly found: string;
  /** What needs it; of what is not ok. */
  readonly needs?: string;
  /** How it is got. */
  readonly how?: string;
}

const ok = (about: string, found: string): Finding => ({ about, state: "ok", found });

/** The first line that a program prints; undefined where there is no such program. */
function firstLine(program: string, ...args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync(program, args, { encoding: "utf8", timeout: 10_000 });
  return status === 0 ? stdout.trim().split("\n")[0]! : undefined;
}

function instructionSet({ isa, isaOfProcessor, cpuModel }: NativeInfo): Finding {
  if (isa === isaOfProcessor) return ok("processor", `${cpuModel}, computes with ${isa}`);
  return {
    about: "processor",
    state: "slow",
    found: `${cpuModel} has ${isaOfProcessor}, and the addon was built for ${isa}`,
    needs: "the full speed of this processor",
    how: buildCommand(),
  };
}

function oneDnn({ onednn, isaOfProcessor }: NativeInfo): Finding {
  const isUsed = isaOfProcessor !== "generic" && isaOfProcessor !== "avx2";
  if (!isUsed) return ok("oneDNN", "not needed: this processor has no AVX-512");
  if (onednn !== "none") return ok("oneDNN", onednn);
  return {
    about: "oneDNN",
    state: "slow",
    found: "none: the addon was built without it",
    needs: "the full speed of products: four times as much with AMX, less of a gain with AVX-512",
    how: `the packages of npm and pip have it; for a build, oneDNN 3.5 or newer (Debian 13: libdnnl-dev), then ${buildCommand()}`,
  };
}

function gpus({ cuda }: NativeInfo): readonly Finding[] {
  const names = cuda.devices.map(({ name, memoryBytes }) => `${name} with ${formatBytes(memoryBytes)}`);
  const hasGpu = existsSync("/dev/nvidiactl") || existsSync("/dev/dxg");
  if (!hasGpu && names.length === 0) return [ok("GPUs", "none: everything runs on the CPU")];
  if (!cuda.built)
    return [
      {
        about: "GPUs",
        state: "missing",
        found: "the addon was built without CUDA",
        needs: "training on the GPUs of this machine",
        how: `nvcc and CUDA's runtime (pip install nvidia-cuda-nvcc nvidia-cuda-runtime), then LORATWIN_CUDA=1 ${buildCommand()}`,
      },
    ];
  if (names.length === 0)
    return [{ about: "GPUs", state: "missing", found: cuda.reason, needs: "training on GPUs", how: "NVIDIA's driver" }];
  return [ok("GPUs", names.join(", ")), cublasLt(), nccl()];
}

function cublasLt(): Finding {
  try {
    return ok("cuBLASLt", productLibraryName());
  } catch (error) {
    const found = (error as Error).message.split("\n")[0]!;
    return { about: "cuBLASLt", state: "missing", found, needs: "training on GPUs", how: "pip install nvidia-cublas" };
  }
}

function nccl(): Finding {
  const { name, reason } = ncclInfo();
  if (name !== "") return ok("NCCL", name);
  return {
    about: "NCCL",
    state: "missing",
    found: reason,
    needs: "messages from GPU to GPU between machines, which go through the hosts' memory without it",
    how: "pip install nvidia-nccl-cu13",
  };
}

function severalMachines(): Finding {
  const mpirun = firstLine("mpirun", "--version");
  const about = "several machines";
  const needs = "training on several machines as one run";
  if (mpirun === undefined)
    return {
      about,
      state: "missing",
      found: "no mpirun",
      needs,
      how: "Open MPI 4.1 or 5 with its headers, on each machine",
    };
  if (existsSync(buildFile("loratwin_mpi.so"))) return ok(about, mpirun);
  const how = `MPI's headers (Debian: apt install libopenmpi-dev) and a C++ compiler, then ${buildCommand()}`;
  return { about, state: "missing", found: `${mpirun}, and the addon's part for it is not built`, needs, how };
}

function memory(): Finding {
  const limit = process.constrainedMemory();
  const total = limit > 0 && limit < totalmem() ? limit : totalmem();
  return ok("memory", `${formatBytes(total)}${total < totalmem() ? `, the limit of this process's group` : ""}`);
}

function cache(): Finding {
  const folder = userCache();
  let there = folder;
  while (!existsSync(there)) there = path.dirname(there);
  try {
    accessSync(there, constants.W_OK);
    return ok("cache", folder);
  } catch {
    const needs = "knowing from earlier runs how fast this machine is";
    return {
      ...{ about: "cache", state: "missing", found: `${there} cannot be written`, needs },
      how: "name another folder by XDG_CACHE_HOME",
    };
  }
}

/** What an addon has, and what it says of the machine. */
export function examineAddon(info: NativeInfo): readonly Finding[] {
  const cores = ok("cores", `${info.cores.length} of ${cpus().length}`);
  return [ok("addon", info.version), instructionSet(info), cores, oneDnn(info), ...gpus(info)];
}

function addon(): readonly Finding[] {
  try {
    return examineAddon(nativeInfo());
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    const found = error.facts.detail?.trim() ?? error.message;
    const needs = "calibrating, training and serving; plans and simulations do without";
    return [{ about: "addon", state: "broken", found, needs, how: waysToAddon() }];
  }
}

/** What this machine has of what loratwin can use. */
export function examineMachine(): readonly Finding[] {
  return [
    ok("Node", `${process.version}, ${process.platform} ${process.arch}`),
    ...addon(),
    memory(),
    severalMachines(),
    cache(),
  ];
}
