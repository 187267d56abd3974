import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { run } from "../../cli/run.ts";
import { STAGE_LINES } from "../cli/run-cli.ts";
import { isNightly } from "../level.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const read = (file: string): string => readFileSync(path.join(ROOT, file), "utf8");

/** Words of a shell line; quotes keep words together, and a comment ends the line. */
function shellWords(line: string): readonly string[] {
  const words: string[] = [];
  for (const [word] of line.replace(/\s#.*$/, "").matchAll(/'[^']*'|\S+/g)) words.push(word.replace(/^'(.*)'$/, "$1"));
  return words;
}

interface ShellCommand {
  readonly page: string;
  /** The command's first line. */
  readonly line: string;
  /** All of it; a here-document belongs to the command that reads it. */
  readonly text: string;
  readonly words: readonly string[];
}

/** The commands of a page's shell blocks, one after another. */
function commandsOf(page: string): readonly ShellCommand[] {
  return [...read(page).matchAll(/```sh\n([\s\S]*?)```/g)]
    .flatMap(([, block]) => [...block!.matchAll(/^.*<<'(\w+)'\n[\s\S]*?^\1$|^.+$/gm)].map(([text]) => text))
    .map((text) => ({ page, line: text.split("\n")[0]!, text, words: shellWords(text.split("\n")[0]!) }));
}

const isLoratwin = ({ words: [npx, name] }: ShellCommand): boolean => npx === "npx" && name === "loratwin";
/** What installs from outside of the project, and what runs with that. */
const isOfOthers = ({ words: [program] }: ShellCommand): boolean => /^(npm|pip|python3)$|\/venv\//.test(program!);

let folder: string;

/** A folder like the project's root as far as commands see it, with examples of a few steps. */
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "loratwin-readme-"));
  cpSync(path.join(ROOT, "examples"), path.join(folder, "examples"), {
    recursive: true,
    filter: (source) => !source.endsWith(`examples${path.sep}model`),
  });
  for (const name of ["workload.yaml", "gpu-workload.yaml"]) {
    const file = path.join(folder, "examples", name);
    writeFileSync(file, readFileSync(file, "utf8").replace(/^ {2}steps: .*$/m, "  steps: 4"));
  }
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function loratwin(argv: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  let [stdout, stderr] = ["", ""];
  const code = await run(argv, {
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
    isTty: false,
    cwd: folder,
  });
  return { code, stdout, stderr };
}

describe("the README and the tutorial", () => {
  const commands = ["README.md", "docs/tutorial.md"].flatMap(commandsOf);

  test("show the way from data to a judged adapter, and commands for machines that one does not have", () => {
    const named = new Set(commands.filter(isLoratwin).map(({ words }) => words[2]));
    expect([...named].sort()).toEqual([
      "best",
      "calibrate",
      "catalog",
      "compare",
      "devices",
      "estimate",
      "init-model",
      "layouts",
      "paper",
      "plan",
      "simulate",
      "strategies",
      "train",
      "validate",
    ]);
  });

  // One after another, since each needs the files of those before it. Half a minute of paper has a test of its own.
  const inTime = commands.filter((each) => !isOfOthers(each) && (isNightly || each.words[2] !== "paper"));
  test.each(inTime)("have a command that works: $line", { tags: ["slow"] }, async (command) => {
    const { page, text, words } = command;
    if (!isLoratwin(command)) {
      const fewSteps = text.replace(/^ {2}steps: .*$/m, "  steps: 4");
      const stdout = execFileSync("bash", ["-e", "-c", fewSteps], { cwd: folder, encoding: "utf8" });
      if (words[0] === "head") expect(read(page)).toContain(stdout.trim());
      return;
    }
    const { code, stdout, stderr } = await loratwin(words.slice(2));
    // On a slow machine what takes a second is said.
    const rest = stderr
      .replace(STAGE_LINES, "")
      .replace(/^Note: (PCIe between GPUs|90 % of runs:|as the machine is now;) .*\n/gm, "");
    expect(rest).toBe("");
    expect(code).toBe(0);
    expect(stdout).not.toBe("");
    const output = words[words.indexOf("-o") + 1]!;
    if (words.includes("-o")) expect(existsSync(path.join(folder, output))).toBe(true);
    if (words.includes("--timeline")) expect(read(page)).toContain(stdout.trim());
  });

  test("have only links to files that are there", () => {
    for (const file of [
      "README.md",
      "docs/README.md",
      "docs/tutorial.md",
      "docs/reference/documents.md",
      "docs/concepts/schedules.md",
    ]) {
      for (const [, target] of read(file).matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
        const full = path.join(ROOT, path.dirname(file), target!);
        expect(existsSync(full), `${file}: ${target}`).toBe(true);
      }
    }
  });
});

