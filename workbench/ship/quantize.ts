// Quantizations that llama.cpp's own tool makes.
import { spawnSync } from "node:child_process";
import { existsSync, statSync, unlinkSync } from "node:fs";
import path from "node:path";
import { DeviceError, InputError } from "../../core/index.ts";
import { absolute, type Place } from "../../files/index.ts";
import type { GgufType } from "./gguf-file.ts";

/** Those that are written here, and those of `llama-quantize`. Source: tools/quantize/quantize.cpp of llama.cpp v0.4.0. */
const OWN_TYPES = ["f32", "f16", "bf16", "q8_0"] as const satisfies readonly GgufType[];
export const GGUF_TYPES = [
  ...OWN_TYPES,
  ...["q2_k", "q3_k_s", "q3_k_m", "q3_k_l", "q4_0", "q4_k_s", "q4_k_m", "q5_0", "q5_k_s", "q5_k_m", "q6_k"],
  ...["iq4_nl", "iq4_xs"],
] as const;

const TOOL = "llama-quantize";

export function isOwnType(type: string): type is GgufType {
  return (OWN_TYPES as readonly string[]).includes(type);
}

/** llama.cpp's tool: the one that is named, or that of the PATH. @throws InputError, DeviceError where there is none */
export function findQuantizer(place: Place, given: string | undefined): string {
  if (given !== undefined) {
    const file = absolute(place, given);
    if (statSync(file, { throwIfNoEntry: false })?.isFile() === true) return file;
    throw new InputError({ expected: "llama.cpp's llama-quantize", at: "--quantizer", got: given });
  }
  const found = (process.env["PATH"] ?? "")
    .split(path.delimiter)
    .filter((folder) => folder !== "")
    .map((folder) => path.join(folder, TOOL))
    .find(existsSync);
  if (found !== undefined) return found;
  throw new DeviceError({
    expected: `${TOOL} of llama.cpp on the PATH`,
    got: "none",
    hint: `A release or build of llama.cpp has it; --quantizer FILE names it. ${OWN_TYPES.join(", ")} need no tool.`,
  });
}

/** Makes `to` of the file `from`, which is removed. @throws DeviceError with what the tool said where it fails */
export function quantize(tool: string, from: string, to: string, type: string): void {
  const { status, signal, error, stderr } = spawnSync(tool, [from, to, type.toUpperCase()], {
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  if (status !== 0 || !existsSync(to)) {
    const detail = (error?.message ?? stderr).trim().split("\n").slice(-5).join("\n");
    const got = error === undefined ? (signal ?? `exit code ${status}`) : "a tool that does not start";
    throw new DeviceError({ expected: `${tool} to write ${type}`, got, detail });
  }
  unlinkSync(from);
}
