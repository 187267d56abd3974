import { spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { packageFile } from "../../files/index.ts";
import { WORKLOAD, writeShared } from "./bad-input/bad-input.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";
import { TWO_MACHINES } from "./two-machines.ts";

const root = temporaryFolder();
const at = (name: string): string => path.join(root, name);
const PROGRAM = `${process.execPath} ${packageFile("dist", "cli", "main.js")}`;
const GPUS = `kind: cluster
version: 1
machines:
  - { name: left, devices: [{ name: "cuda:0", type: H100 SXM }, { name: "cuda:1", type: H100 SXM }] }
  - { name: right, devices: [{ name: "cuda:0", type: H100 SXM }] }
network: { bandwidthBytesPerSecond: 12.5e9 }
`.replaceAll(/(left|right)(.*)/g, (_, machine, rest) => `${machine}${rest.replaceAll('"cuda:', `"${machine}.cuda:`)}`);

beforeAll(async () => {
  writeShared(root);
  writeFileSync(at("w.yaml"), WORKLOAD.replaceAll("../", ""));
  writeFileSync(at("two.yaml"), TWO_MACHINES);
  writeFileSync(at("gpus.yaml"), GPUS);
  const plan = ["plan", "w.yaml", "--pipelines", "1", "--no-intervals"];
  await printed([...plan, "--cluster", "two.yaml", "-o", "plan.json"], root);
  await printed([...plan, "--devices", "cpu:0", "-o", "one.json"], root);
});

/** The lines of what is printed, with the program's own words as one. */
async function linesOf(...argv: readonly string[]): Promise<readonly string[]> {
  return (await printed(["launch", ...argv], root)).replaceAll(PROGRAM, "LORATWIN").split("\n");
}

const SLURM = ["--launcher", "slurm", "--until-done"] as const;

describe("a job of Slurm", () => {
  // A cluster gives more time to end than a person waits.
  const OPTIONS = "--checkpoint-steps 5 --notice-seconds 100 --no-cache";
  const RUN = "'it'\\''s run/'";

  it("begins or goes on with the run, comes again after a notice, and says else how the run has ended", async () => {
    const options = ["-o", "it's run/", "--checkpoint-steps", "5", "--no-cache"];
    const lines = await linesOf("plan.json", ...options, ...SLURM);
    expect(spawnSync("bash", ["-n"], { input: lines.join("\n") })).toMatchObject({ status: 0 });
    expect(lines).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^#SBATCH --job-name=loratwin-it-s-run-[0-9a-f]{6}$/),
        `#SBATCH --chdir=${root}`,
        "trap : USR2",
        "if [ -e 'it'\\''s run/plan.json' ] && LORATWIN check-run 'it'\\''s run/' > /dev/null 2>&1; then exit 0; fi",
        "#SBATCH --nodes=2",
        "#SBATCH --exclusive",
        "#SBATCH --mem=0",
        "#SBATCH --dependency=singleton",
        `run=(LORATWIN train plan.json --output ${RUN} ${OPTIONS})`,
        `if [ -e 'it'\\''s run/plan.json' ]; then run=(LORATWIN resume ${RUN} ${OPTIONS}); fi`,
        'if [ $code -eq 75 ]; then exec scontrol requeue "$SLURM_JOB_ID"; fi',
        "LORATWIN check-run 'it'\\''s run/' || exit $((code > 0 ? code : 1))",
      ]),
    );
  });

  it("asks for the GPUs of the plan, their cores and the memory that is given", async () => {
    const gpus = ["w.yaml", "--cluster", "gpus.yaml", "-o", "run", ...SLURM, "--memory", "64"];
    const lines = await linesOf(...gpus, "--modules", "openmpi/4.1.5,cuda");
    expect(lines).toEqual(
      expect.arrayContaining([
        "#SBATCH --nodes=2",
        "#SBATCH --gpus-per-node=2",
        "#SBATCH --cpus-per-task=9",
        "#SBATCH --mem=64G",
        "module load openmpi/4.1.5 cuda || exit 3",
      ]),
    );
    expect(lines).not.toContain("#SBATCH --exclusive");
    expect(await linesOf("one.json", "-o", "run", ...SLURM, "--memory", "0.7")).toContain("#SBATCH --mem=717M");
  });

  it.each([
    [
      ...["apptainer", [`  apptainer exec --nv --bind ${root},/models --pwd ${root} lora.sif \\`]],
      ...[`apptainer exec --nv --bind ${root},/models --pwd ${root} lora.sif loratwin check-run run`],
    ],
    [
      ...[
        "pyxis",
        [expect.stringContaining(` --container-image=lora.sif --container-mounts=${root}:${root},/models:`)],
      ],
      ...["srun --nodes=1 --ntasks=1 --container-image=lora.sif "],
    ],
  ] as const)("starts in a container by %s", async (runtime, starts, checks) => {
    const container = ["--container", "lora.sif", "--runtime", runtime, "--mounts", "/models"];
    const lines = await linesOf("w.yaml", "--cluster", "gpus.yaml", "-o", "run", ...SLURM, ...container);
    expect(lines).toEqual(expect.arrayContaining([...starts]));
    expect(lines.find((line) => line.includes("check-run"))).toContain(checks);
    expect(lines).toContainEqual(expect.stringMatching(/^run=\(loratwin train w\.yaml /));
  });

  it("goes on with jobs over time by their workload", async () => {
    const fleet = await linesOf("w.yaml", "--fleet", "--once", "--devices", "cpu:0", "-o", "run", ...SLURM);
    const options = "--once --devices cpu:0 --notice-seconds 100";
    expect(fleet.filter((line) => /run=\(/.test(line))).toEqual([
      `run=(LORATWIN serve w.yaml --output run ${options})`,
      `if [ -e run/setting.json ]; then run=(LORATWIN resume run w.yaml --policy mlora ${options}); fi`,
    ]);
    // One process is no rank of MPI.
    expect(fleet.join("\n")).not.toMatch(/--mpi|OMPI_MCA/);
  });
});

describe("a job of Kubernetes", () => {
  const image = ["--launcher", "kubernetes", "--container", "registry/lora:1"] as const;
  // biome-ignore lint/suspicious/noExplicitAny: objects of an API that we only write.
  async function objectsOf(...argv: readonly string[]): Promise<any[]> {
    const text = await printed(["launch", ...argv, ...image], root);
    return parseAllDocuments(text).map((document) => document.toJS());
  }

  it("of one machine trains, and is told before its pod is taken away", async () => {
    const [job, ...others] = await objectsOf("one.json", "-o", "runs/A b", "--memory", "8");
    expect(others).toEqual([]);
    expect(job).toMatchObject({
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { name: expect.stringMatching(/^loratwin-a-b-[0-9a-f]{6}$/) },
    });
    const { containers, volumes, terminationGracePeriodSeconds } = job.spec.template.spec;
    const [{ args, workingDir, lifecycle, resources, volumeMounts }] = containers;
    expect(args[0].split("\n")).toEqual([
      "if [ -e 'runs/A b/plan.json' ] && loratwin check-run 'runs/A b' > /dev/null 2>&1; then exit 0; fi",
      "run=(loratwin train one.json --output 'runs/A b' --notice-seconds 100)",
      "if [ -e 'runs/A b/plan.json' ]; then run=(loratwin resume 'runs/A b' --notice-seconds 100); fi",
      `"$\{run[@]}" && loratwin check-run 'runs/A b'`,
      "",
    ]);
    expect(lifecycle.preStop.exec.command).toEqual(["loratwin", "notice", "runs/A b", "--wait"]);
    expect(terminationGracePeriodSeconds).toBe(120);
    expect([workingDir, volumeMounts[0].mountPath]).toEqual([root, root]);
    expect(volumes).toEqual([{ name: "work", persistentVolumeClaim: { claimName: "loratwin" } }]);
    expect(resources.limits).toEqual({ cpu: 2, memory: "8Gi" });
  });

  it("of several has a pod for each, which know each other by a service", async () => {
    const argv = ["w.yaml", "--cluster", "gpus.yaml", "-o", "run", "--claim", "data", "--network", "eth0"];
    const [service, job] = await objectsOf(...argv);
    expect(service).toMatchObject({
      kind: "Service",
      metadata: { name: expect.stringMatching(/^loratwin-run-[0-9a-f]{6}$/) },
      spec: { clusterIP: "None" },
    });
    const { completions, parallelism, completionMode, successPolicy, template } = job.spec;
    expect({ completions, parallelism, completionMode }).toEqual({
      ...{ completions: 2, parallelism: 2, completionMode: "Indexed" },
    });
    expect(successPolicy).toEqual({ rules: [{ succeededIndexes: "0" }] });
    const [{ args, resources }] = template.spec.containers;
    expect(spawnSync("bash", ["-n", "-c", args[0]])).toMatchObject({ status: 0 });
    const { name } = service.metadata;
    const start = `--hosts ${name}-0,${name}-1 --network eth0 --run)`;
    expect(args[0]).toContain(
      `run=(loratwin launch w.yaml --cluster gpus.yaml --output run --notice-seconds 100 ${start}`,
    );
    expect(args[0]).toContain(`run=(loratwin launch run --notice-seconds 100 ${start}`);
    expect(resources.limits).toEqual({ cpu: 9, "nvidia.com/gpu": 2 });
    expect(template.spec.volumes.map(({ name }: { readonly name: string }) => name)).toEqual(["work", "ssh"]);
  });

  it("is valid by the published schemas", { tags: ["nightly"], timeout: 300_000 }, async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "kubernetes-validate-"));
    const python = (words: readonly string[], program = path.join(folder, "bin", "python")): void => {
      const { status, stderr, stdout } = spawnSync(program, words, { encoding: "utf8" });
      expect(status, `${stdout}${stderr}`).toBe(0);
    };
    python(["-m", "venv", folder], "python3");
    python(["-m", "pip", "install", "-q", "kubernetes-validate==1.37.0"]);
    for (const [name, ...argv] of [
      ["one", "one.json", "-o", "run"],
      ["several", "w.yaml", "--cluster", "gpus.yaml", "-o", "run"],
      ["fleet", "w.yaml", "--fleet", "--devices", "cpu:0", "-o", "run", "--memory", "4"],
    ] as const) {
      writeFileSync(at(`${name}.yaml`), await printed(["launch", ...argv, ...image], root));
      python(["-m", "kubernetes_validate", "--strict", at(`${name}.yaml`)]);
    }
  });
});

