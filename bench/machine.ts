import { spawnSync } from "node:child_process";
import { loadavg } from "node:os";
import { packageFile } from "../cli/package-file.ts";
import { VERSION } from "../cli/version.ts";
import { DeviceError, today } from "../core/index.ts";
import { nativeInfo } from "../exec/index.ts";
import type { Dtype } from "../plan/index.ts";
import { type Measurement, type Metadata, measurementSchema } from "./measurement.ts";
import type { Bench } from "./suite.ts";

function git(...args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync("git", args, { cwd: packageFile(), encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}

/** What a results file says of where it came from; nothing that names the machine or its folders. */
export function metadata(suite: string, command: string): Metadata {
  const { onednn, isa, cpuModel, cores } = nativeInfo();
  const commit = git("rev-parse", "--short=12", "HEAD");
  const changed = git("status", "--porcelain", "--untracked-files=no");
  return {
    kind: "benchmark",
    version: 1,
    suite,
    command,
    date: today(),
    loratwin: VERSION,
    commit: commit === undefined ? "unknown" : `${commit}${changed === "" ? "" : "+"}`,
    node: process.version,
    onednn,
    isa,
    cpuModel,
    cores: cores.length,
    loadBefore: Math.round(100 * (loadavg()[0] ?? 0)) / 100,
  };
}

export type HardwareLine = Omit<Measurement, "suite">;

let built = false;

/** Runs native/bench's program, built on first use. @throws DeviceError */
function kernelBench(...args: readonly string[]): readonly HardwareLine[] {
  const run = (program: string, words: readonly string[]): string => {
    const { status, stdout, stderr, error } = spawnSync(program, words, { cwd: packageFile(), encoding: "utf8" });
    if (status === 0) return stdout;
    throw new DeviceError({ expected: "kernel_bench to build and run", got: error?.message ?? stderr.trim() });
  };
  if (!built) run(process.execPath, [packageFile("native", "build.mjs"), "kernel_bench"]);
  built = true;
  return run(packageFile("native", "build", "kernel_bench"), args)
    .trim()
    .split("\n")
    .map((line) => measurementSchema.omit({ suite: true }).parse(JSON.parse(line)));
}

const repetitions = ({ scale }: Bench): string => (scale === "full" ? "5" : scale === "quick" ? "3" : "1");

/** The machine's peaks: registers, DRAM and last-level cache, for one and two threads. */
export function measureHardware(bench: Bench): readonly HardwareLine[] {
  return kernelBench("--repetitions", repetitions(bench));
}

function find(lines: readonly HardwareLine[], key: string, wanted: string, threads: number): number | undefined {
  return lines.find(({ parameters }) => parameters[key] === wanted && parameters["threads"] === threads)?.value;
}

/** FLOP/s of a dtype on registers alone; bfloat16 without its instruction is computed, and so bounded, in float32. */
export function registerPeak(lines: readonly HardwareLine[], dtype: Dtype, threads: number): number {
  const rate = find(lines, "dtype", dtype, threads) ?? find(lines, "dtype", "float32", threads);
  if (rate === undefined) throw new DeviceError({ expected: `a register peak for ${threads} threads` });
  return rate * 1e9;
}

/** Bytes a second read from DRAM. */
export function readRate(lines: readonly HardwareLine[], threads: number): number {
  const rate = find(lines, "level", "DRAM", threads);
  if (rate === undefined) throw new DeviceError({ expected: `a read bandwidth for ${threads} threads` });
  return rate * 1e9;
}

/** Of two measurements, the larger value of each line: what else runs only takes away. */
export function largerOf(first: readonly HardwareLine[], second: readonly HardwareLine[]): readonly HardwareLine[] {
  return first.map((line, index) => (line.value >= second[index]!.value ? line : second[index]!));
}

/** Register peaks now, for a ratio to what runs just before or after. */
export function measurePeaks(bench: Bench, threads: number): readonly HardwareLine[] {
  return kernelBench("--peak", "--threads", `${threads}`, "--repetitions", repetitions(bench));
}
