import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { PlantedBug } from "./planted-bugs.ts";

/** One line of cuda_table: a kernel on a case under a schedule. */
export interface Judgement {
  readonly op: string;
  readonly case: string;
  readonly schedule: string;
  readonly error: number | null;
  readonly tolerance: number;
  readonly ok: boolean;
  /** What the emulation stopped the kernel for. */
  readonly message?: string;
}

/** The last line of cuda_table. */
export interface Counts {
  readonly launches: number;
  readonly mma: number;
  readonly bankConflicts: number;
  readonly checked: boolean;
}

interface Finished {
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

export const native = fileURLToPath(new URL("../../native", import.meta.url));
export const build = join(native, "build");

/** Runs a program to its end; a status that is not 0 is no error. */
export function finish(program: string, args: readonly string[], timeout = 240_000): Promise<Finished> {
  return new Promise((resolve) => {
    execFile(program, args, { maxBuffer: 2 ** 28, timeout }, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : (error.code ?? "killed"), stdout, stderr });
    });
  });
}

async function succeed(program: string, args: readonly string[], timeout?: number): Promise<Finished> {
  const finished = await finish(program, args, timeout);
  if (finished.status !== 0) throw new Error(`${program} ${args.join(" ")}\n${finished.stdout}${finished.stderr}`);
  return finished;
}

/** Builds targets of native/CMakeLists.txt; seconds when they are built already. */
export async function buildTargets(...targets: readonly string[]): Promise<void> {
  await succeed(process.execPath, [join(native, "build.mjs"), ...targets], 900_000);
}

/** Builds both tables. */
export function buildTables(): Promise<void> {
  return buildTargets("cuda_table", "cuda_table_checked");
}

export async function runTable(
  program: string,
  args: readonly string[],
): Promise<{ readonly judgements: readonly Judgement[]; readonly counts: Counts; readonly stderr: string }> {
  const { stdout, stderr } = await finish(program, args);
  const lines = stdout.split("\n").filter((line) => line !== "");
  const counts = lines.pop();
  if (counts === undefined) throw new Error(`Expected lines of ${program}, got none: ${stderr}`);
  return { judgements: lines.map((line) => JSON.parse(line)), counts: JSON.parse(counts), stderr };
}

/** The flags that native/test/emulation.cmake compiles kernels with. */
const flags = "-std=c++20 -O1 -g -fno-pie -ffp-contract=off -fstack-clash-protection".split(" ");
const checkFlags = "-fsanitize=thread -fno-tree-vectorize -fno-store-merging".split(" ");

/**
 * Compiles the kernel with the bug in it, links it before the right ones, runs its cases and returns those that are not
 * ok.
 */
export async function failuresOf(bug: PlantedBug, index: number): Promise<readonly Judgement[]> {
  const source = readFileSync(join(native, "src/cuda", bug.file), "utf8");
  if (source.split(bug.find).length !== 2)
    throw new Error(`Expected one place of ${JSON.stringify(bug.find)} in ${bug.file}`);
  const folder = join(build, "planted-bugs", String(index));
  mkdirSync(join(folder, "cuda"), { recursive: true });
  // A replacement as a function: a string's $ would mean something.
  writeFileSync(
    join(folder, "cuda", bug.file),
    source.replace(bug.find, () => bug.replace),
  );
  const kernel = bug.kernel === undefined ? join(folder, "cuda", bug.file) : join(native, "src/cuda", bug.kernel);
  const object = join(folder, "kernel.o");
  const program = join(folder, "table");
  const includes = [folder, native, join(native, "src")].map((path) => `-I${path}`);
  const checked = bug.build === "checked";
  await succeed("g++", [
    ...flags,
    ...(checked ? checkFlags : []),
    ...includes,
    "-x",
    "c++",
    "-c",
    kernel,
    "-o",
    object,
  ]);
  const archives = ["cuda_table_cases", checked ? "cuda_kernels_checked" : "cuda_kernels", "cuda_emulation"];
  const main = join(build, "CMakeFiles/cuda_table.dir/test/cuda/main.cc.o");
  await succeed("g++", [
    "-no-pie",
    main,
    object,
    ...archives.map((name) => join(build, `lib${name}.a`)),
    "-o",
    program,
  ]);
  const { judgements } = await runTable(program, [bug.group]);
  return judgements.filter((judgement) => !judgement.ok);
}
