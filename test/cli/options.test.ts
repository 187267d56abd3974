import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type Arguments, type Command, type Use, withDefaults } from "../../cli/command.ts";
import { allCommands } from "../../cli/commands/commands.ts";
import { LINKS } from "../../cli/measured-links.ts";
import { allOptions, refuseOptions } from "../../cli/refuse-options.ts";
import { InputError } from "../../core/index.ts";
import { endRanks, serveRank, type World } from "../../exec/index.ts";
import { lockFolder } from "../../files/folder-lock.ts";
import { createLocalWorlds } from "../../native/index.ts";
import { type LiveServer, startServer } from "../../server/index.ts";
import { isNightly, isQuick } from "../level.ts";
import { createFleetDouble, statusOf } from "../server/fleet-double.ts";
import { ASSETS, DEFAULTS } from "../server/served.ts";
import { writeShared } from "./bad-input/bad-input.ts";
import { writeOptionInputs } from "./option-inputs.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";

// What is asked here is which options are looked at, not what a machine measures or what each varied figure decides.
vi.mock("../../workbench/machine/calibrate-devices.ts", async (original) => ({
  ...(await original<object>()),
  calibrateDevices: () => ({
    device: { description: "none", devicesAtOnce: 1, threads: 1 },
    operators: [],
    holdOut: { points: 0, meanAbsError: 0, p90AbsError: 0 },
    link: { latencySeconds: 0, secondsPerByte: 0 },
  }),
}));

// Neither is it which revisions there are.
const MOVED = { name: "one", guards: "nothing", verdict: "worse", figures: [], why: [], outcome: "0123456789ab" };
vi.mock("../../workbench/regress/revisions.ts", async (original) => ({
  ...(await original<object>()),
  repositoryOf: (cwd: string) => cwd,
}));
vi.mock("../../workbench/regress/compare-revisions.ts", () => ({
  compareRevisions: () => ({ name: "now", before: [], now: [], goldens: [MOVED] }),
}));
vi.mock("../../workbench/regress/bisect-golden.ts", () => ({
  bisectGolden: () => ({ commit: "0123", text: "0123 a change", builds: 3, compared: MOVED }),
}));

const root = temporaryFolder();
const io = { stdout: () => {}, stderr: () => {}, isTty: false, cwd: root };
beforeAll(async () => {
  writeShared(root);
  writeOptionInputs(root);
  await printed(["plan", "w.yaml", "--devices", "cpu:0", "-o", "p.json"], root);
  await printed(["simulate", "p.json", "-o", "s.json"], root);
  await printed(["simulate", "w.yaml", "--devices", "cpu:0", "--policy", "fifo", "-o", "jobs.jsonl"], root);
  await printed(["train", "p.json", "-o", "run"], root);
  await printed(["train", "search.yaml", "--devices", "cpu:0", "-o", "searched"], root);
  copyUnended("run", "stopped");
  copyUnended("run", "stopped-too");
  copyUnended("run", "stopped-three");
  copyUnended("run", "going-on");
  rmSync(path.join(root, "going-on", "trace.json"));
  lockFolder(path.join(root, "going-on"), "going-on");
  const journal = path.join(root, "going-on", "journal.jsonl");
  const lines = readFileSync(journal, "utf8").split("\n");
  writeFileSync(journal, lines.filter((line) => !line.includes("ended early")).join("\n"));
  await printed(["serve", "w.yaml", "--devices", "cpu:0", "-o", "fleet-run", "--once"], root);
  copyUnended("fleet-run", "fleet-stopped");
  await printed(["catalog", "H100 SXM", "--calibration", "layers.json"], root);
  await serveFleet();
}, 60_000);

/** A run again, as if it had been ended early. */
function copyUnended(run: string, name: string): void {
  cpSync(path.join(root, run), path.join(root, name), { recursive: true });
  const journal = path.join(root, name, "journal.jsonl");
  writeFileSync(journal, readFileSync(journal, "utf8").replace('"event":"ended"', '"event":"ended early"'));
}

let server: LiveServer | undefined;
afterAll(() => server?.close());

/** A live fleet with two jobs, whose run folder is `live`. */
async function serveFleet(): Promise<void> {
  mkdirSync(path.join(root, "live"));
  writeFileSync(path.join(root, "j.yaml"), "name: submitted\n");
  writeFileSync(path.join(root, "new.yaml"), "name: new\n");
  const fleet = createFleetDouble();
  for (const name of ["first", "second"]) fleet.change(name, statusOf(name));
  const [place, socket] = [{ cwd: root }, "live/control.sock"];
  const silent = { tell: () => {}, onFault: () => {} };
  server = await startServer(fleet, { place, socket, defaults: DEFAULTS, assets: ASSETS, ...silent });
}