describe("what nobody can train is refused before a cluster has it", () => {
  const cluster = (machine: string, ...devices: readonly string[]): string =>
    `kind: cluster\nversion: 1\nmachines:\n  - { name: ${machine}, devices: [${devices.join()}] }\n`;
  it.each([
    ["one machine of another name", cluster("only", "{ name: a, type: cpu, threads: 1 }"), "calls local"],
    ["a GPU without its number", cluster("local", "{ name: a0, type: H100 SXM }"), "a GPU named cuda:0"],
    ["what is simulated only", cluster("local", "{ name: a0, type: unit }"), "a CPU or CUDA device"],
  ])("%s", async (_, text, says) => {
    writeFileSync(at("odd.yaml"), text);
    const argv = ["launch", "w.yaml", "--cluster", "odd.yaml", "-o", "run", ...SLURM];
    const { code, stdout, stderr } = await runCli(argv, root);
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    expect(stderr).toContain(says);
  });

  it("is a run that pods would not see", async () => {
    const argv = ["launch", "one.json", "--launcher", "kubernetes", "--container", "image", "-o", "../elsewhere"];
    const { code, stderr } = await runCli(argv, root);
    expect([code, stderr]).toEqual([2, expect.stringContaining("a path that pods see, which is one in")]);
  });
});

