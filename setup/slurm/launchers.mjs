// The table of launchers for this machine's MPI (`npm run slurm -- launchers`, as root on Debian): each starts two
// ranks on two nodes of a Slurm on loopback. A cell is right where the adapters have the bytes of a run on one machine.
// Where the launcher is not for this MPI, it is right where every command is refused, says what to do instead, and
// writes nothing.
import { spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { inRoot } from "../root.mjs";
import { closingLine } from "../test-counts.mjs";
import { installSlurm, startCluster } from "./cluster.mjs";

const program = inRoot("dist/cli/main.js");
/** What no command takes; more is a hang. */
const LONGEST_SECONDS = 120;

/** Whose `mpirun` a program is; undefined where there is none. */
function mpiOf(mpirun) {
  const { stdout, error } = spawnSync(mpirun, ["--version"], { encoding: "utf8" });
  if (error !== undefined) return undefined;
  // By another name it says OpenRTE.
  if (/Open MPI|OpenRTE/.test(stdout)) return { name: stdout.split("\n")[0], kin: "openmpi", pmi: "pmix" };
  return { name: `MPICH ${/Version: +(\S+)/.exec(stdout)?.[1]}`, kin: "mpich", pmi: "pmi2" };
}

installSlurm();
const own = mpiOf("mpirun");
if (own === undefined) throw new Error("Expected mpirun, found none.");
const others = ["mpirun.openmpi", "mpirun.mpich"].filter((name) => {
  const kin = mpiOf(name)?.kin;
  return kin !== undefined && kin !== own.kin;
});

const folder = mkdtempSync(path.join(tmpdir(), "loratwin-launchers-"));
const at = (...names) => path.join(folder, ...names);
const { env, stop } = await startCluster();
const OPEN_MPI = {
  ...{ UCX_MEM_EVENTS: "no", OMPI_MCA_pml: "ob1", OMPI_MCA_btl: "tcp,self", OMPI_MCA_btl_tcp_if_include: "lo" },
  ...{ OMPI_ALLOW_RUN_AS_ROOT: "1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1" },
};

function mpirun(name) {
  const more = mpiOf(name).kin === "openmpi" ? ["--oversubscribe", "--bind-to", "none"] : [];
  return [name, "-n", "2", ...more];
}

const srun = (...more) => ["srun", ...more, "--nodes=2", "--ntasks=2"];

/** How ranks are started, and whether this MPI takes it. */
const LAUNCHERS = [
  { name: "mpirun", words: mpirun("mpirun"), isOwn: true },
  { name: "salloc mpirun", words: ["salloc", "--nodes=2", "--ntasks=2", ...mpirun("mpirun")], isOwn: true },
  ...["pmix", "pmi2"].map((pmi) => ({
    name: `srun --mpi=${pmi}`,
    words: srun(`--mpi=${pmi}`),
    isOwn: pmi === own.pmi,
  })),
  { name: "srun", words: srun(), isOwn: false },
  ...others.map((name) => ({ name, words: mpirun(name), isOwn: false })),
];

/** Ends with an exit code, what was said, and whether it had to be ended. */
async function started([first, ...words]) {
  // A group of its own, which is ended whole: what a launcher leaves has its pipes.
  const child = spawn(first, words, { cwd: folder, env: { ...env, ...OPEN_MPI }, detached: true });
  let [text, isHung] = ["", false];
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (part) => {
      text += part;
    });
  const limit = setTimeout(() => {
    isHung = true;
    process.kill(-child.pid, "SIGKILL");
    spawnSync("scancel", ["-u", "root"], { env });
  }, LONGEST_SECONDS * 1000);
  const code = await new Promise((resolve) => child.once("close", resolve));
  clearTimeout(limit);
  return { code, text, isHung };
}

async function loratwin(...args) {
  const { code, text } = await started([process.execPath, program, ...args]);
  if (code !== 0) throw new Error(`loratwin ${args.join(" ")}: ${code}\n${text}`);
}

const weights = (run) => readFileSync(at(run, "adapters/a/adapter_model.safetensors"), "base64");
/** What a folder has: its names, and what has happened. */
const contentOf = (run) =>
  existsSync(at(run)) ? [...readdirSync(at(run)), readFileSync(at(run, "journal.jsonl"), "utf8")].join() : undefined;

/** Each with the run on one machine that it has to be like. */
const COMMANDS = [
  { command: "train", like: "near", wordsOf: (run) => ["train", "plan.json", "-o", run] },
  { command: "resume", like: "near", wordsOf: (run) => ["resume", run] },
  {
    ...{ command: "serve", like: "near-fleet" },
    wordsOf: (run) => ["serve", "workload.json", "--cluster", cluster, "--once", "-o", run],
  },
];
const cluster = inRoot("examples/machines/cluster.yaml");

