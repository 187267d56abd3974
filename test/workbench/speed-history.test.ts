import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { MeasuredCalibration } from "../../plan/index.ts";
import { type Comparison, type Intervals, parseTraceDocument } from "../../traces/index.ts";
import { hostIdentity } from "../../workbench/machine/host.ts";
import { speedHistory } from "../../workbench/machine/speed-history.ts";
import { WORKLOAD, writeShared } from "../cli/bad-input/bad-input.ts";
import { readLines } from "../cli/fields/small-pass.ts";
import { printed, temporaryFolder } from "../cli/run-cli.ts";

const root = temporaryFolder();
const cache = path.join(root, "cache");
const file = path.join(cache, "loratwin", "machine-speed.jsonl");
const DEVICES = ["--devices", "cpu:0,cpu:1"] as const;

function lines(): readonly Record<string, unknown>[] {
  return existsSync(file) ? (readLines(file) as readonly Record<string, unknown>[]) : [];
}

async function json<T>(...argv: readonly string[]): Promise<T> {
  return JSON.parse(await printed([...argv, "--json"], root)) as T;
}

beforeAll(async () => {
  process.env["XDG_CACHE_HOME"] = cache;
  writeShared(root);
  writeFileSync(path.join(root, "w.yaml"), WORKLOAD.replaceAll("../", ""));
  await printed(["calibrate", "--workload", "w.yaml", ...DEVICES, "-o", "k.json"], root);
  await printed(["plan", "w.yaml", ...DEVICES, "--calibration", "k.json", "-o", "p.json"], root);
  await printed(["train", "p.json", "-o", "run", "--no-cache"], root);
}, 300_000);

describe("a measured calibration", () => {
  it("says how fast its machine was: probes, samples, interruptions, and what the system counted", () => {
    const { machine } = JSON.parse(readFileSync(path.join(root, "k.json"), "utf8")) as MeasuredCalibration;
    expect(machine!.host).toBe(hostIdentity());
    expect(machine!.probes.length).toBeGreaterThanOrEqual(2);
    for (const { devices } of machine!.probes) {
      expect(devices.map(({ device }) => device)).toEqual(["cpu:0", "cpu:1"]);
      for (const { float32, memory } of devices) {
        expect(float32.perSecond).toBeGreaterThan(1e8);
        expect(memory.perSecond).toBeGreaterThan(1e8);
      }
    }
    expect(machine!.speed!.product).toBeGreaterThan(1e8);
    expect(machine!.interrupted).toBeGreaterThanOrEqual(0);
    expect(machine!.states.length).toBeGreaterThan(0);
    if (process.platform === "linux") expect(machine!.system!.loadAfter).toBeGreaterThanOrEqual(0);
  });
});

describe("a run's trace", () => {
  it("says how fast the machine was before, during and after it, and for how long each action lacked its core", () => {
    const trace = parseTraceDocument(JSON.parse(readFileSync(path.join(root, "run", "trace.json"), "utf8")), {
      file: "",
    });
    const { probes, devices } = trace.machine!;
    const makespan = Math.max(...trace.events.map((event) => event.startNs + event.durationNs)) / 1e9;
    expect(probes.map(({ atSeconds }) => atSeconds < 0)).toEqual([true, false]);
    expect(probes[1]!.atSeconds).toBeGreaterThanOrEqual(makespan - 0.05);
    expect(devices.map(({ name }) => name)).toEqual(["cpu:0", "cpu:1"]);
    for (const { interrupted, samples } of devices) {
      expect(interrupted).toBeGreaterThanOrEqual(0);
      expect(interrupted).toBeLessThanOrEqual(1);
      expect(samples.length).toBeGreaterThan(0);
    }
    for (const event of trace.events) {
      if (event.stream === "receive") continue;
      expect(event.interruptedNs).toBeLessThanOrEqual(event.durationNs + 1e6);
      expect(event.delayedNs).toBeGreaterThanOrEqual(0);
    }
  });

  it("lets compare say what of the error is the machine's", async () => {
    await printed(["simulate", "p.json", "-o", "s.json", "--no-cache"], root);
    const { atMachineSpeed } = await json<Comparison>("compare", "s.json", "run");
    expect(atMachineSpeed!.devices.map(({ name }) => name)).toEqual(["cpu:0", "cpu:1"]);
    expect(Number.isFinite(atMachineSpeed!.makespanError)).toBe(true);
    const text = await printed(["compare", "s.json", "run"], root);
    expect(text).toMatch(
      /with the machine's speed taken out: .*, [-+][\d.]+ %\n {4}cpu:0 interrupted [\d.]+ % of the time/,
    );
  });
});

