import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { runCli, temporaryFolder } from "./run-cli.ts";

const folder = temporaryFolder();
const at = (...names: readonly string[]): string => path.join(folder, ...names);
/** Far more than what devices have queued at once, so that verdicts come in time. */
const STEPS = 96;
const RATES = [1e-6, 1e-4, 3e-3, 1e-2];

const rows = (count: number): string =>
  Array.from({ length: count }, (_, row) => {
    const ids = Array.from({ length: 12 + (row % 5) }, (_, i) => (i * 5 + row) % 90);
    return `${JSON.stringify({ input_ids: ids })}\n`;
  }).join("");

const HALVING = { firstRows: 64, eta: 2, synchronous: true };

function workload(halving: object | undefined, evaluation: object = {}) {
  const sweep = { grid: { adapter: { rank: [2, 4] }, optimizer: { learningRate: RATES } } };
  return {
    kind: "workload",
    version: 1,
    model: { path: "model" },
    defaults: {
      ...{ batchSize: 4, microBatchSize: 2, steps: STEPS },
      data: { path: "train.jsonl", format: "tokens" },
      evaluation: { share: 0.25, everySteps: 8, ...evaluation },
    },
    jobs: [{ name: "rate", sweep: halving === undefined ? sweep : { ...sweep, halving } }],
  };
}