/**
 * What a refused run is told: the option of `srun`, or whose mpirun. Where MPI ends it, beside MPI's own words. A Slurm
 * without the plugin starts nothing, and says so.
 */
const ADVICE = /^(?:(?:Hint|Warning): .*(?:srun --mpi=\w+|its mpirun)|srun: error: Invalid MPI type).*$/m;

/** Throws where a launcher that is this MPI's own does not train, or another one is not refused; gives what it said. */
function judge({ isOwn }, { like }, run, before, { code, text, isHung }) {
  if (isHung) throw new Error(`no end after ${LONGEST_SECONDS} s`);
  if (isOwn) {
    if (code !== 0) throw new Error(`code ${code}`);
    if (weights(run) !== weights(like)) throw new Error("other bytes");
    return "same bytes";
  }
  if (code === 0) throw new Error("each process has trained alone");
  if (contentOf(run) !== before) throw new Error(`code ${code}, but the run folder was written`);
  const [advice] = ADVICE.exec(text) ?? [];
  if (advice === undefined) throw new Error(`code ${code}, without a hint`);
  return `refused (${code}). ${advice}`;
}

async function prepare() {
  await loratwin("init-model", "model", "--hidden-size", "64", "--layers", "4", "--heads", "4");
  const rows = Array.from({ length: 40 }, (_, row) =>
    JSON.stringify({ text: `Row number ${row} of some rows of text.` }),
  );
  writeFileSync(at("rows.jsonl"), `${rows.join("\n")}\n`);
  const workload = {
    ...{ kind: "workload", version: 1, model: { path: "model" } },
    defaults: { data: { path: "rows.jsonl", format: "text" }, batchSize: 4, microBatchSize: 2, steps: 20 },
    jobs: [{ name: "a", adapter: { rank: 4 } }],
  };
  writeFileSync(at("workload.json"), JSON.stringify(workload));
  const one = ["--devices", "cpu:0,cpu:1"];
  await loratwin("plan", "workload.json", "--cluster", cluster, "--pipelines", "1", "-o", "plan.json");
  await loratwin("plan", "workload.json", ...one, "--pipelines", "1", "-o", "near.json");
  await loratwin("train", "near.json", "-o", "near");
  await loratwin("serve", "workload.json", ...one, "--once", "-o", "near-fleet");
  const { code, text } = await started([
    ...[...mpirun("mpirun"), process.execPath, program],
    ...["train", "plan.json", "-o", "cut", "--max-hours", "0.00001"],
  ]);
  if (!existsSync(at("cut/checkpoints"))) throw new Error(`A run to resume was not cut off: ${code}\n${text}`);
}

async function cell(launcher) {
  const said = new Set();
  for (const command of COMMANDS) {
    const run = `${command.command} ${launcher.name}`;
    if (command.command === "resume") cpSync(at("cut"), at(run), { recursive: true });
    const before = contentOf(run);
    const outcome = await started([...launcher.words, process.execPath, program, ...command.wordsOf(run)]);
    try {
      said.add(judge(launcher, command, run, before, outcome));
    } catch (error) {
      return { isRight: false, says: `${command.command}: ${error.message}\n${outcome.text}` };
    }
  }
  return { isRight: true, says: [...said].join("\n") };
}

/** Processes that MPI knows nothing of have a plan each; of one folder one of them has it. */
async function independent() {
  const { code, text } = await started([...srun(), process.execPath, program, "train", "near.json", "-o", "one"]);
  const isRight = code !== 0 && weights("one") === weights("near") && text.match(/written to one/g).length === 1;
  return { isRight, says: isRight ? "one of them trains, the other one is refused" : `${code}\n${text}` };
}

const rows = [];
try {
  await prepare();
  for (const launcher of LAUNCHERS) rows.push({ name: launcher.name, ...(await cell(launcher)) });
  rows.push({ name: "srun, one folder", ...(await independent()) });
} finally {
  await stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
console.log(own.name);
for (const { name, isRight, says } of rows) console.log(`${isRight ? "ok  " : "FAIL"}  ${name.padEnd(16)}  ${says}`);
const failed = rows.filter(({ isRight }) => !isRight).length;
console.log(closingLine({ passed: rows.length - failed, failed, skipped: 0 }));
process.exitCode = failed === 0 ? 0 : 1;
