import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";

/** A GPU as nvidia-smi describes it. */
export interface Gpu {
  readonly name: string;
  readonly driver: string;
  /** Compute capability without its point: 90. */
  readonly architecture: string;
  readonly memoryMiB: number;
  readonly powerLimitWatts: number;
  readonly maxClocksMHz: { readonly multiprocessors: number; readonly memory: number };
}

/** What the stages need to know of the machine; programs as paths or names to start. */
export interface Machine {
  readonly gpu: Gpu | undefined;
  readonly nvcc: string | undefined;
  readonly sanitizer: string | undefined;
  /** For CMake, which takes make without it. */
  readonly ninja: string | undefined;
  /** Without a promise that it has PyTorch. */
  readonly python: string | undefined;
  /** Folders with cuBLASLt that the loader does not know, such as those of PyTorch's packages. */
  readonly libraryFolders: readonly string[];
}

function output(program: string, args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync(program, args, { encoding: "utf8", timeout: 60_000 });
  return status === 0 ? stdout.trim() : undefined;
}

function findTool(name: string): string | undefined {
  const folders = [
    ...(process.env["PATH"] ?? "").split(path.delimiter),
    "/usr/local/nvidia/bin", // containers that get the driver from outside
    ...[process.env["CUDA_HOME"], "/usr/local/cuda"].flatMap((home) =>
      home === undefined ? [] : [path.join(home, "bin"), path.join(home, "compute-sanitizer")],
    ),
  ];
  return folders.map((folder) => path.join(folder, name)).find((file) => existsSync(file));
}

const GPU_FIELDS = "name,driver_version,compute_cap,memory.total,power.limit,clocks.max.sm,clocks.max.memory";

/** The first GPU; `undefined` without a driver. */
export function findGpu(): Gpu | undefined {
  const program = findTool("nvidia-smi");
  if (program === undefined) return undefined;
  const line = output(program, [`--query-gpu=${GPU_FIELDS}`, "--format=csv,noheader,nounits"])?.split("\n")[0];
  const [name, driver, capability, memory, power, processors, memoryClock] = line?.split(", ") ?? [];
  if (name === undefined || driver === undefined || capability === undefined) return undefined;
  return {
    name,
    driver,
    architecture: capability.replace(".", ""),
    memoryMiB: Number(memory),
    powerLimitWatts: Number(power),
    maxClocksMHz: { multiprocessors: Number(processors), memory: Number(memoryClock) },
  };
}

// PyTorch's wheels bring cuBLAS in packages of their own, which only PyTorch finds by itself.
const LIBRARY_FOLDERS = `
import glob, importlib.util, os
spec = importlib.util.find_spec("nvidia")
for root in (spec.submodule_search_locations if spec else []):
    for file in glob.glob(os.path.join(root, "**", "libcublasLt.so*"), recursive=True):
        print(os.path.dirname(file))
`;

/** Looks around; a second or so. */
export function findMachine(): Machine {
  const python = process.env["LORATWIN_PYTHON"] ?? "python3";
  const found = output(python, ["-c", LIBRARY_FOLDERS]);
  const folders = (found ?? "").split("\n").filter((folder) => folder !== "");
  const toolkit = ["/usr/local/cuda/lib64", "/usr/local/cuda/lib"].filter((folder) =>
    existsSync(path.join(folder, "libcublasLt.so")),
  );
  return {
    gpu: findGpu(),
    nvcc: findTool("nvcc"),
    sanitizer: findTool("compute-sanitizer"),
    ninja: findTool("ninja") ?? findTool("ninja-build"),
    python: found === undefined ? undefined : python,
    libraryFolders: [...new Set([...toolkit, ...folders])],
  };
}

/** The environment of the stages' programs. */
export function programEnvironment(machine: Machine): NodeJS.ProcessEnv {
  const known = process.env["LD_LIBRARY_PATH"];
  const folders = [...(known === undefined || known === "" ? [] : [known]), ...machine.libraryFolders];
  return {
    ...process.env,
    ...(folders.length === 0 ? {} : { LD_LIBRARY_PATH: folders.join(":") }),
    ...(machine.nvcc === undefined ? {} : { CUDACXX: machine.nvcc }),
    ...(machine.ninja === undefined ? {} : { CMAKE_GENERATOR: process.env["CMAKE_GENERATOR"] ?? "Ninja" }),
    PYTHONUNBUFFERED: "1",
  };
}