async function command(...argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli(argv, folder);
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

beforeAll(async () => {
  writeFileSync(at("train.jsonl"), rows(40));
  writeFileSync(at("halved.json"), JSON.stringify(workload(HALVING)));
  writeFileSync(at("whole.json"), JSON.stringify(workload(undefined)));
  const size = ["--hidden-size", "64", "--layers", "4", "--heads", "4", "--kv-heads", "4"];
  await command("init-model", "model", ...size);
  await command("train", "whole.json", "--devices", "cpu:0", "-o", "whole");
}, 300_000);

interface Answer {
  readonly rankings: readonly {
    readonly best: { readonly name: string; readonly loss: number; readonly folder: string };
    readonly base: { readonly loss: number; readonly gain: { readonly low: number; readonly high: number } };
    readonly jobs: readonly { readonly name: string; readonly loss: number; readonly lastStep: number }[];
    readonly keys: readonly { readonly key: string; readonly share: number | null }[];
  }[];
}

describe("a search that train halves", () => {
  let text: string;
  let answer: Answer;
  beforeAll(async () => {
    text = await command("train", "halved.json", "--devices", "cpu:0", "-o", "halved");
    answer = JSON.parse(await command("best", "halved", "--json"));
  }, 300_000);

  it("ends with the best of its jobs, the same that trains best without halving", async () => {
    const whole: Answer = JSON.parse(await command("best", "whole", "--json"));
    const [halved, all] = [answer.rankings[0]!, whole.rankings[0]!];
    expect(halved.best.name).toBe(all.best.name);
    // Beside others in a micro-batch sums have another order.
    expect(halved.best.loss).toBeCloseTo(all.best.loss, 4);
    expect(all.jobs.every(({ lastStep }) => lastStep === STEPS)).toBe(true);
    const whole24 = halved.jobs.filter(({ lastStep }) => lastStep === STEPS).length;
    expect(whole24).toBeLessThanOrEqual(2);
    expect(existsSync(path.join(halved.best.folder, "adapter_config.json"))).toBe(true);
    expect(halved.keys[0]!.key).toBe("optimizer.learningRate");
  });

  it("has the loss of the base, which `evaluate` has on the same rows", async () => {
    writeFileSync(
      at("one.json"),
      JSON.stringify(workload(undefined, { share: undefined, data: { path: "held.jsonl", format: "tokens" } })),
    );
    writeFileSync(at("held.jsonl"), rows(47).split("\n").slice(40).join("\n"));
    await command("train", "one.json", "--devices", "cpu:0", "-o", "one");
    const { rankings }: Answer = JSON.parse(await command("best", "one", "--json"));
    const judged = JSON.parse(
      await command("evaluate", "one", "--data", "held.jsonl", "--format", "tokens", "--adapters", "base", "--json"),
    );
    const base = judged.adapters?.[0] ?? judged.judgements?.[0] ?? judged[0];
    expect(rankings[0]!.base.loss).toBeCloseTo(base.loss, 5);
  });

  it("tells it in text as well", () => {
    expect(text).toContain("8 jobs by the lowest loss on the same held-out rows");
    expect(text).toMatch(/the base alone: \d\.\d+/);
    expect(text).toMatch(/\nbest: rate-rank\d-lr\S+, loss \d\.\d{3}, in \S+best\S+/);
  });

  it("passes check-run", async () => {
    expect(await command("check-run", "halved")).toContain("has ended as planned");
    expect(await command("check-run", "whole")).toContain("has ended as planned");
  });

  it("is simulated beforehand: what halving saves, and what one after another takes", async () => {
    const said = await command("simulate", "halved.json", "--devices", "cpu:0");
    expect(said).toMatch(/halving: 7 of 8 jobs end early \(4 after 16 steps, 2 after 32, 1 after 64\)/);
    const { halving } = JSON.parse(await command("simulate", "halved.json", "--devices", "cpu:0", "--json"));
    expect(halving.seconds).toBeLessThan(halving.withoutHalving);
    expect(halving.low).toBeLessThanOrEqual(halving.seconds);
    expect(halving.high).toBeGreaterThanOrEqual(halving.seconds);
  });

  it("has no plan before, so that options of plans are refused with the reason", async () => {
    const { code, stderr } = await runCli(["train", "halved.json", "--groups", "1", "-o", "other"], folder);
    expect(code).toBe(2);
    expect(stderr).toContain("A sweep with `halving` or `model` is trained as `serve --once` does it");
  });
});

describe("a search by a model", () => {
  const over = { adapter: { rank: [2, 4] }, optimizer: { learningRate: { min: 1e-6, max: 0.1, scale: "log" } } };
  beforeAll(async () => {
    const { jobs: _jobs, ...rest } = workload(undefined);
    const sweep = { model: { count: 9, startup: 3, over }, halving: { firstRows: 64, eta: 3 } };
    writeFileSync(
      at("model.json"),
      JSON.stringify({
        ...rest,
        jobs: [
          { name: "rate", sweep },
          { name: "other", steps: 2 },
        ],
      }),
    );
    await command("train", "model.json", "--devices", "cpu:0", "-o", "model-run");
  }, 300_000);

  it("trains as many points as it was asked for, each of other values, and ranks them", async () => {
    const { rankings } = JSON.parse(await command("best", "model-run", "--json"));
    const names = rankings[0].jobs.map(({ name }: { name: string }) => name).sort();
    expect(names).toEqual(["other", ...Array.from({ length: 9 }, (_, point) => `rate-${point + 1}`)].sort());
    const points = rankings[0].jobs.filter(({ name }: { name: string }) => name !== "other");
    expect(new Set(points.map(({ settings }: { settings: object }) => JSON.stringify(settings))).size).toBe(9);
    expect(await command("check-run", "model-run")).toContain("has ended as planned");
  });

  it("has no more to do when it is resumed", async () => {
    const said = await command("resume", "model-run", "model.json", "--once", "--devices", "cpu:0").catch(String);
    expect(said).toMatch(/end/);
  });

  it("is planned with points that are drawn, and says so", async () => {
    const { stderr, code } = await runCli(["plan", "model.json", "--devices", "cpu:0"], folder);
    expect(code).toBe(0);
    expect(stderr).toContain("points of rate are drawn: `loratwin train` chooses later ones by losses");
  });
});

it("best refuses a run whose jobs nobody can compare", async () => {
  const { jobs, ...rest } = workload(undefined);
  writeFileSync(at("single.json"), JSON.stringify({ ...rest, jobs: [{ name: "only", steps: 2 }] }));
  await command("train", "single.json", "--devices", "cpu:0", "-o", "single");
  const { code, stderr } = await runCli(["best", "single"], folder);
  expect(jobs).toHaveLength(1);
  expect(code).toBe(2);
  expect(stderr).toContain("Expected at least two jobs that were evaluated on the same rows");
});
