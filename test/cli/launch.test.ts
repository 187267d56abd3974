import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packageFile } from "../../files/index.ts";
import { WORKLOAD, writeShared } from "./bad-input/bad-input.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";
import { TWO_MACHINES } from "./two-machines.ts";

const root = temporaryFolder();
const at = (name: string): string => path.join(root, name);
const PROGRAM = [process.execPath, packageFile("dist", "cli", "main.js")] as const;
/** A name of a file that a shell would read as others. */
const ODD = "it's $mine.json";
const PATH = process.env["PATH"] ?? "";

beforeAll(async () => {
  // Lines are for the Open MPI that is here; these are for 5.
  mkdirSync(at("bin"));
  writeFileSync(path.join(at("bin"), "mpirun"), "#!/bin/sh\necho 'mpirun (Open MPI) 5.0.7'\n", { mode: 0o755 });
  process.env["PATH"] = `${at("bin")}:${PATH}`;
  writeShared(root);
  writeFileSync(at("w.yaml"), WORKLOAD.replaceAll("../", ""));
  writeFileSync(at("two.yaml"), TWO_MACHINES);
  const plan = ["plan", "w.yaml", "--cluster", "two.yaml", "--pipelines", "1", "--no-intervals", "-o"];
  for (const name of ["plan.json", ODD]) await printed([...plan, name], root);
  writeFileSync(at("hosts"), "# two\nleft slots=1\n\nright # the other\n");
});

afterAll(() => {
  process.env["PATH"] = PATH;
});

/** What is printed, but for what differs from machine to machine and from user to user. */
async function lineOf(...argv: readonly string[]): Promise<string> {
  const text = await printed(["launch", ...argv], root);
  return text.replaceAll(PROGRAM.join(" "), "LORATWIN").replace(" --allow-run-as-root", "");
}

const joined = (text: string): string => text.replaceAll(/ \\\n +/g, " ");

interface Document {
  readonly machines: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  readonly check: readonly string[];
}

async function documentOf(...argv: readonly string[]): Promise<Document> {
  return JSON.parse(await printed(["launch", ...argv, "--json"], root));
}