describe("docs/reference/documents.md", () => {
  const blocks = [...read("docs/reference/documents.md").matchAll(/```yaml\n([\s\S]*?)```/g)].map(
    ([, block]) => block!,
  );
  const examples = blocks.map((text, index) => ({ text, index, kind: (parse(text) as { kind: string }).kind }));

  test("has an example of each document that people write", () => {
    expect(new Set(examples.map(({ kind }) => kind))).toEqual(
      new Set(["workload", "cluster", "catalog", "calibration"]),
    );
  });

  test.each(examples)("has a valid $kind (example $index)", async ({ text, index, kind }) => {
    const { parseWorkload } = await import("../../plan/index.ts");
    // The workload names a model and data that are not there, so only its text is checked.
    if (kind === "workload") {
      const { jobs, sweeps } = parseWorkload(text, "documents.md");
      const names = jobs.map(({ name }) => name);
      if (sweeps.length === 0) expect(names).toEqual(["math", "chat", "replay", "forecast"]);
      else expect([names[1], names.length]).toEqual(["tune-rank8-lr0.0003", 22]);
      return;
    }
    const file = `example-${index}.yaml`;
    writeFileSync(path.join(folder, file), text);
    const { code, stderr } = await loratwin(["validate", file]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
  });
});

describe("docs/concepts/schedules.md", () => {
  const text = read("docs/concepts/schedules.md");
  const pictures = [...text.matchAll(/## ([\w-]+)\n\n```text\n([\s\S]*?)```/g)].map(([, name, grid]) => ({
    name: name!,
    grid: grid!,
  }));
  const simulate = async (schedule: string, ...more: readonly string[]): Promise<string> => {
    const unit = readFileSync(path.join(folder, "examples/unit-workload.yaml"), "utf8");
    const two = unit.replace("batchSize: 1", "batchSize: 2").replace(", { name: third }, { name: fourth }", "");
    writeFileSync(path.join(folder, "two-jobs.yaml"), two);
    const options = ["--devices", "unit*3", "--max-in-flight", "none", "--no-fuse", "--schedule", schedule];
    const { code, stdout } = await loratwin(["simulate", "two-jobs.yaml", ...options, ...more]);
    expect(code).toBe(0);
    return stdout;
  };

  test("has a picture of each schedule", () => {
    expect(pictures.map(({ name }) => name)).toEqual(["lorapp", "lorapp-gpipe", "1f1b", "gpipe", "sequential"]);
  });

  test.each(pictures)("draws $name as the simulator does", async ({ name, grid }) => {
    const actual = (await simulate(name, "--timeline")).trim().split("\n");
    const drawn = grid.trim().split("\n");
    expect(drawn.length).toBe(3);
    drawn.forEach((line, device) => {
      expect(`${actual[device]} `.startsWith(`${line} `), line).toBe(true);
    });
  });

  test("gives bubbles that come out: the formula fails for lorapp-gpipe with D = 3, N = 2, L = 2", async () => {
    const bubble = async (schedule: string): Promise<number> =>
      (JSON.parse(await simulate(schedule, "--json")) as { bubbleRatio: number }).bubbleRatio;
    const [D, N, L] = [3, 2, 2];
    const formula = Math.max((D - 1 + N - L * N) / (D + N - 1), 0);
    expect(formula).toBe(0);
    expect(await bubble("lorapp")).toBe(formula);
    expect(await bubble("lorapp-gpipe")).toBeCloseTo(1 / 5, 12);
    expect(await bubble("1f1b")).toBeCloseTo((D - 1) / (N + D - 1), 12);
    expect(await bubble("gpipe")).toBeCloseTo((D - 1) / (N + D - 1), 12);
    expect(await bubble("sequential")).toBeCloseTo((D - 1) / D, 12);
  });
});
