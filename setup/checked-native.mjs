// Builds of the native code with the compiler's sanitizers, and what they are run on: `npm run test:sanitizers` and
// `npm run fuzz`.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inRoot, root } from "./root.mjs";
import { SetupError, say } from "./terminal.mjs";

/**
 * What is trained: every dtype of a base model that a CPU device trains, on a pipeline of two devices; models whose MLPs
 * are experts, and models that answer prompts from a cache of keys and values, which takes pipelines of one device.
 */
export const TRAININGS = {
  float32: { dtype: "float32" },
  bfloat16: { dtype: "bfloat16" },
  int8: { dtype: "int8" },
  nf4: { dtype: "nf4" },
  "float32-experts": { dtype: "float32", experts: 4, answers: true },
  "bfloat16-experts": { dtype: "bfloat16", experts: 4, answers: true },
  "int8-answers": { dtype: "int8", answers: true },
};

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

function workload({ dtype, experts, answers }) {
  const words = ["one", "two", "three", "four", "five", "six"];
  const rows = words.map((word, i) =>
    JSON.stringify({ q: `${word} and ${words.at(-i)}`, a: word.repeat(1 + (i % 3)) }),
  );
  const data = { path: "rows.jsonl", prompt: "{{q}}", response: "{{a}}" };
  const sample = answers ? { sample: { prompts: ["one and", "two and three"], everySteps: 2, maxTokens: 6 } } : {};
  const job = (name, extra) => ({ name, data, ...sample, ...extra });
  // Adapters on experts have neither dropout nor magnitudes.
  const dropout = experts === undefined ? 0.1 : 0;
  const targets = experts === undefined ? ["q_proj", "down_proj"] : ["q_proj", "o_proj"];
  const document = {
    kind: "workload",
    version: 1,
    model: { path: "model", dtype },
    defaults: { batchSize: 4, microBatchSize: 2, steps: 3, cutoffLength: 48 },
    jobs: [
      job("wide", { adapter: { rank: 8, alpha: 16, dropout }, evaluation: { share: 0.34, everySteps: 2 } }),
      job("narrow", { adapter: { rank: 2, alpha: 4, targets, dora: true }, batchSize: 2 }),
    ],
  };
  return { rows: rows.join("\n"), document: JSON.stringify(document) };
}

/** The command line of the built project. */
export function loratwin(what, args, env) {
  return run(what, process.execPath, [inRoot("dist/cli/main.js"), ...args], env);
}

/** Makes a model of `init-model` one of Mixtral's family: each MLP so many times, and a router that is part of one. */
function giveExperts(model, count) {
  const [config, weights] = ["config.json", "model.safetensors"].map((name) => join(model, name));
  const before = readFileSync(weights);
  const start = 8 + Number(before.readBigUInt64LE(0));
  const { __metadata__, ...tensors } = JSON.parse(before.subarray(8, start));
  const header = { __metadata__ };
  const pieces = [];
  let end = 0;
  const put = (name, dtype, shape, bytes) => {
    header[name] = { dtype, shape, data_offsets: [end, end + bytes.length] };
    end += bytes.length;
    pieces.push(bytes);
  };
  const names = { gate_proj: "w1", up_proj: "w3", down_proj: "w2" };
  for (const [name, { dtype, shape, data_offsets: offsets }] of Object.entries(tensors)) {
    const bytes = before.subarray(start + offsets[0], start + offsets[1]);
    const [, layer, projection] = /^(.*)\.mlp\.(\w+)\.weight$/.exec(name) ?? [];
    if (projection === undefined) put(name, dtype, shape, bytes);
    for (let expert = 0; projection !== undefined && expert < count; expert += 1)
      put(`${layer}.block_sparse_moe.experts.${expert}.${names[projection]}.weight`, dtype, shape, bytes);
    if (projection !== "gate_proj") continue;
    const width = bytes.length / shape[0];
    put(`${layer}.block_sparse_moe.gate.weight`, dtype, [count, shape[1]], bytes.subarray(0, count * width));
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  writeFileSync(weights, Buffer.concat([length, text, ...pieces]));
  const mixtral = { architectures: ["MixtralForCausalLM"], model_type: "mixtral", num_experts_per_tok: 2 };
  const own = { ...JSON.parse(readFileSync(config, "utf8")), ...mixtral, num_local_experts: count };
  writeFileSync(config, JSON.stringify(own));
}

/** A plan for two CPU devices to train two adapters on a small synthetic model, in a folder; `name`: of TRAININGS. */
export function smallPlan(folder, name) {
  const training = TRAININGS[name];
  mkdirSync(folder, { recursive: true });
  const { rows, document } = workload(training);
  writeFileSync(join(folder, "rows.jsonl"), rows);
  writeFileSync(join(folder, "workload.yaml"), document);
  const shape = ["--hidden-size", "32", "--heads", "4", "--kv-heads", "2", "--seed", "1"];
  loratwin(`${name}: a model`, ["init-model", join(folder, "model"), "--layers", "2", ...shape]);
  if (training.experts !== undefined) giveExperts(join(folder, "model"), training.experts);
  const plan = join(folder, "plan.json");
  loratwin(`${name}: a plan`, ["plan", join(folder, "workload.yaml"), "--devices", "cpu:0,cpu:1", "-o", plan]);
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
export function recordTraining(folder, plan, name) {
  const recording = join(folder, "calls.txt");
  loratwin(`${name}: a recorded training`, ["train", plan, "-o", join(folder, "recorded")], {
    LORATWIN_ADDON: inRoot("native/test/replay/recorder.cjs"),
    LORATWIN_RECORDED_ADDON: inRoot("native/build/loratwin.node"),
    LORATWIN_RECORDING: recording,
  });
  writeFileSync(recording, withoutMeasuring(readFileSync(recording, "utf8")));
  return recording;
}
