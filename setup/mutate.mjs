// Whether the tests catch mistakes: `npm run mutants -- [--level quick|all|nightly] [--tests REVISION] [word ...]` makes
// each mutant whose file has one of the words in a copy of the last commit and runs the tests that are near it. `--tests`
// takes the tests of another revision.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createVitest } from "vitest/node";
import { findChromium } from "./chromium.mjs";
import { MUTANTS } from "./mutants.mjs";
import { inRoot, root } from "./root.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { level: { type: "string", default: "all" }, tests: { type: "string" } },
});
const chosen = MUTANTS.filter(
  ({ file }) => positionals.length === 0 || positionals.some((word) => file.includes(word)),
);
const copy = mkdtempSync(join(tmpdir(), "loratwin-mutants-"));
const chromium = await findChromium();
if (chromium !== undefined) process.env.LORATWIN_CHROMIUM = chromium;
process.env.LORATWIN_TESTS = values.level;
// Beside this project, and not beside the copy.
process.env.LORATWIN_SHARED ??= join(root, "../shared");

const isNative = (file) => file.startsWith("native/");

function succeed(program, args, cwd) {
  const { status, stderr } = spawnSync(program, args, { cwd, encoding: "utf8", maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr}`);
}

const buildNative = () => succeed(process.execPath, ["native/build.mjs", "loratwin", "loratwin_mpi", "op_table"], copy);
// Many tests start the built program.
const buildPrograms = () => succeed(process.execPath, ["setup/typescript-build.mjs"], copy);

function writeCopy() {
  succeed("git", ["worktree", "add", "--detach", "--force", copy], root);
  if (values.tests !== undefined) {
    rmSync(join(copy, "test"), { recursive: true });
    succeed("git", ["checkout", values.tests, "--", "test", "vitest.config.ts"], copy);
  }
  symlinkSync(inRoot("node_modules"), join(copy, "node_modules"));
  cpSync(inRoot("dist"), join(copy, "dist"), { recursive: true });
  for (const name of readdirSync(inRoot("native/build")))
    if (/\.(node|so)$|^op_table$/.test(name)) cpSync(inRoot("native/build", name), join(copy, "native/build", name));
  if (chosen.some(({ file }) => isNative(file))) buildNative();
}

/** What has failed in this run. */
const failed = [];
const reporter = {
  onTestCaseResult(test) {
    if (test.result().state === "failed") failed.push(`${test.module.relativeModuleId}: ${test.fullName}`);
  },
  onTestModuleEnd(module) {
    for (const { message } of module.errors()) failed.push(`${module.relativeModuleId}: ${message}`);
  },
};

/** A mutant may loop for ever: its tests end after these milliseconds, and it counts as caught. */
const TIME_LIMIT_MS = 300_000;

/** Kills the processes that run tests: a loop hears nothing else. */
function killWorkers() {
  const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, "utf8").trim();
  for (const pid of children === "" ? [] : children.split(" ")) {
    if (readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("vitest")) process.kill(Number(pid), "SIGKILL");
  }
}

/** The first of the near tests that fails with a mutant; undefined where none does. */
async function caughtBy(vitest, { file, from, to, tests }) {
  const place = join(copy, file);
  const text = readFileSync(place, "utf8");
  const places = text.split(from).length - 1;
  if (places !== 1) throw new Error(`Expected one place of ${JSON.stringify(from)} in ${file}, found ${places}`);
  const write = (content) => {
    writeFileSync(place, content);
    vitest.invalidateFile(place);
    if (isNative(file)) buildNative();
  };
  write(text.replace(from, () => to));
  if (!isNative(file)) buildPrograms();
  try {
    const specifications = await vitest.globTestSpecifications(tests);
    if (specifications.length === 0) throw new Error(`Expected tests at ${tests.join(", ")}, found none`);
    failed.length = 0;
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      killWorkers();
    }, TIME_LIMIT_MS);
    const { unhandledErrors } = await vitest.runTestSpecifications(specifications);
    clearTimeout(timer);
    return failed[0] ?? (isLate ? "the time limit" : unhandledErrors[0]?.message);
  } finally {
    write(text);
  }
}

try {
  writeCopy();
  process.chdir(copy);
  // One process, which stops at the first test that fails.
  const vitest = await createVitest("test", {
    root: copy,
    watch: false,
    bail: 1,
    maxWorkers: 1,
    reporters: [reporter],
  });
  let caught = 0;
  for (const mutant of chosen) {
    const test = await caughtBy(vitest, mutant);
    if (test !== undefined) caught += 1;
    console.log(`${mutant.file}: ${mutant.to}: ${test === undefined ? "missed" : `caught by ${test}`}`);
  }
  console.log(`${caught} of ${chosen.length} mutants caught`);
  process.exitCode = caught === chosen.length ? 0 : 1;
  await vitest.close();
} finally {
  process.chdir(root);
  succeed("git", ["worktree", "remove", "--force", copy], root);
}
