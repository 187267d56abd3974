import { DeviceError } from "../core/index.ts";
import { packageFile } from "../files/index.ts";
import type { Dtype } from "../plan/index.ts";
import { type Measurement, measurementSchema } from "./measurement.ts";
import { outputOf } from "./own-process.ts";
import type { Bench } from "./suite.ts";

let built = false;

/** Runs native/bench's program, built on first use. @throws DeviceError */
async function kernelBench(...args: readonly string[]): Promise<readonly Measurement[]> {
  if (!built)
    await outputOf("the build of kernel_bench", process.execPath, [packageFile("native", "build.mjs"), "kernel_bench"]);
  built = true;
  const lines = await outputOf("kernel_bench", packageFile("native", "build", "kernel_bench"), args);
  return lines
    .trim()
    .split("\n")
    .map((line) => measurementSchema.parse(JSON.parse(line)));
}

const repetitions = ({ scale }: Bench): string => ({ full: "5", default: "5", quick: "3", tiny: "1" })[scale];

/** The machine's peaks: registers, DRAM and caches, for one and two threads. */
export function measureHardware(bench: Bench): Promise<readonly Measurement[]> {
  return kernelBench("--repetitions", repetitions(bench));
}

function find(
  lines: readonly Measurement[],
  name: string,
  key: string,
  wanted: string,
  threads: number,
): number | undefined {
  return lines.find(
    (line) => line.name === name && line.parameters[key] === wanted && line.parameters["threads"] === threads,
  )?.value;
}

/** FLOP/s of a dtype on registers alone; bfloat16 without its instruction is computed, and so bounded, in float32. */
export function registerPeak(lines: readonly Measurement[], dtype: Dtype, threads: number): number {
  const rate =
    find(lines, "register peak", "dtype", dtype, threads) ?? find(lines, "register peak", "dtype", "float32", threads);
  if (rate === undefined) throw new DeviceError({ expected: `a register peak for ${threads} threads` });
  return rate * 1e9;
}

/** Bytes a second read from DRAM. */
export function readRate(lines: readonly Measurement[], threads: number): number {
  const rate = find(lines, "read bandwidth", "level", "DRAM", threads);
  if (rate === undefined) throw new DeviceError({ expected: `a read bandwidth for ${threads} threads` });
  return rate * 1e9;
}

/** Bytes a second that a copy reads and writes in the last cache that cores share, else in DRAM. */
export function copyRate(lines: readonly Measurement[], threads: number): number {
  const rate =
    find(lines, "copy bandwidth", "level", "L3", threads) ?? find(lines, "copy bandwidth", "level", "DRAM", threads);
  if (rate === undefined) throw new DeviceError({ expected: `a copy bandwidth for ${threads} threads` });
  return rate * 1e9;
}

/** Of two measurements, the larger value of each line: what else runs only takes away. */
export function largerOf(first: readonly Measurement[], second: readonly Measurement[]): readonly Measurement[] {
  return first.map((line, index) => (line.value >= second[index]!.value ? line : second[index]!));
}

/** Register peaks now, for a ratio to what runs just before or after. */
export function measurePeaks(bench: Bench, threads: number): Promise<readonly Measurement[]> {
  return kernelBench("--peak", "--threads", `${threads}`, "--repetitions", repetitions(bench));
}