const ON_GPUS = { plan: "g.yaml", cluster: "gpus.yaml", output: "t.json" };

/**
 * For each use of a command a command line that is one, in the order of its uses, with what makes it look at all its
 * options.
 */
const LINES: Readonly<Record<string, readonly Arguments[]>> = {
  demo: [{}],
  plan: [{ workload: "w.yaml", devices: "cpu:0" }],
  estimate: [{ workload: "g.yaml", cluster: "gpus.yaml", prices: "k.yaml" }],
  simulate: [
    { plan: "w.yaml", devices: "cpu:0", timeline: true },
    { plan: "p.json", timeline: true },
    { plan: "w.yaml", devices: "cpu:0", policy: "twin", output: "journal.jsonl", report: "fleet.html" },
    { plan: "w.yaml", devices: "cpu:0", "interrupted-every": 1000 },
    { plan: "p.json", "interrupted-every": 1000 },
    ...["tp", "fsdp", "ddp", "interleaved", "zb-h1"].map((schedule) => ({ ...ON_GPUS, schedule })),
  ],
  replay: [{ run: "run", timeline: true }],
  train: [
    { plan: "w.yaml", devices: "cpu:0", output: "run-of-workload" },
    { plan: "p.json", output: "run-of-plan" },
    { plan: "search.yaml", devices: "cpu:0", output: "run-of-search" },
  ],
  resume: [
    { run: "stopped" },
    { run: "stopped-too", workload: "w.yaml", devices: "cpu:0" },
    { run: "fleet-stopped", workload: "w.yaml", once: true, port: 0 },
  ],
  launch: [
    { plan: "w.yaml", devices: "cpu:0", output: "run-of-workload", hosts: "localhost" },
    { plan: "p.json", output: "run-of-plan", hosts: "localhost" },
    { plan: "w.yaml", fleet: true, devices: "cpu:0", output: "run-of-jobs", hosts: "localhost" },
    { plan: "stopped-three", hosts: "localhost" },
    { plan: "stopped-three", workload: "w.yaml", devices: "cpu:0", hosts: "localhost" },
    { plan: "fleet-stopped", workload: "w.yaml", devices: "cpu:0", hosts: "localhost" },
  ],
  best: [{ run: "searched" }],
  "check-run": [{ run: "run" }],
  generate: [
    { from: "run", prompt: ["hi"], "max-tokens": 2 },
    { from: "run", data: "rows.jsonl", limit: 1, "max-tokens": 2 },
    { from: "model", repl: true },
  ],
  evaluate: [{ from: "run", data: "rows.jsonl", limit: 2 }],
  export: [{ adapter: "run/adapters/first", folder: "exported", to: "ollama" }],
  "check-adapter": [{ adapter: "run/adapters/first" }],
  reproduce: [{ run: "run" }],
  notice: [{ run: "going-on" }],
  watch: [{ run: "run" }],
  explain: [{ journal: "jobs.jsonl", job: "first" }],
  calibrate: [
    {},
    { workload: "w.yaml", devices: "cpu:0" },
    { "from-observation": "g.yaml", cluster: "gpus.yaml", observed: "ddp=20000", compare: "1,2" },
    { transfer: "layers.json", to: "RTX A6000" },
    { from: ["kernels.csv"], to: "RTX A6000" },
    { script: "python" },
    { links: true },
  ],
  compare: [
    { simulated: "s.json", executed: "run" },
    { simulated: "p.json", executed: "p.json" },
    { simulated: "fleet-run" },
    { simulated: "tp", executed: "fsdp", workload: "g.yaml", cluster: "gpus.yaml" },
  ],
  report: [
    { trace: ["run"], output: "r.html" },
    { trace: ["fleet-run"], output: "r.html" },
  ],
  devices: [{}],
  doctor: [{}],
  catalog: [{}, { name: "H100 SXM", calibration: "again.json" }],
  validate: [{ file: "w.yaml" }],
  "init-model": [{ folder: "made" }],
  strategies: [{ workload: "g.yaml", cluster: "gpus.yaml", observed: "ddp=20000", compare: "1,2" }],
  regress: [
    { what: ["goldens"] },
    { what: ["goldens"], policy: "fifo", against: "sjf" },
    { what: ["update", "goldens"] },
    { what: ["check", "goldens"] },
    { what: ["bisect", "HEAD~1", "HEAD", "one"], folder: "goldens" },
    { what: ["accept", "one"], folder: "goldens", why: "it is meant to be so" },
  ],
  layouts: [{ workload: "g.yaml", accelerator: "H100 SXM", count: 2 }],
  capacity: [{ forecast: "f.yaml", candidates: "c.yaml", prices: "k.yaml" }],
  accuracy: [{}],
  data: [{ file: "rows.jsonl", tokenizer: "model" }, { file: "w.yaml" }],
  init: [{ data: ["rows.jsonl"], model: "model", output: "init.yaml" }],
  import: [{ file: "axolotl.yaml", output: "imported.yaml" }],
  paper: [{}],
  explore: [{ output: "explore.html" }],
  serve: [{ workload: "w.yaml", output: "served", once: true, port: 0 }],
  submit: [{ run: "live", job: "j.yaml" }],
  jobs: [{ run: "live" }],
  cancel: [{ run: "live", name: "first" }],
  priority: [{ run: "live", name: "first", number: 2 }],
  pause: [{ run: "live", name: "second" }],
  unpause: [{ run: "live", name: "second" }],
  clone: [{ run: "live", name: "second", "new-name": "third" }],
  "what-if": [
    { run: "live", job: "new.yaml" },
    { run: "w.yaml", devices: "cpu:0", job: "job.yaml" },
  ],
};

