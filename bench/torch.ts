import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { DeviceError } from "../core/index.ts";
import type { Dtype, Projection } from "../plan/index.ts";
import { packageFile } from "../workbench/package-file.ts";
import type { ModelShape } from "./workload.ts";

/** How PyTorch is told to work. */
export interface TorchSettings {
  readonly dtype: Dtype;
  readonly mode: "sequential" | "fused";
  /** PyTorch's own threads, and OpenBLAS's. */
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

export interface TorchStep {
  readonly seconds: number;
  /** Mean over the jobs of their mean token loss. */
  readonly loss: number;
}

/** A PyTorch process that trains a step when asked, and sleeps otherwise. */
export interface TorchProcess extends AsyncDisposable {
  step(): Promise<TorchStep>;
}

const SCRIPT = packageFile("bench", "baseline", "torch_lora.py");
const python = (): string => process.env["LORATWIN_PYTHON"] ?? "/usr/bin/python3";

/**
 * Two BLAS threads under one PyTorch thread are fastest on two cores; OpenBLAS finds the processor's kernels best
 * itself.
 */
function environment(threads: number, blasThreads: number): NodeJS.ProcessEnv {
  const { OPENBLAS_CORETYPE: _type, OPENBLAS_L2_SIZE: _size, ...env } = process.env;
  return { ...env, OMP_NUM_THREADS: `${threads}`, OPENBLAS_NUM_THREADS: `${blasThreads}` };
}

/** The PyTorch to compare with, or why there is none. */
type FoundTorch = { readonly version: string } | { readonly missing: string };

const found = new Map<string, FoundTorch>();

function lookForTorch(): FoundTorch {
  const { status, stdout } = spawnSync(python(), [SCRIPT, "--check"], { encoding: "utf8", env: environment(1, 2) });
  if (status !== 0) return { missing: `No PyTorch in ${python()} (apt install python3-torch, or set LORATWIN_PYTHON)` };
  const { torch, blas } = JSON.parse(stdout) as { torch: string; blas: string | null };
  if (blas === null)
    return {
      missing:
        "PyTorch works without OpenBLAS here, several times slower than it can be (apt install libopenblas0-pthread)",
    };
  return { version: `${torch}, ${blas}` };
}

function findTorch(): FoundTorch {
  const known = found.get(python()) ?? lookForTorch();
  found.set(python(), known);
  return known;
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

/** Starts a baseline process; its first step is made here and fills caches. @throws DeviceError when it ends early. */
export async function startTorch(work: TorchWork, settings: TorchSettings): Promise<TorchProcess> {
  const { model } = work;
  const options = {
    hidden: model.hidden,
    layers: model.layers,
    heads: model.heads,
    "kv-heads": model.kvHeads,
    intermediate: model.intermediate,
    vocabulary: model.vocabulary,
    ranks: work.ranks.join(),
    targets: work.targets.join(),
    batch: work.batchSize,
    length: work.length,
    dtype: settings.dtype,
    mode: settings.mode,
    threads: settings.threads,
  };
  const words = Object.entries(options).flatMap(([key, value]) => [`--${key}`, `${value}`]);
  const child = spawn(python(), [SCRIPT, ...words], {
    stdio: ["pipe", "pipe", "inherit"],
    // In a process group of its own: Ctrl-C is for the suite, which ends it after the case. It ends by itself when its
    // input does.
    detached: true,
    env: environment(settings.threads, settings.blasThreads),
  });
  const ended = new Promise<void>((resolve) => void child.once("exit", () => resolve()));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => {
    const { value, done } = await lines.next();
    if (done === true) throw new DeviceError({ expected: "the PyTorch process to go on", got: "its end" });
    return JSON.parse(value);
  };
  const step = async (): Promise<TorchStep> => {
    child.stdin.write("\n");
    return (await next()) as TorchStep;
  };
  await next();
  await step();
  return {
    step,
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await ended;
    },
  };
}
