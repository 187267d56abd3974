import { writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { CLUSTER, WORKLOAD, writeShared } from "./bad-input/bad-input.ts";
import { runCli, temporaryFolder } from "./run-cli.ts";

const root = temporaryFolder();

beforeAll(() => {
  writeShared(root);
  const files = {
    "w.yaml": WORKLOAD.replaceAll("../", ""),
    "threads.yaml": CLUSTER.replaceAll("threads: 1", "threads: 500"),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(root, name), text);
});

describe("what this machine cannot do ends with exit code 3 and one message", () => {
  it.each([
    ["a CUDA device", ["plan", "w.yaml", "--devices", "cuda:0"], /^Expected a CUDA device at cuda:0, got .*\n.*cpu:0/],
    [
      "training on a GPU that is not there",
      ["train", "w.yaml", "--devices", "cuda:7", "-o", "run-cuda"],
      /^Expected a CUDA device at cuda:7, got "(none: .+|\d+ GPUs)"\.\n.*cpu:0/,
    ],
    [
      "calibrating one",
      ["calibrate", "--device", "cuda:7"],
      /^Expected a CUDA device at cuda:7, got "(none: .+|\d+ GPUs)"/,
    ],
    [
      "more threads than cores",
      ["train", "w.yaml", "--cluster", "threads.yaml", "-o", "run-threads"],
      /^Expected a core for each thread \(1000\) at cpu:0, got "\d+ cores"/,
    ],
    [
      "training abstract devices",
      ["train", "w.yaml", "--devices", "unit*2", "-o", "run-unit"],
      /^Expected a CPU or CUDA device at unit:0, got "unit"/,
    ],
  ])("%s", async (_, argv, says) => {
    const { code, stdout, stderr } = await runCli(argv, root);
    const lines = stderr
      .trimEnd()
      .split("\n")
      .filter((line) => !line.startsWith("Note: "));
    expect(lines.join("\n")).toMatch(says);
    expect(lines.length).toBeLessThanOrEqual(2);
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
  });
});
