import { spawnSync } from "node:child_process";
import { packageFile } from "../files/index.ts";
import { installedPython } from "../peers/python-environment.ts";
import type { Dtype, Projection } from "../plan/index.ts";
import { type StepProcess, startSteps } from "./step-process.ts";
import type { ModelShape } from "./workload.ts";

/** How PyTorch is told to work. */
export interface TorchSettings {
  readonly dtype: Dtype;
  readonly mode: "sequential" | "fused";
  /** PyTorch's own threads, and OpenBLAS's where it multiplies with that. */
  readonly threads: number;
  readonly blasThreads: number;
}

export interface TorchWork {
  readonly model: ModelShape;
  readonly ranks: readonly number[];
  readonly targets: readonly Projection[];
  readonly batchSize: number;
  readonly length: number;
}

const SCRIPT = packageFile("bench", "baseline", "torch_lora.py");

/** The Python whose libraries are compared with: the one that is named, that of `npm run peers`, or the system's. */
export const baselinePython = (): string => process.env["LORATWIN_PYTHON"] ?? installedPython() ?? "/usr/bin/python3";

/** OpenBLAS finds the processor's kernels best itself. */
export function torchEnvironment(threads: number, blasThreads: number): NodeJS.ProcessEnv {
  const { OPENBLAS_CORETYPE: _type, OPENBLAS_L2_SIZE: _size, ...env } = process.env;
  return { ...env, OMP_NUM_THREADS: `${threads}`, OPENBLAS_NUM_THREADS: `${blasThreads}` };
}

/** The library that multiplies: Debian's PyTorch has OpenBLAS, pip's has MKL. */
type Blas = "OpenBLAS" | "MKL";

/** The PyTorch to compare with, or why there is none. */
type FoundTorch = { readonly version: string; readonly blas: Blas } | { readonly missing: string };

const found = new Map<string, FoundTorch>();

function lookForTorch(): FoundTorch {
  const python = baselinePython();
  const { status, stdout } = spawnSync(python, [SCRIPT, "--check"], { encoding: "utf8", env: torchEnvironment(1, 2) });
  if (status !== 0)
    return { missing: `No PyTorch in ${python} (npm run peers installs one; or apt install python3-torch)` };
  const { torch, blas } = JSON.parse(stdout) as { torch: string; blas: string | null };
  if (blas === null)
    return {
      missing:
        "PyTorch works without OpenBLAS and MKL here, several times slower than it can be (apt install libopenblas0-pthread)",
    };
  return { version: `${torch}, ${blas}`, blas: blas.startsWith("MKL") ? "MKL" : "OpenBLAS" };
}

function findTorch(): FoundTorch {
  const python = baselinePython();
  const known = found.get(python) ?? lookForTorch();
  found.set(python, known);
  return known;
}

/**
 * The settings of PyTorch that are tried; the first is what was fastest on every machine so far. On two cores two
 * threads of OpenBLAS under one of PyTorch are; MKL has PyTorch's threads.
 */
export function torchCandidates(): readonly TorchSettings[] {
  const torch = findTorch();
  const threads = "blas" in torch && torch.blas === "MKL" ? 2 : 1;
  const sequential = { dtype: "float32", mode: "sequential", threads, blasThreads: 2 } as const;
  return [
    sequential,
    { ...sequential, mode: "fused" },
    ...(threads === 1 ? [{ ...sequential, threads: 2 }] : []),
    { ...sequential, dtype: "bfloat16" },
  ];
}

/** For the conditions of results. */
export function torchVersions(): Readonly<Record<string, string>> {
  const torch = findTorch();
  return { torch: "version" in torch ? torch.version : "none" };
}

/** Whether there is a PyTorch to compare with; tells why there is not. */
export function hasTorch(note: (text: string) => void): boolean {
  const torch = findTorch();
  if ("missing" in torch) note(`${torch.missing}: only loratwin's own numbers.`);
  return "version" in torch;
}

/** The work as options of the scripts. */
export function workOptions({ model, ranks, targets, batchSize, length }: TorchWork): readonly string[] {
  const options = {
    hidden: model.hidden,
    layers: model.layers,
    heads: model.heads,
    "kv-heads": model.kvHeads,
    intermediate: model.intermediate,
    vocabulary: model.vocabulary,
    ranks: ranks.join(),
    targets: targets.join(),
    batch: batchSize,
    length,
  };
  return Object.entries(options).flatMap(([key, value]) => [`--${key}`, `${value}`]);
}

/** Starts a baseline process. @throws DeviceError when it ends early. */
export async function startTorch(work: TorchWork, settings: TorchSettings): Promise<StepProcess> {
  const { dtype, mode, threads, blasThreads } = settings;
  const own = ["--dtype", dtype, "--mode", mode, "--threads", `${threads}`];
  const words = [SCRIPT, ...workOptions(work), ...own];
  return await startSteps("PyTorch", baselinePython(), words, torchEnvironment(threads, blasThreads));
}