describe("launchers take their own options, and say whose another one is", () => {
  it.each([
    [["--hosts", "a,b", "--until-done"], "--launcher slurm for --until-done"],
    [["--launcher", "slurm", "--hosts", "a,b"], "--launcher mpirun for --hosts"],
    [["--launcher", "slurm", "--claim", "c"], "--launcher kubernetes for --claim"],
    [["--launcher", "kubernetes", "--run"], "--launcher mpirun or slurm for --run"],
    [["--launcher", "kubernetes", "--pmi", "pmi2"], "--launcher slurm for --pmi"],
    [["--launcher", "kubernetes"], "Expected --container IMAGE for --launcher kubernetes"],
    [["--hosts", "a,b", "--memory", "3"], "--until-done or --launcher kubernetes for --memory"],
    [["--hosts", "a,b", "--runtime", "pyxis", "--container", "i"], "--launcher slurm for --runtime pyxis"],
    [["--launcher", "slurm", "--modules", "cuda"], "--until-done"],
    [
      ["--launcher", "slurm", "--until-done", "--modules", "cuda; rm x"],
      "words without spaces, and commas between them at --modules",
    ],
    [["--launcher", "slurm", "--mounts", "/data"], "--container"],
    [["--launcher", "openmpi"], "openmpi"],
    [[...SLURM, "--max-hours", "2"], "Expected no --max-hours for a job that comes again"],
    [["--launcher", "slurm", "--fleet"], "Expected a workload for --fleet at plan"],
  ])("%j", async (argv, says) => {
    const { code, stdout, stderr } = await runCli(["launch", "plan.json", "-o", "run", ...argv], root);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(says);
  });
});