function nameOf({ usage }: Command): string {
  return usage.split(" ")[0]!;
}

function useOf(command: Command, args: Arguments): Use {
  return command.useOf?.(args, io) ?? command.uses[0];
}

const USES = (await allCommands())
  .flatMap((command) =>
    command.uses.map((use, index) => ({ name: nameOf(command), command, use, args: LINES[nameOf(command)]![index]! })),
  )
  .map((each) => ({ ...each, title: `${each.name} of ${each.use.input} ${each.use.kind?.join(" ") ?? ""}`.trim() }));

/** A value other than the default that the parser lets through. */
function another({ type, choices, default: value }: ReturnType<typeof allOptions>[string]): unknown {
  if (type === "boolean") return value !== true;
  return choices?.find((choice) => choice !== value) ?? (type === "number" ? 2 : "some.json");
}

/** Does something as the first of two ranks of this process. */
async function besideRank(work: (world: World) => Promise<number> | number): Promise<void> {
  const [first, second] = createLocalWorlds(2) as [World, World];
  const openModel = (): never => {
    throw new Error("there is no model");
  };
  const served = serveRank({ world: second, version: "test", versions: {}, openModel });
  await work(first);
  await endRanks(first);
  await served;
}

describe("every option of every command is used or refused", () => {
  it.each(USES)("$title refuses what it does not take, and says so", ({ command, args }) => {
    for (const [name, option] of Object.entries(allOptions(command))) {
      const given = { [name]: another(option), ...args };
      const { options } = useOf(command, given);
      if (name in options) continue;
      const refused = (): void => refuseOptions(command, useOf(command, given), given);
      expect(refused).toThrow(InputError);
      expect(refused).toThrow(new RegExp(`Expected .+ --(no-)?${name}\\b`));
    }
  });

  // The demo is too long for this; commands.test.ts runs it with its options. So is the paper's evaluation by day.
  it.each(
    USES.filter(({ name }) => name !== "demo" && (isNightly || name !== "paper") && !(isQuick && name === "regress")),
  )(
    "$title looks at all that it takes, and at no other option",
    async ({ command, use, args }) => {
      expect(useOf(command, args)).toBe(use);
      refuseOptions(command, use, args);
      const watched = (all: Arguments): { readonly args: Arguments; readonly read: ReadonlySet<string> } => {
        const read = new Set<string>();
        const get = (target: Arguments, key: string): unknown => {
          read.add(key);
          return target[key];
        };
        return { args: new Proxy(all, { get }), read };
      };
      const [choice, run] = [watched(args), watched(withDefaults(use.options, args))];
      useOf(command, choice.args);
      if (use === LINKS) await besideRank((world) => command.run(run.args, { ...io, world }, use));
      else await command.run(run.args, io, use);
      const taken = [...Object.keys(use.options), ...Object.keys(command.positionals)];
      expect(taken.filter((name) => !run.read.has(name) && !choice.read.has(name))).toEqual([]);
      const others = Object.keys(allOptions(command)).filter((name) => !taken.includes(name));
      expect(others.filter((name) => run.read.has(name))).toEqual([]);
    },
    120_000,
  );
});

const WITH_PLAN = (what: string): RegExp => new RegExp(`^Expected a workload for ${what}, got "a finished plan"\\.\n`);