describe("the line that launch writes", () => {
  it("for Open MPI has the hosts in the order of the machines, and looks at how the run has ended", async () => {
    const text = await lineOf(
      "plan.json",
      "--hosts",
      "left,right:1",
      "-o",
      "run/",
      "--checkpoint-steps",
      "5",
      "--no-cache",
    );
    expect(joined(text)).toBe(
      "mpirun -n 2 --host left:1,right:1 --map-by seq --bind-to none -x UCX_MEM_EVENTS=no --mca pml ob1 " +
        "--mca btl tcp,self --mca btl_tcp_links 2 --prtemca oob_tcp_keepalive_time 3 " +
        "--prtemca oob_tcp_keepalive_intvl 1 --prtemca oob_tcp_keepalive_probes 3 " +
        "LORATWIN train plan.json --output run/ --checkpoint-steps 5 --no-cache && LORATWIN check-run run/\n",
    );
    expect(Math.max(...text.split("\n").map(({ length }) => length))).toBeLessThanOrEqual(100);
  });

  it("takes hosts from a file, and a network for messages and for Open MPI's own", async () => {
    const { command } = await documentOf("plan.json", "--hostfile", "hosts", "-o", "run", "--network", "10.0.0.0/24");
    const text = command.join(" ");
    expect(text).toContain(" --hostfile hosts --map-by seq ");
    expect(text).toContain(" --mca btl_tcp_if_include 10.0.0.0/24 ");
    expect(text).toContain(" --prtemca prte_if_include 10.0.0.0/24 ");
    expect(text).not.toContain("--host ");
  });

  it("lets ranks of one host share its cores and its memory", async () => {
    const { command } = await documentOf("plan.json", "--hosts", "localhost:2", "-o", "run");
    const text = command.join(" ");
    expect(text).toContain(" --host localhost:1,localhost:1 --map-by seq:OVERSUBSCRIBE ");
    expect(text).toContain(" --mca btl sm,self ");
  });

  it("for Slurm gives Open MPI its parameters by the environment", async () => {
    const text = await lineOf("plan.json", "--launcher", "slurm", "-o", "run", "--network", "eth0");
    expect(joined(text)).toBe(
      "UCX_MEM_EVENTS=no OMPI_MCA_pml=ob1 OMPI_MCA_btl=tcp,self OMPI_MCA_btl_tcp_links=2 " +
        "OMPI_MCA_btl_tcp_if_include=eth0 srun --mpi=pmix --kill-on-bad-exit=1 --nodes=2 --ntasks=2 " +
        "--ntasks-per-node=1 --cpu-bind=none LORATWIN train plan.json --output run && LORATWIN check-run run\n",
    );
  });

  it("is read by a shell as the words that --json has", async () => {
    for (const [launcher, ...hosts] of [["mpirun", "--hosts", "left,right"], ["slurm"]]) {
      const argv = [ODD, "-o", "a run", "--notice-file", "no;tice", "--launcher", launcher!, ...hosts];
      const { environment, command, check } = await documentOf(...argv);
      const text = await printed(["launch", ...argv], root);
      // A shell has no function whose name is a path.
      const byName = text.replace(`&& ${PROGRAM[0]}`, "&& node");
      const functions = ["mpirun", "srun", "node"].map((name) => `${name}() { printf '%s\\0' ${name} "$@"; }\n`);
      const { stdout } = spawnSync("bash", ["-c", `${functions.join("")}${byName}`]);
      expect(stdout.toString().split("\0").slice(0, -1)).toEqual([...command, "node", ...check.slice(1)]);
      expect(Object.keys(environment).length > 0).toBe(launcher === "slurm");
    }
  });

  it("plans a workload on rank 0, and knows its machines by its cluster", async () => {
    const { machines, command } = await documentOf("w.yaml", "--cluster", "two.yaml", "--hosts", "a,b", "-o", "run");
    expect(machines).toEqual(["left", "right"]);
    expect(command.slice(command.indexOf("train"))).toEqual([
      "train",
      "w.yaml",
      "--cluster",
      "two.yaml",
      "--output",
      "run",
    ]);
    expect((await documentOf("w.yaml", "--devices", "cpu:0", "--hosts", "a", "-o", "run")).machines).toEqual(["local"]);
  });
});

describe("what launch refuses", () => {
  const OPEN = ["plan.json", "-o", "run"] as const;
  const hostfiles = {
    slots: "left slots=2\n",
    twice: "left slots=1\nleft slots=1\n",
    none: "# nobody\n",
    odd: "le$ft\nright\n",
  };
  beforeAll(() => {
    for (const [name, text] of Object.entries(hostfiles)) writeFileSync(at(name), text);
  });

  it.each([
    [
      "fewer hosts than machines",
      ["--hosts", "left"],
      'Expected 2 hosts, one for each machine of the plan (left, right), at --hosts, got "left".',
    ],
    [
      "more of them",
      ["--hosts", "left,right:2"],
      'Expected 2 hosts, one for each machine of the plan (left, right), at --hosts, got "left,right,right".',
    ],
    ["no hosts", [], 'Expected --hosts or --hostfile, got "none".'],
    [
      "what is no host",
      ["--hosts", "left,a b"],
      'Expected hosts such as first:1,second:1, separated by commas at --hosts, got "a b".',
    ],
    ["no ranks of a host", ["--hosts", "left:0,right"], "Expected hosts such as first:1"],
    [
      "a file whose lines are of several ranks",
      ["--hostfile", "slots"],
      'slots:1: Expected the name of a host, and slots=1 or nothing,, got "left slots=2".',
    ],
    [
      "a host with slots on two lines",
      ["--hostfile", "twice"],
      "twice:1: Expected no slots for a host that is on several lines",
    ],
    ["a file without hosts", ["--hostfile", "none"], "none: Expected a file of hosts"],
    ["what a shell would read otherwise", ["--hostfile", "odd"], "odd:1: Expected the name of a host"],
    [
      "a network that is none",
      ["--hosts", "left,right", "--network", "a; b"],
      "Expected a network such as 10.0.0.0/24 or eth0 at --network",
    ],
    [
      "hosts for Slurm",
      ["--hosts", "left,right", "--launcher", "slurm"],
      'Expected --launcher mpirun for --hosts, got "slurm".',
    ],
    [
      "hosts twice",
      ["--hosts", "left,right", "--hostfile", "hosts"],
      'Expected either --hostfile or --hosts, got "both".',
    ],
    [
      "devices of a finished plan",
      ["--hosts", "left,right", "--devices", "cpu:0"],
      "Expected a workload, the run of a plan with a workload or jobs over time for --devices cpu:0",
    ],
  ])("%s", async (_, argv, says) => {
    const { code, stdout, stderr } = await runCli(["launch", ...OPEN, ...argv], root);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(says);
  });

  it("nothing to train", async () => {
    const { code, stderr } = await runCli(["launch", "--hosts", "left"], root);
    expect(code).toBe(2);
    expect(stderr).toContain("Expected <plan>, which is missing.\nHint: loratwin launch <plan> [workload]");
  });

  it("nothing of a host's address, but says what may come of it", async () => {
    const { code, stderr } = await runCli(["launch", ...OPEN, "--hosts", "10.0.0.1,10.0.0.2"], root);
    expect(code).toBe(0);
    expect(stderr).toContain("mpirun may not know it by its address");
  });
});

