// Whether the tests catch mistakes: `npm run mutants -- [--level quick|all|nightly] [--tests REVISION] [word ...]` makes
// each mutant whose file has one of the words in a copy of the last commit and runs the tests that are near it, or all
// that import it with `--related`. `--tests` takes the tests of another revision. What runs dist/ sees no mutant there.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findChromium } from "./chromium.mjs";
import { MUTANTS } from "./mutants.mjs";
import { inRoot, root } from "./root.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { level: { type: "string", default: "all" }, tests: { type: "string" }, related: { type: "boolean" } },
});
const chosen = MUTANTS.filter(
  ({ file }) => positionals.length === 0 || positionals.some((word) => file.includes(word)),
);
const copy = mkdtempSync(join(tmpdir(), "loratwin-mutants-"));
const chromium = await findChromium();

/** One process, which stops at the first test that fails; what is not changed is transformed once. */
const HOW = ["--bail=1", "--reporter=dot", "--no-color", "--maxWorkers=1", "--experimental.fsModuleCache"];

const isNative = (file) => file.startsWith("native/");

function git(...args) {
  const { status, stderr } = spawnSync("git", args, { cwd: root, encoding: "utf8" });
  if (status !== 0) throw new Error(`git ${args.join(" ")}: ${stderr}`);
}

function inCopy(...args) {
  return spawnSync(process.execPath, args, {
    cwd: copy,
    encoding: "utf8",
    maxBuffer: 1 << 28,
    env: { ...process.env, LORATWIN_TESTS: values.level, ...(chromium ? { LORATWIN_CHROMIUM: chromium } : {}) },
  });
}

function build() {
  const { status, stderr } = inCopy("native/build.mjs", "loratwin", "loratwin_mpi", "op_table");
  if (status !== 0) throw new Error(`The copy does not build: ${stderr}`);
}

/** What the near tests say of a mutant. */
function tried({ file, from, to, tests }) {
  const place = join(copy, file);
  const text = readFileSync(place, "utf8");
  if (text.split(from).length !== 2) return `stands at ${text.split(from).length - 1} places: ${from}`;
  writeFileSync(
    place,
    text.replace(from, () => to),
  );
  try {
    if (isNative(file)) build();
    const which = values.related ? ["related", "--run", file] : ["run", ...tests];
    const { status, stdout, stderr } = inCopy("node_modules/vitest/vitest.mjs", ...which, ...HOW);
    if (status === 0) return "missed";
    const failed = /FAIL +(.*)/.exec(`${stderr}${stdout}`)?.[1];
    if (failed === undefined) throw new Error(`The tests of ${file} do not run: ${stderr}${stdout}`);
    return `caught by ${failed}`;
  } finally {
    writeFileSync(place, text);
  }
}

git("worktree", "add", "--detach", "--force", copy);
try {
  symlinkSync(inRoot("node_modules"), join(copy, "node_modules"));
  cpSync(inRoot("dist"), join(copy, "dist"), { recursive: true });
  for (const name of readdirSync(inRoot("native/build")))
    if (/\.(node|so)$|^op_table$/.test(name)) cpSync(inRoot("native/build", name), join(copy, "native/build", name));
  if (values.tests !== undefined) {
    rmSync(join(copy, "test"), { recursive: true });
    const { status } = spawnSync("git", ["checkout", values.tests, "--", "test", "vitest.config.ts"], { cwd: copy });
    if (status !== 0) throw new Error(`There is no test/ in ${values.tests}`);
  }
  if (chosen.some(({ file }) => isNative(file))) build();
  let caught = 0;
  for (const mutant of chosen) {
    const said = tried(mutant);
    if (said.startsWith("caught")) caught += 1;
    console.log(`${mutant.file}: ${mutant.to}: ${said}`);
  }
  console.log(`${caught} of ${chosen.length} mutants caught`);
  process.exitCode = caught === chosen.length ? 0 : 1;
} finally {
  git("worktree", "remove", "--force", copy);
}