describe("an option that means nothing ends with exit code 2, why, and what to do instead", () => {
  it.each([
    [
      "devices of a finished plan",
      ["simulate", "p.json", "--devices", "unit*4"],
      WITH_PLAN("--devices 'unit\\*4'"),
      "Hint: A plan keeps the devices, the order and the costs that it was made with. Make it anew: `loratwin plan WORKLOAD --devices 'unit*4' -o plan.json`.",
    ],
    [
      "several options at once, and defaults that are said",
      ["train", "p.json", "--schedule", "lorapp", "--no-fuse", "--dtype", "nf4", "-o", "x"],
      WITH_PLAN("--schedule lorapp, --dtype nf4 and --no-fuse"),
      "`loratwin plan WORKLOAD --schedule lorapp --dtype nf4 --no-fuse -o plan.json`",
    ],
    [
      "costs of a plan that is trained",
      ["train", "p.json", "--calibration", "k.json", "-o", "x"],
      WITH_PLAN("--calibration k\\.json"),
      "",
    ],
    [
      "a policy for what is left of a plan",
      ["resume", "stopped", "--policy", "fifo"],
      /^Expected jobs over time for --policy fifo, got "the run of a plan"/,
      "Hint: No scheduler decides on the jobs of a plan",
    ],
    [
      "a workload's option of what is left of a plan",
      ["resume", "stopped", "--recompute", "layer"],
      /^Expected the run of a plan with a workload or jobs over time for --recompute layer, got "the run of a plan"/,
      "Hint: What is left of a plan keeps the devices, the order and the costs that it was made with. `loratwin resume RUN WORKLOAD --recompute layer` makes another one.",
    ],
    [
      "layers ahead of tensor parallelism",
      ["simulate", "w.yaml", "--schedule", "tp", "--prefetch", "2"],
      /^Expected a workload with --schedule fsdp for --prefetch 2, got "a workload with --schedule tp"/,
      "",
    ],
    [
      "devices of a general calibration",
      ["calibrate", "--devices", "cpu:0"],
      /^Expected --workload or --from-observation for --devices cpu:0, got "a general set of shapes"/,
      "on the devices of --device and --at-once",
    ],
    [
      "a device beside a workload",
      ["calibrate", "--workload", "w.yaml", "--device", "cpu"],
      /^Expected a general set of shapes for --device cpu, got "--workload"/,
      "the devices of --devices or --cluster",
    ],
    [
      "two kinds of calibration",
      ["calibrate", "--workload", "w.yaml", "--transfer", "k.json"],
      /^Expected either --workload or --transfer, got "both"\.\n$/,
      "",
    ],
    [
      "a dtype of the whole catalog",
      ["catalog", "--dtype", "float32"],
      /^Expected a device of the catalog for --dtype float32, got "the whole catalog"/,
      "Name one",
    ],
    [
      "a dtype of a shown device",
      ["catalog", "H100 SXM", "--dtype", "float32"],
      /^Expected --calibration beside --dtype float32\.\n/,
      "Without --calibration it means nothing",
    ],
    [
      "the end of a timeline that is not printed",
      ["simulate", "p.json", "--until", "3"],
      /^Expected --timeline beside --until 3\.\n/,
      "",
    ],
    [
      "a timeline as JSON",
      ["simulate", "p.json", "--timeline", "--json"],
      /^Expected either --timeline or --json, got "both"\.\n$/,
      "",
    ],
    [
      "steps of a trace that is not written",
      ["simulate", "w.yaml", "--schedule", "tp", "--trace-steps", "1"],
      /^Expected --output beside --trace-steps 1\.\n/,
      "",
    ],
    [
      "a seed of no intervals",
      ["plan", "w.yaml", "--no-intervals", "--seed", "1"],
      /^Expected either --seed or --no-intervals, got "both"/,
      "",
    ],
    [
      "groups that are not fused",
      ["plan", "w.yaml", "--no-fuse", "--groups", "1"],
      /^Expected either --groups or --no-fuse, got "both"/,
      "",
    ],
    [
      "an option without its text",
      ["plan", "w.yaml", "--devices", ""],
      /^Expected a text of at least 1 character at --devices, got ""\.\n$/,
      "",
    ],
  ] as const)("%s", async (_, argv, says, hint) => {
    const { code, stdout, stderr } = await runCli(argv, root);
    expect(stderr).toMatch(says);
    expect(stderr).toContain(hint);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr.trimEnd().split("\n").length).toBeLessThanOrEqual(2);
  });

  it("and a default that is said is as good as one that is not", async () => {
    const said = ["--schedule", "lorapp", "--max-in-flight", "auto", "--fuse", "--intervals"];
    await printed(["plan", "w.yaml", "--devices", "cpu:0", ...said, "-o", "said.json"], root);
    expect(readFileSync(path.join(root, "said.json"), "utf8")).toBe(readFileSync(path.join(root, "p.json"), "utf8"));
  });
});
