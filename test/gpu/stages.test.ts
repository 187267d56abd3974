import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { TimeOver } from "../../gpu/child.ts";
import { type Machine, programEnvironment } from "../../gpu/machine.ts";
import type { StageContext } from "../../gpu/stage.ts";
import { environment } from "../../gpu/stages/environment.ts";
import { sanitizer } from "../../gpu/stages/sanitizer.ts";
import { training } from "../../gpu/stages/training.ts";
import type { Mode, Result } from "../../gpu/summary.ts";

const folder = mkdtempSync(path.join(tmpdir(), "loratwin-stage-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const machine: Machine = {
  gpu: undefined,
  nvcc: "/cuda/bin/nvcc",
  sanitizer: "/cuda/bin/compute-sanitizer",
  ninja: undefined,
  python: "python3",
  libraryFolders: [],
};

/** What a program that a stage starts does: its lines, then its exit status. */
type Answer = (command: string) => readonly Result[] | number | TimeOver;

/** A stage's surroundings, where programs are said to have given some lines. */
function surroundings(mode: Mode, answer: Answer) {
  const commands: string[] = [];
  const records: Result[] = [];
  const notes: string[] = [];
  const context: StageContext = {
    mode,
    machine,
    folder,
    folderOf: () => folder,
    record: (result) => void records.push(result),
    note: (text) => void notes.push(text),
    async run(program, args, options = {}) {
      const command = [path.basename(program), ...args].join(" ");
      commands.push(command);
      const given = answer(command);
      if (given instanceof TimeOver) throw given;
      if (typeof given === "number") return given;
      for (const line of given) (options.onResult ?? context.record)(line);
      return 0;
    },
    loratwin: () => Promise.reject(new Error("not asked for here")),
  };
  return { context, commands, records, notes };
}

describe("the training stage", () => {
  const run = { mode: "fused", tokensPerSecond: 1000, lastLoss: 5, graphsLaunched: 0, graphsRefused: 0 };
  const ours = (on: Result) => [
    { ...run, graphs: "auto" },
    { ...run, graphs: "off" },
    { ...run, graphs: "on", graphsCaptured: 2, graphsLaunched: 10, ...on },
  ];

  test("passes where graphs were launched and none was refused", async () => {
    await training.run(surroundings("emulated", () => ours({})).context);
  });

  test.each([
    ["refused, though others were launched", { graphsLaunched: 1, graphsRefused: 4 }, "4 CUDA graphs were refused"],
    ["not launched", { graphsLaunched: 0 }, "no CUDA graph was launched"],
    ["launched with another loss", { lastLoss: 6 }, "a loss of 6 with CUDA graphs, 5 without"],
  ])("fails where graphs were %s", async (_name, on, message) => {
    await expect(training.run(surroundings("emulated", () => ours(on)).context)).rejects.toThrow(`tiny: ${message}`);
  });

  test("trains all our shapes before PyTorch is imported, whose slowness takes no judgement with it", async () => {
    const slow = (on: Result) =>
      surroundings("gpu", (command) => (command.startsWith("python3") ? new TimeOver() : ours(on)));
    const good = slow({});
    await expect(training.run(good.context)).rejects.toThrow(TimeOver);
    expect(good.commands.map((command) => command.split(" ")[0])).toEqual(["node", "node", "node", "python3"]);
    expect(good.records.filter(({ sameLoss }) => sameLoss === true)).toHaveLength(3);
    await expect(training.run(slow({ graphsRefused: 1 }).context)).rejects.toThrow("1 CUDA graphs were refused");
  });
});

describe("the environment stage", () => {
  test("has room for a first import of PyTorch, and nobody waits for it", () => {
    expect(environment.limitSeconds).toBeGreaterThanOrEqual(90);
    expect(environment.beside).toBe(true);
  });

  test("is no failure where the import takes longer still", async () => {
    const { context, notes } = surroundings("gpu", (command) => (command.startsWith("python3") ? new TimeOver() : []));
    await environment.run(context);
    expect(notes).toEqual(["Importing PyTorch took longer than this stage has."]);
  });
});

describe("the sanitizer stage", () => {
  test("builds the table first, on a machine where nothing is left of earlier calls", async () => {
    const { context, commands } = surroundings("gpu", (command) => (command.includes("--build") ? 2 : 0));
    await expect(sanitizer.run(context)).rejects.toThrow("The table does not build");
    expect(commands).toHaveLength(2);
    expect(commands[0]).toMatch(/^cmake -S \S+gpu\/programs -B /);
    expect(commands[1]).toMatch(/^cmake --build .* --target gpu_table$/);
  });

  test("has a call of its own and most of its time", () => {
    expect(sanitizer.ownCall).toBe(true);
    expect(sanitizer.limitSeconds).toBeGreaterThan(500);
  });
});

test("CMake gets Ninja where it is there, and otherwise what it takes by itself", () => {
  expect(programEnvironment({ ...machine, ninja: "/bin/ninja" })).toMatchObject({ CMAKE_GENERATOR: "Ninja" });
  expect(programEnvironment(machine)).not.toHaveProperty("CMAKE_GENERATOR");
});