describe("the history of this machine's speed", () => {
  it("is not written and not read with --no-cache", async () => {
    expect(lines()).toEqual([]);
    expect(speedHistory({ host: hostIdentity(), dtype: "float32", type: "cpu" })).toEqual([]);
  });

  it("gets a line for each run, and says how it has been of what is predicted for this machine only", {
    tags: ["slow"],
  }, async () => {
    const intervals = async (...more: readonly string[]): Promise<Intervals> =>
      (await json<{ readonly intervals: Intervals }>("simulate", "p.json", ...more)).intervals;
    await printed(["train", "p.json", "-o", "again", "--overwrite"], root);
    expect(lines()).toHaveLength(1);
    expect(lines()[0]).toMatchObject({ version: 3, host: hostIdentity(), dtype: "float32", type: "cpu", devices: 2 });
    const alone = await intervals("--no-cache");
    expect(alone.outlooks).toBeUndefined();
    const [, high] = alone.makespanSeconds;
    const [line] = lines();
    const slow = { ...line, product: Number(line!["product"]) / 1000 };
    // GPUs of this host, emulated ones among them, are another machine.
    const others = [{ host: "another" }, { type: "emulated GPU" }, { dtype: "bfloat16" }];
    const lineOf = (other: object): string => `${JSON.stringify({ ...slow, ...other })}\n`;
    writeFileSync(file, `${others.map(lineOf).join("").repeat(100)}no JSON\n`);
    expect((await intervals()).outlooks!.been[1]).toBeLessThan(1.2 * high);
    writeFileSync(file, `${JSON.stringify(slow)}\n`.repeat(100));
    const seen = await intervals();
    expect(seen.outlooks!.been[1]).toBeGreaterThan(10 * high);
    expect(seen.makespanSeconds).toEqual(seen.outlooks!.now);
    expect(await printed(["simulate", "p.json"], root)).toMatch(
      / as the machine is now; left alone .*, as it has been /,
    );
    expect(await printed(["estimate", "w.yaml", ...DEVICES, "--calibration", "k.json"], root)).toContain("left alone");
  });

  it("gets a line for a live fleet too, for which a probe was made", { tags: ["slow"] }, async () => {
    writeFileSync(file, "");
    const serve = ["serve", "w.yaml", ...DEVICES, "--calibration", "k.json", "--once"];
    await printed([...serve, "-o", "fleet"], root);
    expect(lines()).toHaveLength(1);
    const [line] = lines() as { readonly interrupted: number; readonly probed: { readonly product: number } }[];
    expect(line).toMatchObject({ version: 3, host: hostIdentity(), dtype: "float32", type: "cpu", devices: 2 });
    for (const { product } of [line as unknown as { readonly product: number }, line!.probed])
      expect(product).toBeGreaterThan(1e8);
    expect(line!.interrupted).toBeGreaterThanOrEqual(0);
    expect(line!.interrupted).toBeLessThan(1);
    await printed([...serve, "-o", "quiet", "--no-cache"], root);
    expect(lines()).toHaveLength(1);
  });

  it("stays small, and a place that cannot be written is no error", { tags: ["slow"] }, async () => {
    const [line] = lines();
    writeFileSync(file, `${JSON.stringify(line)}\n`.repeat(600));
    await printed(["train", "p.json", "-o", "again", "--overwrite"], root);
    expect(lines()).toHaveLength(500);
    process.env["XDG_CACHE_HOME"] = path.join(root, "w.yaml");
    await printed(["train", "p.json", "-o", "again", "--overwrite"], root);
    process.env["XDG_CACHE_HOME"] = cache;
    mkdirSync(cache, { recursive: true });
  });
});
