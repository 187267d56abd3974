import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { readPeftFolder } from "../../exec/index.ts";
import type { Plan } from "../../plan/index.ts";
import { readRun } from "../../runs/index.ts";
import { runCli, temporaryFolder } from "./run-cli.ts";

const STEPS = 4;
const folder = temporaryFolder();
const at = (...names: readonly string[]): string => path.join(folder, ...names);

function rows(count: number, offset: number): string {
  const one = (row: number) => ({ input_ids: Array.from({ length: 12 + (row % 5) }, (_, i) => (i * 5 + row) % 90) });
  return Array.from({ length: count }, (_, row) => `${JSON.stringify(one(row + offset))}\n`).join("");
}

const workload = {
  kind: "workload",
  version: 1,
  model: { path: "model" },
  defaults: {
    batchSize: 4,
    microBatchSize: 2,
    steps: STEPS,
    optimizer: { learningRate: 0.02 },
    data: { path: "train.jsonl", format: "tokens" },
  },
  jobs: [
    { name: "shared", evaluation: { share: 0.25, everySteps: 2 } },
    {
      name: "own",
      evaluation: { data: { path: "held.jsonl", format: "tokens" }, everySteps: 3, maxRows: 3, keepBest: false },
    },
    { name: "neither" },
  ],
};

async function command(...argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli(argv, folder);
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

let planned: string;
let trained: { readonly jobs: readonly Record<string, unknown>[] };
let plan: Plan;
beforeAll(async () => {
  writeFileSync(at("workload.json"), JSON.stringify(workload));
  writeFileSync(at("train.jsonl"), rows(20, 0));
  writeFileSync(at("held.jsonl"), rows(5, 100));
  const size = ["--hidden-size", "32", "--layers", "2", "--heads", "2", "--kv-heads", "2"];
  await command("init-model", "model", ...size);
  planned = await command("plan", "workload.json", "--devices", "cpu:0,cpu:1", "--pipelines", "1", "-o", "plan.json");
  trained = JSON.parse(await command("train", "plan.json", "-o", "run", "--json"));
  plan = readRun({ cwd: folder }, "run", "plan").plan;
}, 300_000);

describe("a workload with evaluations", () => {
  it("is planned with held-out rows that no step trains on, and says so", () => {
    expect(planned).toContain("shared is evaluated 2 times, on 5 held-out rows");
    expect(planned).toContain("own is evaluated 2 times, on 3 held-out rows");
    const taken = (job: number, held: boolean) =>
      plan.microBatches
        .filter(({ evaluation }) => (evaluation === true) === held)
        .flatMap((microBatch) => microBatch.rows.filter(([own]) => own === job).map(([, row]) => row));
    const held = new Set(taken(0, true));
    expect(taken(0, false).some((row) => held.has(row))).toBe(false);
    expect(new Set(taken(1, true))).toEqual(new Set([20, 21, 22]));
    expect(plan.locations.evaluation).toEqual({ own: at("held.jsonl") });
  });

  it("is trained with a line of metrics for each evaluation, and the best adapter kept", () => {
    const { metrics, evaluations, events, state } = readRun({ cwd: folder }, "run", "plan");
    expect(state).toBe("ended");
    expect(metrics).toHaveLength(3 * STEPS);
    const steps = (name: string) => evaluations.filter(({ job }) => job === name).map(({ step }) => step);
    expect([steps("shared"), steps("own"), steps("neither")]).toEqual([[1, 3], [2, 3], []]);
    for (const { evaluationLoss, tokens } of evaluations) {
      expect(evaluationLoss).toBeGreaterThan(0);
      expect(tokens).toBeGreaterThan(30);
    }
    const lowest = evaluations.filter(({ job, best }) => job === "shared" && best).at(-1)!;
    const ended = events.find((line) => line.event === "job ended" && line.job === "shared");
    expect(ended).toMatchObject({ best: { step: lowest.step, evaluationLoss: lowest.evaluationLoss } });
    const { adapter } = plan.jobs[0]!;
    const best = readPeftFolder(at("run", "best", "shared"), adapter, plan.model.architecture);
    const last = readPeftFolder(at("run", "adapters", "shared"), adapter, plan.model.architecture);
    expect(JSON.stringify(best) === JSON.stringify(last)).toBe(lowest.step === STEPS - 1);
    expect(() => readFileSync(at("run", "best", "own", "adapter_config.json"))).toThrow();
    expect(trained.jobs[0]).toMatchObject({ bestAdapter: at("run", "best", "shared") });
    expect(trained.jobs[2]).not.toHaveProperty("evaluations");
  });

  it("is simulated and compared action by action", async () => {
    await command("simulate", "plan.json", "-o", "simulated.json");
    const compared = JSON.parse(await command("compare", "simulated.json", "run", "-o", "report.html", "--json"));
    const held = plan.microBatches.filter(({ evaluation }) => evaluation === true).length;
    expect(compared.perKind.E.count).toBe(held * plan.stages.length);
    expect(await command("compare", "simulated.json", "run")).toContain("E evaluation");
    expect(JSON.parse(await command("validate", "run", "--json"))).toMatchObject({ valid: true });
    expect(JSON.parse(await command("replay", "run", "--json"))).toBeDefined();
  });

  it.each([
    [{ everySteps: 2 }, "either share or data"],
    [{ share: 0.1, data: { path: "held.jsonl" }, everySteps: 2 }, "either share or data"],
    [{ data: { lengths: 8 }, everySteps: 2 }, "a file, as the job's own data are,"],
  ])("is refused with an evaluation %o", async (evaluation, message) => {
    writeFileSync(at("wrong.json"), JSON.stringify({ ...workload, jobs: [{ name: "wrong", evaluation }] }));
    const { code, stderr } = await runCli(["validate", "wrong.json"], folder);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr).toContain("jobs[0].evaluation");
  });
});
