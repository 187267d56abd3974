import { spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { DeviceError, maximum, sum } from "../../core/index.ts";
import { readSafetensors } from "../../datasets/index.ts";
import { type Context, fileDigest, temporaryFolder } from "../../files/index.ts";
import type { ExecutedGolden } from "../../plan/index.ts";
import {
  type AdapterDifferences,
  type ComparedGolden,
  compareExecuted,
  type ExecutedRun,
  type ExecutedSide,
} from "../../studies/index.ts";
import type { LoadedGoldens } from "./load-goldens.ts";
import { nativeTree } from "./revisions.ts";
import { type BuiltRevision, optionWords } from "./run-goldens.ts";

/** Turns in which both revisions train, and as many more before one of them is blamed: others use the machine, too. */
const TURNS = { first: 2, more: 4 };
/** How long a command may take: a plan that waits for itself never ends. */
const MOST_MS = 120_000;

const ADDON = path.join("native", "build", "loratwin.node");

/**
 * The addon of a revision: that which LORATWIN_ADDON names, or of the files as they are where their native code is the
 * same, else built once.
 */
function addonOf(context: Context, repository: string, revision: BuiltRevision, now: BuiltRevision): string {
  const given = process.env["LORATWIN_ADDON"];
  if (given !== undefined && given !== "") return path.resolve(given);
  const ours = path.join(repository, ADDON);
  if (nativeTree(repository, revision) === nativeTree(repository, now) && existsSync(ours)) return ours;
  const own = path.join(revision.root, ADDON);
  if (existsSync(own)) return own;
  context.note(`building the native code of ${revision.name}`);
  const { status, stderr } = spawnSync(process.execPath, ["native/build.mjs", "loratwin"], {
    cwd: revision.root,
    encoding: "utf8",
  });
  if (status !== 0)
    throw new DeviceError({
      expected: `native code of ${revision.name} that builds`,
      got: stderr.trim().split("\n")[0],
    });
  return own;
}

interface Ended {
  readonly error: string | null;
  readonly text: string;
}

/** A command of a revision, in a process of its own. */
function command({ root }: BuiltRevision, addon: string, cwd: string, words: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [path.join(root, "dist", "cli", "main.js"), ...words], {
    cwd,
    env: { ...process.env, LORATWIN_ADDON: addon },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: MOST_MS,
    killSignal: "SIGKILL",
  });
  let [text, said] = ["", ""];
  child.stdout.on("data", (piece: Buffer) => {
    text += piece;
  });
  child.stderr.on("data", (piece: Buffer) => {
    said = `${said}${piece}`.slice(-4000);
  });
  return new Promise((resolve) => {
    child.on("close", (code, signal) => {
      const first = (said.trim() || text.trim()).split("\n")[0]!;
      const late = signal === "SIGKILL" ? `no end after ${MOST_MS / 1000} s` : first || `exit code ${code}`;
      resolve({ error: code === 0 ? null : `${words[0]}: ${late}`, text });
    });
  });
}

const QUIET = ["--quiet", "--json", "--no-cache"] as const;

interface Compared {
  readonly makespanError: number;
}

interface ComparedFleet {
  readonly decidedSame: { readonly speedOut: { readonly mean: number } };
}

interface ServedJobs {
  readonly jobs: readonly { readonly arrivalSeconds: number; readonly endSeconds: number }[];
}

/** A revision that plans and trains a golden workload in a folder of its own. */
class Side {
  readonly folder: string;
  readonly #revision: BuiltRevision;
  readonly #addon: string;
  readonly runs: ExecutedRun[] = [];
  error: string | null = null;
  plan: string | null = null;

  constructor(folder: string, revision: BuiltRevision, addon: string) {
    this.folder = folder;
    this.#revision = revision;
    this.#addon = addon;
  }

  /** What a command printed; empty from the first on that fails. */
  async run(...words: readonly string[]): Promise<string> {
    if (this.error !== null) return "";
    const { error, text } = await command(this.#revision, this.#addon, this.folder, words);
    this.error = error;
    return error === null ? text : "";
  }

  /** Makes the plan of jobs. `asked`: workload, devices, calibration and options. */
  async prepare(asked: readonly string[]): Promise<void> {
    const text = await this.run("plan", ...asked, "--no-intervals", ...QUIET, "-o", "plan.json");
    if (text !== "") this.plan = (JSON.parse(text) as { readonly planHash: string }).planHash;
    await this.run("simulate", "plan.json", "--no-intervals", ...QUIET, "-o", "simulated.json");
  }

  adapter(turn: number, job: string): string {
    return path.join(this.folder, `run-${turn}`, "adapters", job, "adapter_model.safetensors");
  }

  /** Trains the plan, and says what that took. */
  async train(run: string): Promise<number> {
    const text = await this.run("train", "plan.json", "-o", run, "--quiet", "--json");
    return text === "" ? 0 : (JSON.parse(text) as { readonly makespanSeconds: number }).makespanSeconds;
  }

  /** Trains jobs as they come, and says what that took. */
  async serve(run: string, asked: readonly string[]): Promise<number> {
    const text = await this.run("serve", ...asked, "--once", "--no-answers", ...QUIET, "-o", run);
    if (text === "") return 0;
    const { jobs } = JSON.parse(text) as ServedJobs;
    const firstSeconds = -maximum(jobs.map(({ arrivalSeconds }) => -arrivalSeconds));
    return maximum(jobs.map(({ endSeconds }) => endSeconds)) - firstSeconds;
  }

  /** What became of a turn, once it has been timed. */
  async judge(turn: number, makespanSeconds: number): Promise<void> {
    const run = `run-${turn}`;
    const twinError = await (this.plan === null ? this.#errorOfFleet(run) : this.#errorOfPlan(run));
    if (this.error !== null) return;
    const jobs = readdirSync(path.join(this.folder, run, "adapters"));
    const digests = jobs.map((job) => [job, fileDigest(this.adapter(turn, job)).sha256]);
    this.runs.push({ makespanSeconds, twinError, adapters: Object.fromEntries(digests) });
  }

  async #errorOfPlan(run: string): Promise<number> {
    const text = await this.run("compare", "simulated.json", run, "--json", "--quiet");
    if (text === "") return 0;
    const compared = JSON.parse(text) as Compared & { readonly atMachineSpeed?: Compared };
    return (compared.atMachineSpeed ?? compared).makespanError;
  }

  /** Of turnarounds with the run's decisions. */
  async #errorOfFleet(run: string): Promise<number> {
    await this.run("check-run", run, "--quiet");
    const text = await this.run("compare", run, "--json", "--quiet");
    return text === "" ? 0 : (JSON.parse(text) as ComparedFleet).decidedSame.speedOut.mean;
  }

