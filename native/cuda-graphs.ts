import { DeviceError } from "../core/index.ts";

/**
 * Whether a GPU's runs that come again become CUDA graphs, launched in one call: all of them, none, or those whose
 * launches take the host at least half as long to give one by one as they take the GPU.
 */
export type CudaGraphs = "on" | "off" | "auto";

const MODES: readonly string[] = ["on", "off", "auto"] satisfies readonly CudaGraphs[];

/** LORATWIN_CUDA_GRAPHS, `auto` without it. @throws DeviceError when it is something else. */
export function cudaGraphsOfEnvironment(): CudaGraphs {
  const given = process.env["LORATWIN_CUDA_GRAPHS"] ?? "";
  if (given === "") return "auto";
  if (!MODES.includes(given)) {
    throw new DeviceError({ expected: MODES.join(", "), at: "LORATWIN_CUDA_GRAPHS", got: given });
  }
  return given as CudaGraphs;
}
