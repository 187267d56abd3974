// A plan trained in a process of its own: `node dist/bench/alone.js PLAN-SHAPE-AS-JSON` prints what came of it as JSON.
import { spawn } from "node:child_process";
import { pathToFileURL } from "node:url";
import { packageFile } from "../cli/package-file.ts";
import { DeviceError } from "../core/index.ts";
import { benchModel, peakBytes, plannedBytes, roundSeconds, train } from "./train.ts";
import { benchPlan, type PlanShape } from "./workload.ts";

export interface AloneResult {
  /** Seconds in which every job makes one step. */
  readonly roundSeconds: number;
  readonly plannedBytes: number;
  /** Of the devices. */
  readonly peakBytes: number;
  /** Of the whole process: the devices, Node, and the weights while they are read. */
  readonly residentBytes: number;
}

/** Trains in another process, on one core alone when it is given. @throws DeviceError when that fails. */
export async function trainAlone(shape: PlanShape, core?: number): Promise<AloneResult> {
  const words = [process.execPath, packageFile("dist", "bench", "alone.js"), JSON.stringify(shape)];
  const command = core === undefined ? words : ["taskset", "-c", `${core}`, ...words];
  const child = spawn(command[0]!, command.slice(1), { stdio: ["ignore", "pipe", "pipe"] });
  const [out, err]: [string[], string[]] = [[], []];
  child.stdout.on("data", (data: Buffer) => void out.push(data.toString()));
  child.stderr.on("data", (data: Buffer) => void err.push(data.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code === 0) return JSON.parse(out.join("")) as AloneResult;
  throw new DeviceError({ expected: "a training process to end well", got: code, detail: err.join("").trim() });
}

async function main(shape: PlanShape): Promise<void> {
  const plan = benchPlan(shape);
  const result = await train(plan, benchModel(plan.model.architecture));
  const document: AloneResult = {
    roundSeconds: roundSeconds(plan, result.trace),
    plannedBytes: plannedBytes(plan),
    peakBytes: peakBytes(result),
    residentBytes: process.resourceUsage().maxRSS * 1024,
  };
  process.stdout.write(JSON.stringify(document));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await main(JSON.parse(process.argv[2] ?? "{}"));