  result(): ExecutedSide {
    return { error: this.error, plan: this.plan, runs: this.runs };
  }
}

/** The norm of the difference of two adapters, as a share of that of the first; not a number where they are not alike. */
function difference(file: string, other: string): number {
  if (!existsSync(file) || !existsSync(other)) return Number.NaN;
  if (fileDigest(file).sha256 === fileDigest(other).sha256) return 0;
  const [was, is] = [readSafetensors(file), readSafetensors(other)];
  const squares = was.tensors.map(({ name }) => {
    if (!is.has(name)) return [0, Number.NaN] as const;
    const [a, b] = [was.readTensor(name), is.readTensor(name)];
    let [own, apart] = [0, 0];
    a.forEach((value, at) => {
      own += value ** 2;
      apart += (value - b[at]!) ** 2;
    });
    return [own, apart] as const;
  });
  return Math.sqrt(sum(squares.map(([, apart]) => apart)) / sum(squares.map(([own]) => own)));
}

function differencesOf(before: Side, now: Side): AdapterDifferences {
  const jobs = Object.keys(before.runs[0]?.adapters ?? {});
  const differences = (job: string): readonly number[] =>
    now.runs.map((_, turn) => difference(before.adapter(0, job), now.adapter(turn, job)));
  return Object.fromEntries(jobs.map((job) => [job, Math.max(...differences(job))]));
}

async function executeGolden(
  golden: ExecutedGolden,
  set: LoadedGoldens,
  sides: readonly (readonly [BuiltRevision, string])[],
  { first, more }: typeof TURNS,
): Promise<ComparedGolden> {
  using temporary = temporaryFolder("loratwin-executed");
  const folder = temporary.path;
  const [workload, source] = [path.basename(golden.workload), path.dirname(path.join(set.folder, golden.workload))];
  const [before, now] = sides.map(([revision, addon], side) => {
    const own = path.join(folder, `${side}`);
    cpSync(source, own, { recursive: true });
    return new Side(own, revision, addon);
  }) as [Side, Side];
  // One model and one calibration, so that the two differ in nothing but what they make of them.
  const calibration = path.join(folder, "calibration.json");
  const { policy, ...options } = golden.options;
  await before.run("init-model", "model", ...optionWords(golden.model), "--quiet");
  const measured = ["--workload", workload, "--devices", golden.devices, ...optionWords(options)];
  await before.run("calibrate", ...measured, "-o", calibration, "--quiet");
  if (before.error === null)
    cpSync(path.join(before.folder, "model"), path.join(now.folder, "model"), { recursive: true });
  const devices = ["--devices", golden.devices, "--calibration", calibration];
  const asked = [workload, ...devices, ...optionWords(golden.options)];
  if (policy === undefined) await Promise.all([before.prepare(asked), now.prepare(asked)]);
  const take = async (turn: number): Promise<void> => {
    const trained: (readonly [Side, number])[] = [];
    const run = `run-${turn}`;
    for (const side of turn % 2 === 0 ? [before, now] : [now, before])
      trained.push([side, await (policy === undefined ? side.train(run) : side.serve(run, asked))]);
    await Promise.all(trained.map(([side, seconds]) => side.judge(turn, seconds)));
  };
  const compared = () => compareExecuted(golden, before.result(), now.result(), differencesOf(before, now));
  for (let turn = 0; turn < first; turn += 1) await take(turn);
  for (let turn = first; turn < first + more && compared().verdict === "worse"; turn += 1) await take(turn);
  return compared();
}

/** With the time that it took, as it passed. */
export async function timed(compare: () => Promise<ComparedGolden>): Promise<ComparedGolden> {
  const startMs = performance.now();
  const compared = await compare();
  return { ...compared, wallSeconds: (performance.now() - startMs) / 1e3 };
}

/** Golden workloads that both revisions train in turn on this machine, one after another. */
export async function executeGoldens(
  context: Context,
  repository: string,
  [before, now]: readonly [BuiltRevision, BuiltRevision],
  set: LoadedGoldens,
  turns = TURNS,
): Promise<readonly ComparedGolden[]> {
  const sides = [before, now].map((revision) => [revision, addonOf(context, repository, revision, now)] as const);
  const compared: ComparedGolden[] = [];
  for (const golden of set.executed) compared.push(await timed(() => executeGolden(golden, set, sides, turns)));
  return compared;
}
