// @module-tag slow
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parse } from "csv-parse/sync";
import { beforeAll, describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { type CapacityAnswer, capacityAnswerSchema } from "../../plan/index.ts";
import { ASKED, CANDIDATES, FEW, FORECAST, writeQuestion } from "./capacity-question.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";

const root = temporaryFolder();
const EXAMPLES = path.join(import.meta.dirname, "../../examples/capacity");

beforeAll(() => writeQuestion(root));

describe("the folder of an answer", () => {
  const folder = "answer";
  let answer: CapacityAnswer;
  beforeAll(async () => {
    answer = JSON.parse(await printed([...ASKED, ...FEW, "--json", "-o", folder], root)) as CapacityAnswer;
  }, 60_000);
  const read = (...names: readonly string[]): string => readFileSync(path.join(root, folder, ...names), "utf8");
  const workloadsOf = (...names: readonly string[]): readonly string[] =>
    readdirSync(path.join(root, folder, ...names, "jobs")).filter((name) => /^\w+\.yaml$/.test(name));

  it("has the answer that is printed, as its schema says it", () => {
    expect(JSON.parse(read("answer.json"))).toEqual(answer);
    expect(() => capacityAnswerSchema.parse(answer)).not.toThrow();
  });

  it("is valid, and not once a figure of it is no number", async () => {
    expect(await printed(["validate", "answer.json"], path.join(root, folder))).toMatch(/valid capacity-answer/);
    const wrong = { ...answer, best: { ...answer.best, kept: "all" } };
    writeFileSync(path.join(root, "wrong.json"), JSON.stringify(wrong));
    const { code, stderr } = await runCli(["validate", "wrong.json"], root);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/at best\.kept, got "all"/)]);
  });

  it("has a line a candidate that was simulated, whose figures are those of the answer", () => {
    const rows = parse(read("candidates.csv"), { columns: true }) as readonly Readonly<Record<string, string>>[];
    expect(rows).toHaveLength(answer.meets.length + answer.misses.length);
    answer.meets.forEach(({ candidate, cost, levels }, index) => {
      const row = rows[index]!;
      expect(row["accelerator"]).toBe(candidate.accelerator);
      expect([row["meets"], Number(row["cost"]), Number(row["costHigh"])]).toEqual(["true", cost.mean, cost.high]);
      expect(Number(row["p90 hours of small"])).toBe(levels.find(({ kinds }) => kinds[0] === "small")!.mean);
    });
  });

  it("has workloads and a slot that a plan is made of", async () => {
    expect(workloadsOf("run")).toEqual(["large.yaml", "small.yaml"]);
    const short = read("run", "jobs", "small.yaml").replace(/epochs: .*/, "steps: 8");
    writeFileSync(path.join(root, folder, "run", "short.yaml"), short);
    const plan = ["plan", "run/short.yaml", "--cluster", "run/slot.yaml", "-o", "plan.json", "--json"];
    const { code, stderr } = await runCli(plan, path.join(root, folder));
    expect(code, stderr).toBe(0);
    await printed(["validate", "run/jobs/large.yaml"], path.join(root, folder));
    for (const kind of ["small", "large"]) {
      expect(workloadsOf("apart", kind)).toEqual([`${kind}.yaml`]);
      const { candidate } = answer.apart!.pools.find(({ kinds }) => kinds[0] === kind)!.best;
      expect(read("apart", kind, "slot.yaml").match(/type: "/g)).toHaveLength(candidate.slot);
    }
  }, 60_000);

  it("has jobs of Slurm and Kubernetes where loratwin trains on the accelerators, and says why where not", async () => {
    const only = (accelerator: string, precision: string): string =>
      CANDIDATES.replace(/accelerators: .*/, `accelerators: [${accelerator}]`).replace("[float8]", `[${precision}]`);
    const files: Record<string, readonly string[]> = {};
    for (const [name, accelerator, precision, said] of [
      ["nvidia", "H100 SXM", "bfloat16", /^(?!.*has no jobs to start)/s],
      ["quantized", "H100 SXM", "float8", /run\/ has no jobs to start: products in float8 are simulated only/],
      ["amd", "MI300X", "bfloat16", /run\/ has no jobs to start: MI300X is simulated only/],
    ] as const) {
      writeFileSync(path.join(root, `${name}.yaml`), only(accelerator, precision));
      const asked = ["capacity", "f.yaml", "--candidates", `${name}.yaml`, "--prices", "p.yaml", ...FEW, "-o", name];
      const { code, stderr } = await runCli(asked, root);
      expect([code, stderr]).toEqual([0, expect.stringMatching(said)]);
      files[name] = readdirSync(path.join(root, name, "run"), { recursive: true })
        .map(String)
        .sort();
    }
    const workloads = ["jobs", "jobs/large.yaml", "jobs/small.yaml", "slot.yaml"];
    const jobs = ["large", "small"].flatMap((name) => [`jobs/${name}.job.yaml`, `jobs/${name}.sbatch`]);
    expect(files["nvidia"]).toEqual([...workloads, ...jobs].sort());
    expect([files["quantized"], files["amd"]]).toEqual(Array(2).fill(workloads));
    const script = readFileSync(path.join(root, "nvidia", "run", "jobs", "small.sbatch"), "utf8");
    expect(spawnSync("bash", ["-n"], { input: script }).status).toBe(0);
    const [, gpus] = /^#SBATCH --gpus-per-node=(\d)$/m.exec(script)!;
    const devices = Array.from({ length: Number(gpus) }, (_, gpu) => `cuda:${gpu}`).join();
    expect(script).toContain(`run=(loratwin train jobs/small.yaml --devices ${devices} --output runs/small `);
    expect(script).toContain("if [ -e runs/small/plan.json ]; then run=(loratwin resume runs/small ");
    const text = readFileSync(path.join(root, "nvidia", "run", "jobs", "small.job.yaml"), "utf8");
    const { kind, spec } = parseAllDocuments(text)[0]!.toJS();
    const [container] = spec.template.spec.containers;
    expect([kind, container.resources.limits["nvidia.com/gpu"]]).toEqual(["Job", Number(gpus)]);
    expect(spawnSync("bash", ["-nc", container.args[0]]).status).toBe(0);
  }, 120_000);

  it("goes on with what was simulated before it was cut off, to the same answer", async () => {
    const whole = read("simulated.jsonl").split("\n");
    const half = path.join(root, "half");
    mkdirSync(half);
    writeFileSync(path.join(half, "simulated.jsonl"), `${whole.slice(0, whole.length / 2).join("\n")}\n{"na`);
    const { code, stdout, stderr } = await runCli([...ASKED, ...FEW, "--json", "-o", "half"], root);
    expect([code, stderr]).toEqual([0, expect.stringMatching(/goes on with \d+ draws of candidates/)]);
    expect(JSON.parse(stdout)).toEqual(answer);
    const lines = readFileSync(path.join(half, "simulated.jsonl"), "utf8").split("\n");
    // What threads have simulated ahead, and nobody needed, is another part of it.
    expect(whole).toEqual(expect.arrayContaining(lines));
    expect(new Set(lines).size).toBe(lines.length);
    // Of another question it is of no use.
    writeFileSync(path.join(root, "other.yaml"), FORECAST.replace("perDay: 60", "perDay: 61"));
    const other = await runCli(["capacity", "other.yaml", ...ASKED.slice(2), ...FEW, "-o", "half"], root);
    expect([other.code, other.stderr]).toEqual([0, expect.not.stringMatching(/goes on with/)]);
  }, 120_000);
});

