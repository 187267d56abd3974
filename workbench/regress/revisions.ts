import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
} from "node:fs";
import path from "node:path";
import { DeviceError, InputError } from "../../core/index.ts";
import { type Context, packageFile, temporaryFolder, userCache } from "../../files/index.ts";
import type { BuiltRevision } from "./run-goldens.ts";

/** Text that a program printed. @throws InputError with what it said, where it fails */
function told(
  program: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd,
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    // Its messages are read here.
    env: { ...process.env, LC_ALL: "C", ...env },
  });
  if (error !== undefined) throw new DeviceError({ expected: `${program}, which is to be run`, got: error.message });
  if (status !== 0)
    throw new InputError({
      expected: `that \`${program} ${args.slice(0, 3).join(" ")}\` works`,
      got: `${stderr}${stdout}`.trim().split("\n")[0] ?? `exit code ${status}`,
    });
  return stdout.trim();
}

/** This package as it is built. */
export function packageRevision(): BuiltRevision {
  return { name: "this loratwin", root: packageFile(".") };
}

function topOf(cwd: string): string | undefined {
  try {
    return told("git", ["rev-parse", "--show-toplevel"], cwd);
  } catch (error) {
    if (error instanceof InputError && error.message.includes("not a git repository")) return undefined;
    throw error;
  }
}

/** The git repository of loratwin that a folder is in. @throws InputError where it is in none */
export function repositoryOf(cwd: string): string {
  const top = topOf(cwd);
  const file = path.join(top ?? cwd, "package.json");
  const name = existsSync(file)
    ? (JSON.parse(readFileSync(file, "utf8")) as { readonly name?: string }).name
    : undefined;
  if (top === undefined || name !== "loratwin")
    throw new InputError({
      expected: "a clone of loratwin's repository",
      got: top ?? cwd,
      hint: "Elsewhere `regress update` and `regress check` compare with a stored baseline.",
    });
  return top;
}

/** The tree of a commit, or of the files as they are, those that git does not know yet among them. */
function treeOf(repository: string, ref: string | undefined): string {
  if (ref !== undefined) return treeOfCommit(repository, ref);
  using folder = temporaryFolder("loratwin-index");
  const index = path.join(folder.path, "index");
  // An index without times, so that every file is read: one that changed within a second keeps its size and its second.
  told("git", ["read-tree", "HEAD"], repository, { GIT_INDEX_FILE: index });
  told("git", ["add", "--all"], repository, { GIT_INDEX_FILE: index });
  return told("git", ["write-tree"], repository, { GIT_INDEX_FILE: index });
}

function treeOfCommit(repository: string, ref: string): string {
  try {
    return told("git", ["rev-parse", "--verify", "--quiet", "--end-of-options", `${ref}^{tree}`], repository);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const isShallow = told("git", ["rev-parse", "--is-shallow-repository"], repository) === "true";
    const hint = "This clone is shallow: `git fetch --unshallow` brings older revisions.";
    throw new InputError({ expected: "a revision that git knows", got: ref, ...(isShallow ? { hint } : {}) });
  }
}

/** Packages of a tree: those of this package where it asks for the same ones, else its own. */
function addPackages(folder: string): void {
  const lock = (root: string): string => readFileSync(path.join(root, "package-lock.json"), "utf8");
  const ours = packageFile("node_modules");
  if (existsSync(ours) && lock(folder) === lock(packageFile("."))) symlinkSync(ours, path.join(folder, "node_modules"));
  else told("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder);
}

/** A revision's planner, scheduler, simulator and command line, without native code. */
function build(repository: string, tree: string, folder: string): void {
  mkdirSync(folder, { recursive: true });
  const archive = path.join(folder, "tree.tar");
  told("git", ["archive", "--format=tar", `--output=${archive}`, tree], repository);
  told("tar", ["-xf", archive], folder);
  rmSync(archive);
  addPackages(folder);
  // Types are its own checks' concern. Revisions until 0.1 were built by the compiler.
  const compiler = path.join("node_modules", "typescript", "bin", "tsc");
  const isOld = existsSync(path.join(folder, "tsconfig.build.json"));
  const words = isOld ? [compiler, "-p", "tsconfig.build.json", "--noCheck"] : ["setup/typescript-build.mjs"];
  told(process.execPath, words, folder);
}

/** Builds that are kept: the ones that were used longest ago go. */
const MOST_KEPT = 24;

function removeOld(folder: string): void {
  const kept = readdirSync(folder).map((name) => path.join(folder, name));
  const newestFirst = kept
    .map((file) => ({ file, usedMs: statSync(file).mtimeMs }))
    .sort((a, b) => b.usedMs - a.usedMs);
  for (const { file } of newestFirst.slice(MOST_KEPT)) rmSync(file, { recursive: true, force: true });
}

/**
 * A commit, or the files as they are, built once and kept by what is in them.
 * @throws InputError for a reference that is none, and for one that cannot be built
 */
export async function builtRevision(
  context: Context,
  repository: string,
  ref: string | undefined,
): Promise<BuiltRevision> {
  const name = ref ?? "the working tree";
  const tree = treeOf(repository, ref);
  const root = userCache("revisions", tree);
  const revision = { name, root, tree, results: path.join(root, "regress") };
  if (existsSync(root)) {
    utimesSync(root, new Date(), new Date());
    return revision;
  }
  return await context.during(`building ${name}`, () => {
    const kept = path.dirname(root);
    mkdirSync(kept, { recursive: true });
    using folder = temporaryFolder("building", kept);
    build(repository, tree, folder.path);
    mkdirSync(path.join(folder.path, "regress"));
    // Somebody else may have been as far.
    if (!existsSync(root)) renameSync(folder.path, root);
    removeOld(kept);
    return revision;
  });
}

/** Files that differ between two trees. */
export function changedFiles(repository: string, before: BuiltRevision, now: BuiltRevision): readonly string[] {
  const listed = told("git", ["diff", "--name-only", "--no-renames", before.tree!, now.tree!], repository);
  return listed.split("\n").filter((line) => line !== "");
}

/** A file as a tree has it; undefined where it has none. */
export function fileIn(repository: string, { tree }: BuiltRevision, file: string): string | undefined {
  const isThere = told("git", ["ls-tree", "--name-only", tree!, "--", file], repository) !== "";
  return isThere ? told("git", ["show", `${tree}:${file}`], repository) : undefined;
}

/** What tells the native code of a revision from that of another. */
export function nativeTree(repository: string, { tree }: BuiltRevision): string {
  return told("git", ["rev-parse", `${tree}:native`], repository);
}

/** Commits from the one behind `good` to `bad`, the oldest first. @throws InputError where `good` is not before it */
export function commitsBetween(repository: string, good: string, bad: string): readonly string[] {
  const range = `${good}..${bad}`;
  const listed = told("git", ["rev-list", "--reverse", "--first-parent", "--end-of-options", range], repository);
  const commits = listed.split("\n").filter((line) => line !== "");
  if (commits.length > 0) return commits;
  throw new InputError({ expected: `a commit before ${bad}`, at: "GOOD", got: good });
}

/** A commit in one line. */
export function commitText(repository: string, commit: string): string {
  return told("git", ["log", "-1", "--format=%h %s", commit], repository);
}
