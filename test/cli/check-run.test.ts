import { spawnSync } from "node:child_process";
import { cpSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { lockFolder } from "../../files/folder-lock.ts";
import { type CliResult, printed, runCli, temporaryFolder } from "./run-cli.ts";
import { writeSmallInputs } from "./small-inputs.ts";

const root = temporaryFolder();
const at = (...names: readonly string[]): string => path.join(root, ...names);
const STEPS = 3;

function workload(jobs: readonly object[]): string {
  const defaults = {
    data: { path: "rows.jsonl", format: "tokens" },
    ...{ batchSize: 4, microBatchSize: 2, steps: STEPS, adapter: { rank: 4, alpha: 8, targets: ["q_proj", "v_proj"] } },
  };
  return JSON.stringify({ kind: "workload", version: 1, model: { path: "model" }, defaults, jobs });
}

const HELD_OUT = { share: 0.1, everySteps: 1 };

beforeAll(async () => {
  await writeSmallInputs(root);
  writeFileSync(at("w.json"), workload([{ name: "first", evaluation: HELD_OUT }, { name: "second" }]));
  await printed(["train", "w.json", "--devices", "cpu:0", "-o", "run"], root);
  await printed(["serve", "w.json", "--devices", "cpu:0", "-o", "fleet", "--once"], root);
}, 120_000);

let copies = 0;

/** The run again, in another folder, with something done to it. */
function copyOf(folder: string, change: (copy: string) => void): string {
  copies += 1;
  const name = `copy-${copies}`;
  cpSync(at(folder), at(name), { recursive: true });
  change(name);
  return name;
}

function editFile(edit: (text: string) => string, ...names: readonly string[]): void {
  writeFileSync(at(...names), edit(readFileSync(at(...names), "utf8")));
}

const withoutLast = (text: string): string => `${text.trimEnd().split("\n").slice(0, -1).join("\n")}\n`;
/** Of a process that was, and is no more. */
const deadProcess = (text: string): string =>
  text.replaceAll(/"process":\d+/g, `"process":${spawnSync(process.execPath, ["--version"]).pid}`);

async function checked(folder: string): Promise<CliResult> {
  const result = await runCli(["check-run", folder], root);
  expect(result.stderr).toBe("");
  const { code, stdout } = await runCli(["check-run", folder, "--json"], root);
  expect(code).toBe(result.code);
  expect(JSON.parse(stdout)).toMatchObject({ run: folder, asPlanned: code === 0 });
  return result;
}

describe("check-run of a run that has ended as planned", () => {
  it("ends with 0", async () => {
    expect(await checked("run")).toMatchObject({ code: 0, stdout: "run: has ended as planned, with 2 adapters\n" });
  });

  it("also where it was cut off before, and gone on with", { tags: ["slow"], timeout: 120_000 }, async () => {
    const early = ["--max-hours", "0.000001", "--checkpoint-steps", "1"];
    writeFileSync(at("long.json"), workload([{ name: "short" }, { name: "long", steps: 3000 }]));
    const train = ["train", "long.json", "--devices", "cpu:0", "--no-fuse", "-o", "cut", ...early];
    expect((await runCli(train, root)).code).toBe(75);
    const { code, stdout } = await checked("cut");
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^cut: has not ended as planned\nThe run was ended early: \d+ of 3003 steps, [01] of 2 jobs done\.\n`loratwin resume cut` goes on with what is left\.\n$/,
    );
    await printed(["resume", "cut"], root);
    expect(await checked("cut")).toMatchObject({ code: 0, stdout: "cut: has ended as planned, with 2 adapters\n" });
  });

  it("and of jobs over time", async () => {
    expect(await checked("fleet")).toMatchObject({ code: 0, stdout: "fleet: has ended as planned, with 2 adapters\n" });
  });
});

const JOURNAL = "journal.jsonl";
const RESUME = "`loratwin resume RUN` goes on with what is left.";