describe("the studies in examples/capacity", () => {
  const best = async (
    forecast: string,
    candidates: string,
    prices: string,
    draws = "3",
  ): Promise<CapacityAnswer["best"]> => {
    const files = [forecast, "--candidates", candidates, "--prices", prices, "--draws", draws, "--json"];
    return (JSON.parse(await printed(["capacity", ...files], EXAMPLES)) as CapacityAnswer).best;
  };

  it("have what is bought for as many jobs as now, and machines by the hour where they grow", {
    tags: ["nightly"],
    timeout: 900_000,
  }, async () => {
    const steady = await best("forecast.yaml", "candidates.yaml", "prices.yaml", "1");
    const growing = await best("growing.yaml", "candidates.yaml", "prices.yaml", "1");
    expect([steady!.candidate.tenure, growing!.candidate.tenure]).toEqual(["buy", "on-demand"]);
  });

  it("have spot with checkpoints before on demand, and without them behind it", async () => {
    const [kept, anew] = await Promise.all(
      ["prices.yaml", "prices-without-checkpoints.yaml"].map((prices) =>
        best("long-jobs.yaml", "spot-candidates.yaml", prices),
      ),
    );
    expect([kept!.candidate.tenure, anew!.candidate.tenure]).toEqual(["spot", "on-demand"]);
    expect(kept!.cost.mean).toBeLessThan(0.7 * anew!.cost.mean);
  }, 120_000);
});