const example = (name: string): string => packageFile("examples", "machines", name);

describe("docs/reference/machines.md", () => {
  it("shows the line that launch writes, and says why each of its options is there", async () => {
    const doc = readFileSync(packageFile("docs/reference/machines.md"), "utf8");
    const [, shown] = /```text\n(mpirun[^`]*)```/.exec(doc)!;
    mkdirSync(at("examples/machines"), { recursive: true });
    writeFileSync(at("examples/machines/hosts"), "left\nright\n");
    const text = await lineOf("plan.json", "--hostfile", "examples/machines/hosts", "-o", "run/");
    expect(joined(shown!).replaceAll("/usr/bin/node /opt/loratwin/dist/cli/main.js", "LORATWIN")).toBe(joined(text));
    const table = doc.split("\n").filter((line) => line.startsWith("| `-"));
    const { command } = await documentOf("plan.json", "--hosts", "left,right", "-o", "run", "--network", "eth0");
    const names = command.filter((word) => ["-x", "--map-by", "--bind-to", "--mca", "--prtemca"].includes(word));
    const parameters = command.filter((_, index) => /mca$/.test(command[index - 1] ?? ""));
    for (const name of [...names, ...parameters])
      expect(table.join("\n"), name).toContain(name.replace(/^oob_tcp_keepalive_.*/, "oob_tcp_keepalive_"));
  });
});

describe("examples/machines", () => {
  const CLUSTER_FILE = example("cluster.yaml");
  const hosts = ["--hostfile", example("hosts")];

  it("has a workload that is planned for its two machines, on the hosts of its file", { tags: ["slow"] }, async () => {
    const model = ["--hidden-size", "128", "--layers", "4", "--heads", "4", "--kv-heads", "2", "--seed", "1"];
    await printed(["init-model", "examples/model", ...model], root);
    const text = readFileSync(example("workload.yaml"), "utf8").replaceAll("../data", packageFile("examples", "data"));
    writeFileSync(at("example.yaml"), text.replace("../model", "examples/model"));
    await printed(["plan", "example.yaml", "--cluster", CLUSTER_FILE, "--pipelines", "1", "-o", "example.json"], root);
    const { machines } = await documentOf("example.json", ...hosts, "-o", "run");
    expect(machines).toEqual(["first", "second"]);
    const stages = JSON.parse(
      await printed(["plan", "example.yaml", "--cluster", CLUSTER_FILE, "--pipelines", "1", "--json"], root),
    ).stages;
    expect(stages.map(({ device }: { readonly device: string }) => device)).toEqual(["first-cpu", "second-cpu"]);
  });
});
