// Tries runs under a real Slurm (`npm run slurm`, as root on Debian): three nodes on loopback. Some minutes.
// An argument chooses the cases whose names have it: `npm run slurm -- preemption`.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { inRoot } from "../root.mjs";
import { closingLine } from "../test-counts.mjs";
import { installSlurm, PARTITIONS, startCluster } from "./cluster.mjs";
import { tryInterrupted } from "./interrupted.mjs";

const PREEMPTIONS = Number(process.env.LORATWIN_PREEMPTIONS ?? 10);
const program = inRoot("dist/cli/main.js");

installSlurm();
const folder = mkdtempSync(path.join(tmpdir(), "loratwin-slurm-runs-"));
const at = (...names) => path.join(folder, ...names);
const { env, slurm, stop } = await startCluster();

function loratwin(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd: folder,
    env,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`loratwin ${args.join(" ")}: ${status}\n${stderr}`);
  return stdout;
}

const JOBS = ["a", "b"];
/** What a run takes that is preempted again and again, predicted by so many steps. */
const TIMED_SECONDS = 60;
const TIMED_STEPS = 100;
const weights = (run) =>
  JOBS.map((job) => readFileSync(at(run, "adapters", job, "adapter_model.safetensors"), "base64"));
const events = (run) =>
  readFileSync(at(run, "journal.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).event);
const lines = (run) =>
  existsSync(at(run, "metrics.jsonl")) ? readFileSync(at(run, "metrics.jsonl"), "utf8").split("\n").length : 0;
const checkpoints = (run) => (existsSync(at(run, "checkpoints")) ? readdirSync(at(run, "checkpoints")).length : 0);
const state = (job) => slurm("squeue", ["-h", "-j", job, "-o", "%T"]).trim();

async function until(what, isSo, seconds = 60) {
  for (let left = seconds * 10; ; left -= 1) {
    let is = false;
    try {
      is = isSo();
    } catch {
      // A job that is over is not known to squeue for long.
    }
    if (is) return;
    if (left === 0) throw new Error(`${what}: not within ${seconds} s`);
    await sleep(100);
  }
}

const isOver = (job) => {
  try {
    return state(job) === "";
  } catch {
    return true;
  }
};

function assertEqual(what, got, expected) {
  if (JSON.stringify(got) !== JSON.stringify(expected))
    throw new Error(
      `${what}: ${JSON.stringify(got).slice(0, 300)} instead of ${JSON.stringify(expected).slice(0, 300)}`,
    );
}

/** A job that takes the nodes of the others. */
function writeHigh() {
  const head = "#!/bin/bash\n#SBATCH --nodes=3 --ntasks-per-node=1 --cpus-per-task=2 --partition=high\n";
  writeFileSync(at("high.sbatch"), `${head}sleep 1\n`);
}

const workload = (steps, sizes = { batchSize: 4, microBatchSize: 2 }) => ({
  ...{ kind: "workload", version: 1, model: { path: "model" } },
  defaults: { data: { path: "rows.jsonl", format: "text" }, ...sizes, steps },
  jobs: JOBS.map((name, i) => ({ name, adapter: { rank: 4 * (i + 1) } })),
});

function writeInputs() {
  loratwin("init-model", "model", "--hidden-size", "64", "--layers", "4", "--heads", "4");
  const rows = Array.from({ length: 40 }, (_, row) =>
    JSON.stringify({ text: `Row number ${row} of some rows of text.` }),
  );
  writeFileSync(at("rows.jsonl"), `${rows.join("\n")}\n`);
  const cluster = inRoot("examples/machines/cluster.yaml");
  for (const [name, steps] of [
    ["short", 60],
    ["middle", 1200],
    ["long", 6000],
  ]) {
    writeFileSync(at(`${name}.json`), JSON.stringify(workload(steps)));
    loratwin("plan", `${name}.json`, "--cluster", cluster, "--pipelines", "1", "-o", `${name}-plan.json`);
  }
  writeFileSync(at("jobs.json"), JSON.stringify(workload(400)));
}

/** Submits what `launch --until-done` writes, with the cores that three nodes of one host have. */
function submit(run, launched, ...options) {
  const script = loratwin("launch", ...launched, "--launcher", "slurm", "-o", run, "--until-done");
  writeFileSync(at(`${run}.sbatch`), script.replace("--exclusive", "--cpus-per-task=2"));
  return slurm("sbatch", ["--parsable", "-o", `${run}.log`, ...options, `${run}.sbatch`], { cwd: folder }).trim();
}

const batch = (plan, run, ...options) => submit(run, [`${plan}-plan.json`, "--network", "lo"], ...options);

const launchLine = (plan, run, ...more) =>
  JSON.parse(loratwin("launch", plan, "--launcher", "slurm", "--network", "lo", "-o", run, "--json", ...more));

/** Starts the line of `launch` as it is, and returns its exit code. */
function started({ environment, command }, options = []) {
  const [srun, ...words] = command;
  const child = spawn(srun, [...options, ...words], { cwd: folder, env: { ...env, ...environment }, stdio: "ignore" });
  return { child, code: new Promise((resolve) => child.once("close", resolve)) };
}

/** The process of loratwin that has words of a command line, and something in its environment. */
function processOf(run, variable = "") {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
    try {
      const [words, environment] = ["cmdline", "environ"].map((name) =>
        readFileSync(`/proc/${pid}/${name}`, "utf8").split("\0"),
      );
      if (words[0] === process.execPath && words.includes(run) && [...environment, ""].includes(variable))
        return Number(pid);
    } catch {
      // It is no more.
    }
  return undefined;
}

/** The process of a task of the step of a run. */
const taskOf = (run, task) => processOf(run, `SLURM_PROCID=${task}`);

/** The cores that single threads of a run are pinned to. */
function pinnedCores(run) {
  const folder = `/proc/${processOf(run)}/task`;
  const lists = readdirSync(folder).map(
    (thread) => /Cpus_allowed_list:\s*(\S+)/.exec(readFileSync(`${folder}/${thread}/status`, "utf8"))[1],
  );
  return [...new Set(lists.filter((list) => /^\d+$/.test(list)))];
}

async function wholeAgain(job, run) {
  slurm("scontrol", ["update", `JobId=${job}`, "StartTime=now"]);
  await until("the job that comes again ends", () => isOver(job), 120);
  assertEqual("the events of a run that came again", events(run).at(-1), "ended");
}

const CASES = {
  async "the line of launch trains to the bytes of one machine"() {
    assertEqual("exit code", await started(launchLine("short-plan.json", "line")).code, 0);
    loratwin("plan", "short.json", "--devices", "cpu:0,cpu:1", "--pipelines", "1", "-o", "near.json");
    loratwin("train", "near.json", "-o", "near");
    assertEqual("adapters", weights("line"), weights("near"));
  },
  async "a notice before the time is over ends with a checkpoint and comes again to the same bytes"() {
    const whole = batch("middle", "whole");
    await until("a run without a break ends", () => isOver(whole), 120);
    const job = batch("middle", "noticed");
    await until("steps", () => lines("noticed") > 50);
    slurm("scancel", ["--signal=USR2", job]);
    await until("the job waits to come again", () => state(job) === "PENDING");
    assertEqual("events", events("noticed").slice(-3), ["notice", "checkpoint", "ended early"]);
    await wholeAgain(job, "noticed");
    assertEqual("adapters", weights("noticed"), weights("whole"));
  },
  async "a preemption keeps the checkpoint, with and without a time of grace"() {
    for (let turn = 0; turn < PREEMPTIONS; turn += 1)
      for (const partition of Object.keys(PARTITIONS)) {
        const run = `preempted-${partition}-${turn}`;
        const job = batch("long", run, "-p", partition);
        await until("steps", () => lines(run) > 20);
        const before = checkpoints(run);
        const high = slurm("sbatch", ["--parsable", "-o", "high.log", "high.sbatch"], { cwd: folder }).trim();
        await until("the job waits to come again", () => state(job) === "PENDING");
        await until("the run has ended", () => taskOf(run, 0) === undefined);
        assertEqual(`the last event of ${run}`, events(run).at(-1), "ended early");
        assertEqual(`checkpoints of ${run}`, checkpoints(run) > before, true);
        slurm("scancel", [job]);
        await until("the nodes are free", () => isOver(high) && isOver(job));
      }
  },
  async "preemptions every 15 s cost what the simulator says"() {
    const cluster = inRoot("examples/machines/cluster.yaml");
    const timed = (steps) => {
      // Longer actions than those of the others: between ranks a message of these takes as long as an action.
      writeFileSync(at("timed.json"), JSON.stringify(workload(steps, { batchSize: 64, microBatchSize: 32 })));
      const costs = ["--calibration", "costs.json"];
      if (!existsSync(at("costs.json")))
        loratwin("calibrate", "--workload", "timed.json", "--devices", "cpu:0,cpu:1", "-o", "costs.json");
      loratwin("plan", "timed.json", "--cluster", cluster, "--pipelines", "1", ...costs, "-o", "timed-plan.json");
      return JSON.parse(readFileSync(at("timed-plan.json"), "utf8")).predicted.makespanSeconds / steps;
    };
    timed(Math.round(TIMED_SECONDS / timed(TIMED_STEPS)));
    const start = (run) => batch("timed", run, "-p", "grace");
    const files = { plan: "timed-plan.json", costs: "costs.json", notice: PARTITIONS.grace };
    console.log(`      ${await tryInterrupted({ at, batch: start, isOver, loratwin, slurm, state, until }, files)}`);
  },
  async "a job whose rank is killed ends within 5 s, and goes on"() {
    const line = launchLine("middle-plan.json", "killed", "--checkpoint-steps", "50");
    const { code } = started(line);
    await until("steps", () => lines("killed") > 150);
    process.kill(taskOf("killed", 1), "SIGKILL");
    const killed = performance.now();
    if ((await code) === 0) throw new Error("it ended with 0");
    const seconds = (performance.now() - killed) / 1e3;
    if (seconds > 5) throw new Error(`it ended after ${seconds.toFixed(1)} s`);
    const again = JSON.parse(loratwin("launch", "killed", "--launcher", "slurm", "--network", "lo", "--json"));
    assertEqual("exit code", await started(again).code, 0);
    assertEqual("adapters", weights("killed"), weights("whole"));
  },
  async "a second job of one folder waits for the first, and one that does not is refused"() {
    const first = batch("middle", "once");
    const second = batch("middle", "once");
    await until("steps", () => lines("once") > 50);
    assertEqual("the second one", slurm("squeue", ["-h", "-j", second, "-o", "%T %r"]).trim(), "PENDING Dependency");
    const { status, stderr } = spawnSync(process.execPath, [program, "resume", "once"], {
      cwd: folder,
      env,
      encoding: "utf8",
    });
    assertEqual("exit code", status, 2);
    if (!/nobody carries out|no other process writes/.test(stderr)) throw new Error(stderr);
    slurm("scancel", [second, first]);
    await until("they end", () => isOver(first) && isOver(second));
  },
  async "jobs over time come again after a notice, and end with the bytes of no break"() {
    const jobs = ["jobs.json", "--fleet", "--once", "--devices", "cpu:0"];
    loratwin("serve", "jobs.json", "--once", "--devices", "cpu:0", "-o", "served");
    const job = submit("fleet", jobs);
    await until("steps", () => lines("fleet") > 20);
    slurm("scancel", ["--signal=USR2", job]);
    await until("the job waits to come again", () => state(job) === "PENDING");
    await wholeAgain(job, "fleet");
    assertEqual("adapters", weights("fleet"), weights("served"));
  },
  async "tasks of an array take different cores, and train each to the same bytes"() {
    loratwin("plan", "middle.json", "--devices", "cpu:0", "-o", "alone.json");
    loratwin("train", "alone.json", "-o", "alone");
    // Without srun only a signal to the script itself arrives: `exec` makes the script the program.
    const train = `exec ${process.execPath} ${program} train alone.json -o array-$SLURM_ARRAY_TASK_ID`;
    writeFileSync(at("array.sbatch"), `#!/bin/bash\n#SBATCH --array=0-1 --cpus-per-task=2\n${train}\n`);
    const job = slurm("sbatch", ["--parsable", "-o", "array.log", "array.sbatch"], { cwd: folder }).trim();
    const tasks = ["array-0", "array-1"];
    await until("steps", () => tasks.every((run) => lines(run) > 20));
    const cores = tasks.map((run) => pinnedCores(run));
    assertEqual(
      "cores that each task has",
      cores.map((own) => own.length),
      [1, 1],
    );
    assertEqual("cores in all", new Set(cores.flat()).size, 2);
    slurm("scancel", ["--signal=USR2", "--batch", `${job}_1`]);
    await until("the array ends", () => isOver(job), 120);
    assertEqual("adapters of task 0", weights("array-0"), weights("alone"));
    assertEqual("the last event of task 1", events("array-1").at(-1), "ended early");
  },
  async "the nodes of a host file are ranks in its order"() {
    writeFileSync(at("hosts"), "n3\nn1\n");
    const options = { env: { ...env, SLURM_HOSTFILE: at("hosts") } };
    const order = (args, more = {}) =>
      slurm("srun", [...args, "-l", "sh", "-c", "echo $SLURMD_NODENAME"], more)
        .trim()
        .split("\n")
        .sort();
    assertEqual("as Slurm sorts them", order(["-w", "n3,n1", "-N2", "-n2"]), ["0: n1", "1: n3"]);
    assertEqual("of the file", order(["-n2", "--distribution=arbitrary"], options), ["0: n3", "1: n1"]);
  },
};

const counts = { passed: 0, failed: 0, skipped: 0 };
try {
  mkdirSync(folder, { recursive: true });
  writeHigh();
  writeInputs();
  for (const [name, work] of Object.entries(CASES).filter(([name]) => name.includes(process.argv[2] ?? ""))) {
    const start = performance.now();
    let failure;
    try {
      await work();
    } catch (error) {
      failure = error;
    }
    counts[failure === undefined ? "passed" : "failed"] += 1;
    const seconds = ((performance.now() - start) / 1e3).toFixed(1);
    console.log(`${failure === undefined ? "ok  " : "FAIL"}  ${name} (${seconds} s)`);
    if (failure !== undefined) console.log(`      ${failure.message}`);
    spawnSync("scancel", ["-u", "root"], { env });
    await sleep(1000);
  }
} finally {
  spawnSync("scancel", ["-u", "root"], { env });
  await stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
console.log(closingLine(counts));
process.exitCode = counts.failed === 0 ? 0 : 1;