describe("check-run of one that has not ends with 1, and says what is missing", () => {
  const cases: readonly (readonly [string, (copy: string) => void, readonly string[]])[] = [
    [
      "the journal's last word",
      (copy) => editFile((text) => withoutLast(deadProcess(text)), copy, JOURNAL),
      ["The run was cut off: all steps are made."],
    ],
    [
      "all but its beginning",
      (copy) => {
        for (const name of ["trace.json", "adapters"]) rmSync(at(copy, name), { recursive: true });
        editFile((text) => deadProcess(`${text.split("\n")[0]}\n`), copy, JOURNAL);
      },
      ["The run was cut off: 0 of 6 steps, 0 of 2 jobs done."],
    ],
    [
      "its end, as it failed",
      (copy) => {
        const failed = { event: "failed", time: "2026-11-28T00:00:00.000Z", why: "Expected a network, got none." };
        editFile((text) => `${withoutLast(text)}${JSON.stringify(failed)}\n`, copy, JOURNAL);
      },
      ["The run has failed: Expected a network, got none."],
    ],
    [
      "the trace",
      (copy) => rmSync(at(copy, "trace.json")),
      ['ROOT/RUN/trace.json: Expected the trace of a run that has ended, got "no such file".'],
    ],
    [
      "actions of the trace",
      (copy) =>
        editFile(
          (text) =>
            text
              .split("\n")
              .filter((line) => !line.includes('"name":"0U'))
              .join("\n"),
          ...[copy, "trace.json"],
        ),
      ['ROOT/RUN/trace.json: Expected all actions of the plan, got "0 of 6 steps, 0 of 2 jobs done".'],
    ],
    [
      "an adapter",
      (copy) => rmSync(at(copy, "adapters", "second"), { recursive: true }),
      ['ROOT/RUN/adapters/second: Expected a PEFT folder with adapter_config.json, got "no such file".'],
    ],
    [
      "the best adapter of a job that is evaluated",
      (copy) => rmSync(at(copy, "best", "first"), { recursive: true }),
      ['ROOT/RUN/best/first: Expected a PEFT folder with adapter_config.json, got "no such file".'],
    ],
    [
      "a step of the metrics",
      (copy) =>
        editFile(
          (text) =>
            text
              .split("\n")
              .filter((line) => !(line.includes('"second"') && line.includes('"step":1')))
              .join("\n"),
          ...[copy, "metrics.jsonl"],
        ),
      ['ROOT/RUN/metrics.jsonl:7: Expected step 1 of job second, got "step 2".'],
    ],
  ];
  it.each(cases)("%s", async (_, change, missing) => {
    const copy = copyOf("run", change);
    const { code, stdout } = await checked(copy);
    const isCutOff = missing[0]!.startsWith("The run ");
    const lines = [`${copy}: has not ended as planned`, ...missing, ...(isCutOff ? [RESUME] : [])];
    expect(stdout).toBe(`${lines.join("\n").replaceAll("ROOT", root).replaceAll("RUN", copy)}\n`);
    expect(code).toBe(1);
  });

  it("the rest of an adapter whose file is cut off", async () => {
    const copy = copyOf("run", (name) => truncateSync(at(name, "adapters", "first", "adapter_model.safetensors"), 100));
    const { code, stdout } = await checked(copy);
    expect(stdout.split("\n")[1]).toMatch(/adapters\/first\/adapter_model\.safetensors/);
    expect(code).toBe(1);
  });

  it("the end of one that a process carries out", async () => {
    const copy = copyOf("run", (name) => {
      rmSync(at(name, "trace.json"));
      editFile(withoutLast, name, JOURNAL);
    });
    using _held = lockFolder(at(copy), copy);
    const { code, stdout } = await checked(copy);
    expect(stdout).toBe(`${copy}: has not ended as planned\nThe run goes on: 0 of 6 steps, 0 of 2 jobs done.\n`);
    expect(code).toBe(1);
  });

  it("the adapter of a job that was stopped", async () => {
    const broken = { name: "broken", steps: 500, optimizer: { learningRate: 1e10 } };
    writeFileSync(at("broken.json"), workload([{ name: "good" }, broken]));
    expect((await runCli(["train", "broken.json", "--devices", "cpu:0", "-o", "broken"], root)).code).toBe(1);
    const { code, stdout } = await checked("broken");
    expect(stdout).toMatch(/^broken: has not ended as planned\nJob broken was stopped: its loss is .*\n$/);
    expect(code).toBe(1);
  }, 60_000);

  it("of jobs over time, the end and an adapter", async () => {
    const copy = copyOf("fleet", (name) => {
      editFile((text) => text.replace('"event":"ended"', '"event":"ended early"'), name, JOURNAL);
      rmSync(at(name, "adapters", "second"), { recursive: true });
    });
    const { code, stdout } = await checked(copy);
    expect(stdout.split("\n").slice(0, 4)).toEqual([
      `${copy}: has not ended as planned`,
      "The fleet was ended early: 6 steps, 2 of 2 jobs with all their steps.",
      `${at(copy, "adapters", "second")}: Expected a PEFT folder with adapter_config.json, got "no such file".`,
      `\`loratwin resume ${copy} WORKLOAD\` goes on with what is left.`,
    ]);
    expect(code).toBe(1);
  });
});

it("check-run of what is no run's folder ends with 2", async () => {
  const { code, stdout, stderr } = await runCli(["check-run", "model"], root);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toBe(
    'model/plan.json: Expected a run folder with plan.json, got "no such file".\n' +
      "Hint: A run folder is one that `loratwin train ... -o FOLDER` has written.\n",
  );
});
