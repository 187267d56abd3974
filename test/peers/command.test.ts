import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import { runPeersCommand } from "../../peers/command.ts";
import { installedPython } from "../../peers/python-environment.ts";
import { disagreements, type Verdict, verdictTable } from "../../peers/verdicts.ts";

const folder = mkdtempSync(path.join(tmpdir(), "loratwin-peers-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function command(...argv: readonly string[]) {
  const [out, err]: [string[], string[]] = [[], []];
  const status = await runPeersCommand(argv, {
    stdout: (text) => void out.push(text),
    stderr: (text) => void err.push(text),
    isTty: false,
    cwd: folder,
  });
  return { status, out: out.join(""), err: err.join("") };
}

it("lists the cases that a text chooses", async () => {
  const { status, out } = await command("--list", "--only", "qwen2");
  expect(status).toBe(0);
  expect(out.trim().split("\n")).toEqual(["qwen2 1, float32", "qwen2 1, bfloat16"]);
  const more = await command("--list", "--cases", "2", "--only", "qwen2", "--only", "float32");
  expect(more.out).toBe("qwen2 1, float32\nqwen2 2, float32\n");
  expect((await command("--list", "--only", "rows")).out).toBe("rows of TRL\nrows of Axolotl\n");
});

it.each([
  [["--seed", "1.5"], /a whole number of 0 to 4294967295 at --seed, got "1\.5"/],
  [["--seed", ""], /a whole number .* at --seed/],
  [["--cases", "0"], /a whole number of 1 to 1000 at --cases, got "0"/],
  [["--only", "gpt2"], /a part of a case's name at --only, got "gpt2"[\s\S]*mistral 1, float32[\s\S]*rows of TRL/],
  [["--sed", "1"], /--sed[\s\S]*npm run peers/],
])("refuses %j with exit status 2", async (argv, says) => {
  const { status, err } = await command(...argv);
  expect(status).toBe(2);
  expect(err).toMatch(says);
});

it("ends with 3 and what to do where there is no Python, and leaves nothing behind", async () => {
  vi.stubEnv("LORATWIN_PEERS", path.join(folder, "environment"));
  vi.stubEnv("LORATWIN_PEERS_PYTHON", path.join(folder, "no-python"));
  try {
    expect(installedPython()).toBeUndefined();
    const { status, err } = await command("--seed", "1", "--only", "mistral 1, float32");
    expect(status).toBe(3);
    expect(err).toMatch(/Expected Python 3\.11 or newer .*got "none among .*no-python"/);
    expect(err).toMatch(/Hint: .*python3-venv.*LORATWIN_PEERS_PYTHON/);
    expect(readdirSync(folder)).toEqual([]);
  } finally {
    vi.unstubAllEnvs();
  }
});

const compared = (name: string, judge: string, difference: number): Verdict => ({
  case: name,
  at: "all",
  judge,
  difference,
  bound: 1e-4,
});

it("shows how much of its bound each judge sees, and tells apart who differs", () => {
  const cases = ["one", "two", "three", "four"];
  const verdicts: readonly Verdict[] = [
    compared("one", "losses", 1e-6),
    compared("one", "norms", 1e-4),
    compared("two", "losses", 3e-4),
    compared("two", "norms", 0),
    { case: "three", at: "second", problem: "Found missing adapter keys" },
  ];
  expect(verdictTable(cases, verdicts).join("\n")).toBe(
    [
      "case         losses         norms",
      "one    1.0e-6   1 %  1.0e-4 100 %      agrees",
      "two    3.0e-4 300 %  0.0e+0   0 %     DIFFERS",
      "three             -             -     DIFFERS",
      "four              -             -  not judged",
    ].join("\n"),
  );
  const drawn = cases.map((name) => ({ name, config: { model_type: name } }));
  expect(disagreements(drawn, verdicts)).toEqual([
    "two, most of all: losses differ by 3.00e-4, of 1.00e-4 at most",
    '  {"model_type":"two"}',
    "three, second: Found missing adapter keys",
    '  {"model_type":"three"}',
    "four: no judge has said anything",
    '  {"model_type":"four"}',
  ]);
});
