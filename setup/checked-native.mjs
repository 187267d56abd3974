// Builds of the native code with the compiler's sanitizers, and what they are run on: `npm run test:sanitizers` and
// `npm run fuzz`.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inRoot, root } from "./root.mjs";
import { SetupError, say } from "./terminal.mjs";

/** Every dtype of a base model that a CPU device trains. */
export const DTYPES = ["float32", "bfloat16", "int8", "nf4"];

/** Ends the program at the first thing found. Leaks: Node never gives back all, so they are looked for outside it. */
const OPTIONS = {
  ASAN_OPTIONS: "detect_leaks=0:abort_on_error=0:exitcode=99:allocator_may_return_null=1",
  UBSAN_OPTIONS: "print_stacktrace=1:halt_on_error=1",
  TSAN_OPTIONS: "halt_on_error=1:exitcode=99",
};

/**
 * A program's work in a folder that goes with it; the exit code of a `SetupError`, which is said. The user's cache is in
 * there too: how slow checked code is must not be taken for this machine's speed by later predictions.
 */
export function inTemporaryFolder(name, work) {
  const folder = mkdtempSync(join(tmpdir(), `loratwin-${name}-`));
  process.env.XDG_CACHE_HOME = join(folder, "cache");
  try {
    work(folder);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(error.message);
    process.exitCode = error.exitCode;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @throws SetupError where a program fails; its output is shown then. */
export function run(what, program, args, env = {}) {
  const start = performance.now();
  const result = spawnSync(program, args, {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 1 << 28,
    env: { ...process.env, ...OPTIONS, ...env },
  });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  if (result.status !== 0) {
    process.stderr.write(`${result.stdout.slice(-20_000)}${result.stderr.slice(-20_000)}`);
    throw new SetupError(`${what}: failed after ${seconds} s (${result.signal ?? `exit code ${result.status}`})`);
  }
  say(`${what}: ok (${seconds} s)`);
  return result.stdout;
}

/** @throws SetupError where the compiler cannot build it. */
export function buildChecked(sanitizer, targets) {
  run(`build with the ${sanitizer} sanitizer`, process.execPath, [inRoot("native/build.mjs"), ...targets], {
    LORATWIN_SANITIZE: sanitizer,
    LORATWIN_CUDA: "0",
  });
  return (target) => inRoot(`native/build-${sanitizer}`, target);
}

/** What has to be loaded before Node so that a checked addon can be loaded into it. */
export function addressLibrary() {
  const { stdout } = spawnSync("c++", ["-print-file-name=libasan.so"], { encoding: "utf8" });
  return stdout.trim();
}

function workload(dtype) {
  const words = ["one", "two", "three", "four", "five", "six"];
  const rows = words.map((word, i) =>
    JSON.stringify({ q: `${word} and ${words.at(-i)}`, a: word.repeat(1 + (i % 3)) }),
  );
  const job = (name, extra) => ({ name, data: { path: "rows.jsonl", prompt: "{{q}}", response: "{{a}}" }, ...extra });
  const document = {
    kind: "workload",
    version: 1,
    model: { path: "model", dtype },
    defaults: { batchSize: 4, microBatchSize: 2, steps: 3, cutoffLength: 48 },
    jobs: [
      job("wide", { adapter: { rank: 8, alpha: 16, dropout: 0.1 }, evaluation: { share: 0.34, everySteps: 2 } }),
      job("narrow", { adapter: { rank: 2, alpha: 4, targets: ["q_proj", "down_proj"] }, batchSize: 2 }),
    ],
  };
  return { rows: rows.join("\n"), document: JSON.stringify(document) };
}

/** The command line of the built project. */
export function loratwin(what, args, env) {
  return run(what, process.execPath, [inRoot("dist/cli/main.js"), ...args], env);
}

/** A plan for two CPU devices to train two adapters on a small synthetic model of the dtype, in a folder. */
export function smallPlan(folder, dtype) {
  mkdirSync(folder, { recursive: true });
  const { rows, document } = workload(dtype);
  writeFileSync(join(folder, "rows.jsonl"), rows);
  writeFileSync(join(folder, "workload.yaml"), document);
  const shape = ["--hidden-size", "32", "--heads", "4", "--kv-heads", "2", "--seed", "1"];
  loratwin(`${dtype}: a model`, ["init-model", join(folder, "model"), "--layers", "2", ...shape]);
  const plan = join(folder, "plan.json");
  loratwin(`${dtype}: a plan`, ["plan", join(folder, "workload.yaml"), "--devices", "cpu:0,cpu:1", "-o", plan]);
  return plan;
}

/**
 * The calls of a recording without those of runtimes that train nothing: measuring how fast the machine is takes large
 * products, which checked code makes for minutes.
 */
function withoutMeasuring(recording) {
  const lines = recording.split("\n").filter((line) => line !== "");
  const runtimeOf = new Map();
  const ofLine = lines.map((line) => {
    const words = line.split(" ", 5);
    const handles = words.filter((word) => /^[RD]\d+$/.test(word));
    const runtime = handles.map((handle) => runtimeOf.get(handle) ?? handle).find((handle) => handle.startsWith("R"));
    if (words[1] === "=") runtimeOf.set(words[0], runtime);
    return runtime;
  });
  const training = new Set(lines.flatMap((line, i) => (/(^| )createAdapter /.test(line) ? [ofLine[i]] : [])));
  // Handles are numbered in the order in which they are made.
  const names = new Map();
  const counts = { R: 0, D: 0 };
  const nameOf = (handle) => {
    if (!names.has(handle)) names.set(handle, `${handle[0]}${counts[handle[0]]++}`);
    return names.get(handle);
  };
  return lines
    .filter((_, i) => training.has(ofLine[i]))
    .map((line) => line.replace(/(^| )([RD]\d+)(?= |$)/g, (_, space, handle) => space + nameOf(handle)))
    .map((line) => `${line}\n`)
    .join("");
}

/** The addon's calls of a training, written down for replay_calls and fuzz_calls. */
export function recordTraining(folder, plan, dtype) {
  const recording = join(folder, "calls.txt");
  loratwin(`${dtype}: a recorded training`, ["train", plan, "-o", join(folder, "recorded")], {
    LORATWIN_ADDON: inRoot("native/test/replay/recorder.cjs"),
    LORATWIN_RECORDED_ADDON: inRoot("native/build/loratwin.node"),
    LORATWIN_RECORDING: recording,
  });
  writeFileSync(recording, withoutMeasuring(readFileSync(recording, "utf8")));
  return recording;
}
