// @module-tag nightly

import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { adaptersOf } from "../../bench/killed-run.ts";
import { MpiRun, whyNoMpi } from "../../bench/machines/mpi-run.ts";
import { startData } from "../../bench/start-data.ts";
import { packageFile } from "../../files/index.ts";
import { printed } from "../cli/run-cli.ts";
import { build, buildTargets } from "../native/cuda-table.ts";

const MAIN = packageFile("dist", "cli", "main.js");
const noMpi = whyNoMpi(packageFile("native", "build"));
if (noMpi !== undefined) process.stderr.write(`GPUs of ranks over MPI are not tested: ${noMpi}.\n`);

const data = startData("tiny");
const { folder } = data;
afterAll(() => data[Symbol.dispose]());

/** Two machines with a GPU each, which have two numbers: on the emulation these tell whether it is the same one. */
function cluster(): string {
  const figures = { memoryBytes: 2 ** 30, peakFlopsPerSecond: { float32: 1e12 }, memoryBytesPerSecond: 1e11 };
  const machines = [0, 1].map((m) => ({ name: `m${m}`, devices: [{ name: `m${m}.cuda:${m}`, ...figures }] }));
  const network = { bandwidthBytesPerSecond: 1.2e8, latencySeconds: 2e-4 };
  const file = path.join(folder, "cluster.json");
  writeFileSync(file, JSON.stringify({ kind: "cluster", version: 1, machines, network }));
  return file;
}

describe.skipIf(noMpi !== undefined)("GPUs of ranks over MPI", () => {
  beforeAll(async () => {
    await buildTargets("loratwin_emulated");
    const workload = data.writeWorkload({ model: data.trained(), jobs: 2, steps: 10 });
    await printed(
      ["plan", workload, "--cluster", cluster(), "--pipelines", "1", "-o", "two.json", "--no-cache"],
      folder,
    );
  }, 900_000);

  async function train(run: string, nccl: string) {
    using ranks = new MpiRun({
      numRanks: 2,
      command: [process.execPath, MAIN, "train", "two.json", "-o", run, "--no-cache"],
      cwd: folder,
      env: { LORATWIN_ADDON: path.join(build, "loratwin_emulated.node"), LORATWIN_NCCL: nccl },
    });
    const { code, stderr } = await ranks.outcome;
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    const way = "messages between m0 and m1 go from GPU to GPU (emulated NCCL 1.0.0)";
    return { isNccl: stderr.includes(way), adapters: adaptersOf(path.join(folder, run)) };
  }

  it("train the same bytes by NCCL and through the hosts' memory", { tags: ["slow"], timeout: 120_000 }, async () => {
    const [near, far] = [await train("near", ""), await train("far", "0")];
    expect([near.isNccl, far.isNccl]).toEqual([true, false]);
    expect(near.adapters).toBe(far.adapters);
  });
});
