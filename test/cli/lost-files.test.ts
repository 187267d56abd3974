import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { packageFile } from "../../files/index.ts";
import { runCli } from "./run-cli.ts";

const folder = mkdtempSync(path.join(tmpdir(), "loratwin-lost-"));
const jobs = path.join(folder, "jobs.yaml");
copyFileSync(packageFile("examples", "regress", "arriving.yaml"), jobs);
copyFileSync(packageFile("examples", "regress", "unit.yaml"), path.join(folder, "unit.yaml"));
writeFileSync(
  path.join(folder, "goldens.yaml"),
  'kind: goldens\nversion: 1\ngoldens:\n  - { name: u, guards: a turn, workload: unit.yaml, devices: "unit*2", options: {} }\n',
);
writeFileSync(path.join(folder, "old.html"), "an earlier page");

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const simulate = ["simulate", "jobs.yaml", "--devices", "unit*2", "--policy", "sjf"];
const read = "Expected another file than those that are read at --";

test.each([
  [[...simulate, "--trace", "jobs.yaml"], `${read}trace`],
  [[...simulate, "--trace", "new.json", "--grown-plan", "./jobs.yaml"], `${read}grown-plan`],
  [[...simulate, "--trace", "new.json", "--grown-plan", "./new.json"], "another file than that of --trace"],
  [[...simulate, "-o", "new.json", "--trace", path.join(folder, "new.json")], "another file than that of --"],
  [["regress", ".", "--markdown", "goldens.yaml"], `${read}markdown`],
  [["regress", ".", "--junit", "new.xml", "--markdown", "new.xml"], "another file than that of --"],
  [["regress", "update", ".", "--baseline", "goldens.yaml"], "Expected a baseline, or a file that is not there yet"],
] as const)("%j is refused, and loses no file", async (words, says) => {
  const before = [jobs, path.join(folder, "goldens.yaml")].map((file) => readFileSync(file, "utf8"));
  const { code, stderr } = await runCli([...words], folder);
  expect(stderr).toContain(says);
  expect(code).toBe(2);
  expect([jobs, path.join(folder, "goldens.yaml")].map((file) => readFileSync(file, "utf8"))).toEqual(before);
  expect(existsSync(path.join(folder, "new.json"))).toBe(false);
});

test("regress refuses a policy that there is not, and training where nothing is to be trained", async () => {
  const { code, stderr } = await runCli(["regress", "--policy", "sjf", "--against", "nope"], folder);
  expect([code, stderr]).toEqual([2, expect.stringContaining('at --against, got "nope"')]);
  const words = ["regress", folder, "--execute"];
  const trained = await runCli(words, packageFile("."));
  expect([trained.code, trained.stderr]).toEqual([
    2,
    expect.stringContaining("Expected workloads to train for --execute"),
  ]);
});
