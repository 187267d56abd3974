// @module-tag slow

import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { adaptersOf, journalOf, numSteps } from "../../bench/killed-run.ts";
import { type MpiOutcome, MpiRun, whyNoMpi } from "../../bench/machines/mpi-run.ts";
import { Namespaces, whyNoNamespaces } from "../../bench/machines/namespaces.ts";
import { startData } from "../../bench/start-data.ts";
import { readSafetensors } from "../../datasets/index.ts";
import { packageFile } from "../../files/index.ts";
import { printed } from "../cli/run-cli.ts";

const MAIN = packageFile("dist", "cli", "main.js");
const noMpi = whyNoMpi(packageFile("native", "build"));
const noNamespaces = noMpi ?? whyNoNamespaces();
// Whoever reads the tests' output sees what was left out.
if (noNamespaces !== undefined)
  process.stderr.write(
    `${noMpi === undefined ? "Machines with a network" : "Ranks over MPI"} are not tested: ${noNamespaces}.\n`,
  );

const data = startData("tiny");
const { folder } = data;
afterAll(() => data[Symbol.dispose]());

function ranks(
  numRanks: number,
  words: readonly string[],
  more: Partial<ConstructorParameters<typeof MpiRun>[0]> = {},
) {
  const cached = words[0] === "calibrate" ? [] : ["--no-cache"];
  const command = [process.execPath, MAIN, ...words, ...cached, "--quiet"];
  return new MpiRun({ numRanks, command, cwd: folder, ...more });
}

async function outcomeOf(...given: Parameters<typeof ranks>): Promise<MpiOutcome> {
  using run = ranks(...given);
  return await run.outcome;
}

function cluster(sizes: readonly number[]): string {
  const file = path.join(folder, `cluster-${sizes.join("-")}.json`);
  const machines = sizes.map((size, m) => ({
    name: `m${m}`,
    devices: Array.from({ length: size }, (_, d) => ({ name: `m${m}.cpu:${d}`, type: "cpu", threads: 1 })),
  }));
  const network = { bandwidthBytesPerSecond: 1.2e8, latencySeconds: 2e-4 };
  writeFileSync(file, JSON.stringify({ kind: "cluster", version: 1, machines, network }));
  return file;
}

