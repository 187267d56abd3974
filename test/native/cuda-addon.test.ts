// @module-tag nightly
import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { nativeInfo } from "../../native/index.ts";
import { WORKLOAD, writeShared } from "../cli/bad-input/bad-input.ts";
import { runCli, temporaryFolder } from "../cli/run-cli.ts";
import { build, buildTargets, finish } from "./cuda-table.ts";

const version = await finish("nvcc", ["--version"]);
const reasons = [
  ...(version.status === 0 ? [] : ["Expected nvcc on the PATH, found none"]),
  ...(existsSync("/dev/nvidiactl") ? ["this machine has a GPU"] : []),
];
const without = reasons.length === 0 ? "" : ` (skipped: ${reasons.join("; ")})`;
const root = temporaryFolder();

describe.skipIf(without !== "")(`the addon built by nvcc, on a machine without a driver${without}`, () => {
  beforeAll(async () => {
    await buildTargets("loratwin_cuda");
    process.env["LORATWIN_ADDON"] = path.join(build, "loratwin_cuda.node");
    writeShared(root);
    writeFileSync(path.join(root, "w.yaml"), WORKLOAD.replaceAll("../", ""));
  }, 900_000);

  test("loads, and has no CUDA devices", async () => {
    const { built, devices, reason } = nativeInfo().cuda;
    expect({ built, devices }).toEqual({ built: true, devices: [] });
    expect(reason).toMatch(/driver|device/);
    const { code, stdout } = await runCli(["devices"], root);
    expect({ code, text: stdout.includes(`CUDA devices: 0 (${reason})`) }).toEqual({ code: 0, text: true });
  });

  test("trains on CPU devices", async () => {
    const { code, stderr } = await runCli(["train", "w.yaml", "--devices", "cpu:0", "-o", "run"], root);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining("Expected") });
  });

  test("ends with exit code 3 and one message when asked to train on one", async () => {
    const { code, stdout, stderr } = await runCli(["train", "w.yaml", "--devices", "cuda:0", "-o", "none"], root);
    expect(stderr).toMatch(/^Expected a CUDA device at cuda:0, got "none: .*(driver|device).*"\.\nHint: .*cpu:0/);
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
  });
});
