// @module-tag nightly

import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packageFile } from "../../files/index.ts";
import type { StageReport, Summary } from "../../gpu/summary.ts";
import { HAS_SHARED, SHARED } from "../shared-folder.ts";
import { type UnpackedBundle, unpackBundle } from "./unpacked-bundle.ts";

const folder = mkdtempSync(path.join(tmpdir(), "loratwin-emulated-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** CMake, Ninja, g++ with what it calls, Python, and what the stages' one shell line takes. */
const PROGRAMS = ["cmake", "ninja", "g++", "as", "ld", "ar", "ranlib", "python3", "sh", "dirname", "grep", "head"];

const hasNinja = spawnSync("ninja", ["--version"]).status === 0;
const without = hasNinja ? "" : " (skipped: Expected ninja, found none)";

describe.skipIf(!hasNinja)(`the bundle, in an empty folder of a machine without Node, make and GPU${without}`, () => {
  let bundle: UnpackedBundle;
  let summary: Summary;
  let status: number;
  let told = "";

  beforeAll(async () => {
    bundle = unpackBundle(folder, PROGRAMS);
    // Not at once: the build takes minutes, and the worker has to answer meanwhile.
    const child = spawn(path.join(bundle.unpacked, "run.sh"), ["--emulated", "--seconds", "1500"], { env: bundle.env });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      told += text;
    });
    child.stdout.resume();
    [status] = (await once(child, "close")) as [number];
    summary = JSON.parse(readFileSync(path.join(bundle.unpacked, "results", "summary.json"), "utf8")) as Summary;
  }, 1_800_000);

  const stage = (name: string): StageReport => summary.stages.find((each) => each.name === name)!;

  test("passes every stage, or says that the machine lacks what it needs", () => {
    const states = Object.fromEntries(summary.stages.map(({ name, state }) => [name, state]));
    expect(states, told).toEqual({
      environment: "passed",
      build: "passed",
      operators: "passed",
      oracle: HAS_SHARED ? "passed" : "missing",
      training: "passed",
    });
    expect(status).toBe(0);
    expect(summary).toMatchObject({
      kind: "gpu-summary",
      command: "npm run gpu -- --emulated --seconds 1500",
      mode: "emulated",
      state: "complete",
    });
  });

  test("leaves a summary that names no folder of the machine, and one archive", () => {
    const results = path.join(bundle.unpacked, "results");
    expect(readdirSync(results).sort()).toEqual(["stages.tar.gz", "summary.json"]);
    const text = JSON.stringify(summary);
    for (const place of [folder, packageFile(), SHARED, tmpdir()]) expect(text).not.toContain(place);
    expect(text).not.toMatch(/"\/|[ =:]\/[a-z]+\//);
    expect(statSync(path.join(results, "stages.tar.gz")).size).toBeLessThan(16 * 2 ** 20);
    const listed = execFileSync("tar", ["-tzf", path.join(results, "stages.tar.gz")], { encoding: "utf8" }).split("\n");
    for (const { log } of summary.stages) expect(listed).toContain(log);
    expect(listed.filter((name) => name.endsWith(".safetensors"))).toEqual([]);
  });

  test("judges every kernel", () => {
    const { results } = stage("operators");
    expect(results.length).toBeGreaterThanOrEqual(18);
    expect(results.filter((line) => line["wrong"] !== 0 || line["judged"] === 0)).toEqual([]);
  });

  test.skipIf(!HAS_SHARED)("trains the reference case to PyTorch's losses and adapters", () => {
    expect(stage("oracle").results).toEqual([
      {
        dtype: "float32",
        devices: "cuda:0,cuda:1",
        lossError: expect.any(Number),
        adapterError: expect.any(Number),
        ok: true,
      },
    ]);
  });

  test("trains with CUDA graphs and without, to the same loss", () => {
    const { results } = stage("training");
    const graphs = (mode: string) => results.find((line) => line["graphs"] === mode);
    expect(graphs("on")).toMatchObject({ mode: "fused", graphsCaptured: 2, graphsLaunched: 10, graphsRefused: 0 });
    expect(graphs("off")).toMatchObject({ mode: "fused", graphsCaptured: 0, graphsLaunched: 0 });
    expect(results.at(-1)).toEqual({ shape: "tiny", graphsOnAgainstOff: expect.any(Number), sameLoss: true });
  });
});