describe.skipIf(noMpi !== undefined)("ranks over MPI", () => {
  let workload = "";
  let near = "";
  beforeAll(async () => {
    workload = data.writeWorkload({ model: data.trained(), jobs: 3, steps: 30 });
    await printed(["plan", workload, "--cluster", cluster([1, 1]), "-o", "two.json", "--no-cache"], folder);
    await printed(["train", workload, "--devices", "cpu:0,cpu:1", "-o", "near", "--no-cache", "--quiet"], folder);
    near = adaptersOf(path.join(folder, "near"));
  }, 60_000);

  it("train a plan to the bytes of one process, and rank 0 alone prints and writes", async () => {
    const { code, stdout, stderr } = await outcomeOf(2, ["train", "two.json", "-o", "far"]);
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout.match(/written to far/g)).toHaveLength(1);
    expect(adaptersOf(path.join(folder, "far"))).toBe(near);
    const trace = JSON.parse(readFileSync(path.join(folder, "far", "trace.json"), "utf8"));
    const [clock] = trace.otherData.machine.clocks;
    expect(clock.machine).toBe("m1");
    // One kernel, one clock.
    expect(Math.abs(clock.offsetSeconds)).toBeLessThanOrEqual(Math.max(1e-3, clock.errorSeconds));
  }, 120_000);

  it("serve jobs over time to the same bytes", async () => {
    const words = ["serve", workload, "--cluster", cluster([1, 1]), "--once", "-o", "fleet"];
    expect((await outcomeOf(2, words)).code).toBe(0);
    expect(adaptersOf(path.join(folder, "fleet")).length).toBe(near.length);
  }, 120_000);

  it("are refused where one has other numbers in its model", async () => {
    const model = data.writeWorkload({ model: data.trained(), jobs: 2, steps: 10 });
    await printed(["plan", model, "--cluster", cluster([1, 1]), "-o", "own.json", "--no-cache"], folder);
    // Both look at one path, which is in each one's working folder.
    const plan = JSON.parse(readFileSync(path.join(folder, "own.json"), "utf8"));
    const name = "model-of-each";
    for (const rank of ["0", "1"])
      cpSync(plan.locations.model, path.join(folder, "ranks", rank, name), { recursive: true });
    const { file, start } = readSafetensors(path.join(folder, "ranks", "1", name)).tensors.at(-1)!;
    const weights = readFileSync(file);
    for (let number = 0; number < 100; number += 1) weights[start + 4 * number + 1]! ^= 1;
    writeFileSync(file, weights);
    plan.locations.model = `/proc/self/cwd/${name}`;
    writeFileSync(path.join(folder, "own.json"), JSON.stringify(plan));
    const enter = ["sh", "-c", 'cd "$0/$OMPI_COMM_WORLD_RANK" && exec "$@"', path.join(folder, "ranks")];
    const train = [...enter, process.execPath, MAIN, "train", "../../own.json", "-o", "run", "--no-cache", "--quiet"];
    const { code, stderr } = await outcomeOf(2, [], { command: train });
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/Expected the weights that the first machine has at \S+, got "other numbers"\./);
    expect(stderr).toMatch(/^On rank 1 \(machine m1, stage 1\): 1 of its \d+ tensors differ\.$/m);
    const run = path.join(folder, "ranks", "0", "run");
    expect(journalOf(run).map(({ event }) => event)).toEqual(["started", "failed"]);
    expect(numSteps(run)).toBe(0);
  }, 60_000);

  it("are told how many there have to be", async () => {
    const { code, stderr } = await outcomeOf(3, ["train", "two.json", "-o", "three"]);
    expect(code).not.toBe(0);
    expect(stderr).toContain("Expected 2 ranks, one for each machine of the plan (m0, m1), got 3.");
    expect(existsSync(path.join(folder, "three", "adapters"))).toBe(false);
  }, 60_000);

  it("stop when one is killed, name it when one is silent, and go on to the same bytes", {
    tags: ["nightly"],
    timeout: 300_000,
  }, async () => {
    const run = path.join(folder, "failing");
    const env = { LORATWIN_RANK_SILENCE_SECONDS: "4" };
    const strike = async (words: readonly string[], signal: "SIGKILL" | "SIGSTOP"): Promise<MpiOutcome> => {
      using own = ranks(2, [...words, "--checkpoint-steps", "10"], { env });
      const least = numSteps(run) + 15;
      let ended: MpiOutcome | undefined;
      void own.outcome.then((outcome) => {
        ended = outcome;
      });
      while (ended === undefined && numSteps(run) < least) await sleep(10);
      expect(ended).toBeUndefined();
      const pid = own.pidOf(1)!;
      process.kill(pid, signal);
      const outcome = await Promise.race([own.outcome, sleep(40_000)]);
      if (signal === "SIGSTOP" && existsSync(`/proc/${pid}`)) process.kill(pid, "SIGKILL");
      expect(outcome).toBeDefined();
      return outcome!;
    };
    const long = data.writeWorkload({ model: data.trained(), jobs: 3, steps: 200 });
    await printed(["plan", long, "--cluster", cluster([1, 1]), "-o", "long.json", "--no-cache"], folder);
    expect((await strike(["train", "long.json", "-o", "failing"], "SIGKILL")).code).not.toBe(0);
    // What is left is trained on other machines as well: on three of them, which train a job each, and on one.
    for (const copy of ["on three", "on one"]) cpSync(run, path.join(folder, copy), { recursive: true });
    const onThree = ["resume", "on three", long, "--cluster", cluster([1, 1, 1]), "--pipelines", "3"];
    const three = await outcomeOf(3, onThree);
    expect({ code: three.code, stderr: three.code === 0 ? "" : three.stderr }).toEqual({ code: 0, stderr: "" });
    const onOne = ["resume", "on one", long, "--devices", "cpu:0", "--quiet", "--no-cache"];
    await printed(onOne, folder);
    const { code, stderr } = await strike(["resume", "failing"], "SIGSTOP");
    expect(code).toBe(3);
    expect(stderr).toMatch(/rank 1 \(machine m1, stage 1\) has not been heard of for \d+ s/);
    expect(stderr).toContain("`loratwin resume failing` goes on with what is left.");
    expect((await outcomeOf(2, ["resume", "failing"])).code).toBe(0);
    expect(journalOf(run).at(-1)!.event).toBe("ended");
    expect((await outcomeOf(2, ["train", "long.json", "-o", "whole"])).code).toBe(0);
    const whole = adaptersOf(path.join(folder, "whole"));
    for (const each of ["failing", "on three", "on one"]) expect(adaptersOf(path.join(folder, each))).toBe(whole);
  });

  it.skipIf(noNamespaces !== undefined)(
    "train over a network of four machines, two pipelines, to the same bytes",
    { tags: ["nightly"], timeout: 180_000 },
    async () => {
      const words = ["plan", workload, "--pipelines", "2", "--no-cache"];
      await printed([...words, "--cluster", cluster([1, 1, 1, 1]), "-o", "four.json"], folder);
      expect((await outcomeOf(4, ["train", "four.json", "-o", "local"])).code).toBe(0);
      using namespaces = new Namespaces(4, "1gbit");
      const { code, stderr } = await outcomeOf(4, ["train", "four.json", "-o", "four"], { namespaces });
      expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
      expect(adaptersOf(path.join(folder, "four"))).toBe(adaptersOf(path.join(folder, "local")));
    },
  );

  it.skipIf(noNamespaces !== undefined)("measure their network", { tags: ["nightly"], timeout: 120_000 }, async () => {
    using namespaces = new Namespaces(2, "100mbit");
    const { code, stdout, stderr } = await outcomeOf(2, ["calibrate", "--links", "--json"], { namespaces });
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    const { network, links } = JSON.parse(stdout);
    // 94.9 % of 100 Mbit/s are for messages.
    expect(network.bandwidthBytesPerSecond / 12.5e6).toBeGreaterThan(0.7);
    expect(network.bandwidthBytesPerSecond / 12.5e6).toBeLessThan(1.1);
    expect(network.latencySeconds).toBeLessThan(0.05);
    const [link] = links;
    expect(link.host).toBe(namespaces.nameOf(1));
    // A few bytes wait for what TCP has on its way of 8 MiB: no less than ten segments of 1448 bytes.
    expect(link.behindLargeSeconds - link.latencySeconds).toBeGreaterThan((10 * 1448) / 12.5e6);
  });
});
