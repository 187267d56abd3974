// @module-tag slow

import { EventEmitter } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { run } from "../../cli/run.ts";
import { eventFiles, type Scalar, shownScalars } from "../runs/loggers/read-events.ts";
import { SHARED } from "../shared-folder.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";
import { writeSmallInputs } from "./small-inputs.ts";

const root = temporaryFolder();
const at = (...names: readonly string[]): string => path.join(root, ...names);

/** The Trainer's run: ten rows, two a step, a linear decay over five steps, an evaluation every two. */
const FIVE_STEPS = {
  ...{ steps: 5, batchSize: 2, optimizer: { learningRate: 1e-3, schedule: { name: "linear", warmupSteps: 0 } } },
  data: { path: "rows.jsonl", format: "tokens", limit: 10 },
  evaluation: { data: { path: "rows.jsonl", format: "tokens" }, maxRows: 2, everySteps: 2 },
};

const LONG = { steps: 1500, batchSize: 4, data: { path: "rows.jsonl", format: "tokens" } };

function writeWorkload(file: string, jobs: readonly object[]): void {
  const defaults = { microBatchSize: 2, adapter: { rank: 4, alpha: 8, targets: ["q_proj", "v_proj"] } };
  writeFileSync(at(file), JSON.stringify({ kind: "workload", version: 1, model: { path: "model" }, defaults, jobs }));
}

interface MetricsLine {
  readonly job: string;
  readonly step: number;
  readonly loss?: number | null;
  readonly gradNorm?: number;
  readonly learningRate?: number;
  readonly evaluationLoss?: number;
}

function metricsOf(folder: string, job: string): readonly MetricsLine[] {
  const lines = readFileSync(at(folder, "metrics.jsonl"), "utf8").trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as MetricsLine).filter((line) => line.job === job);
}

const ofTag = (scalars: readonly Scalar[], wanted: string): readonly (readonly [step: number, value: number])[] =>
  scalars.flatMap(([tag, step, value]) => (tag === wanted ? [[step, value] as const] : []));

beforeAll(async () => {
  await writeSmallInputs(root);
  writeWorkload("five.json", [{ name: "math", ...FIVE_STEPS }]);
  writeWorkload("long.json", [
    { name: "first", ...LONG, evaluation: { share: 0.2, everySteps: 50 } },
    { name: "second", ...LONG, steps: 30, seed: 2 },
  ]);
  writeWorkload("broken.json", [
    { name: "broken", ...LONG, steps: 300, optimizer: { learningRate: 1e10 } },
    { name: "good", ...LONG, steps: 20 },
  ]);
}, 120_000);

const TRAIN = ["--devices", "cpu:0", "--no-cache", "-o"];

describe("train --tensorboard", () => {
  it("writes the tags, steps, rates and epochs of Hugging Face's Trainer, but no estimate of operations", async () => {
    await printed(["train", "five.json", ...TRAIN, "five", "--tensorboard"], root);
    const shown = shownScalars(at("five", "tensorboard", "math"));
    const file = path.join(SHARED, "oracle/export/loggers/trainer_tags.json");
    if (existsSync(file)) {
      const { scalars } = JSON.parse(readFileSync(file, "utf8")) as {
        readonly scalars: readonly { readonly tag: string; readonly step: number; readonly value: number }[];
      };
      const wanted = scalars.filter(({ tag }) => tag !== "train/total_flos");
      expect(shown.map(([tag, step]) => [tag, step])).toEqual(wanted.map(({ tag, step }) => [tag, step]));
      const isSame = ({ tag }: { readonly tag: string }): boolean => /learning_rate|epoch/.test(tag);
      expect(shown.filter(([tag]) => isSame({ tag })).map(([, , value]) => value)).toEqual(
        wanted.filter(isSame).map(({ value }) => value),
      );
    }
    expect(ofTag(shown, "train/loss").length).toBe(5);
    const texts = eventFiles(at("five", "tensorboard", "math")).flat();
    expect(texts.find(({ tag }) => tag === "args/text_summary")?.text).toContain('"batchSize": 2');
    expect(texts.find(({ tag }) => tag === "model_config/text_summary")?.text).toContain('"hiddenSize": 64');
  });

  it("writes what metrics.jsonl has, and how long evaluations took", () => {
    const lines = metricsOf("five", "math");
    const shown = shownScalars(at("five", "tensorboard", "math"));
    const steps = lines.filter(({ loss }) => loss !== undefined);
    for (const [tag, key] of [
      ["train/loss", "loss"],
      ["train/grad_norm", "gradNorm"],
      ["train/learning_rate", "learningRate"],
    ] as const)
      expect(ofTag(shown, tag)).toEqual(steps.map((line) => [line.step + 1, Math.fround(line[key]!)]));
    const evaluations = lines.filter(({ evaluationLoss }) => evaluationLoss !== undefined);
    expect(ofTag(shown, "eval/loss")).toEqual(
      evaluations.map((line) => [line.step + 1, Math.fround(line.evaluationLoss!)]),
    );
    const runtimes = ofTag(shown, "eval/runtime");
    ofTag(shown, "eval/samples_per_second").forEach(([, rate], index) => {
      expect(runtimes[index]![1]).toBeGreaterThan(0);
      expect(runtimes[index]![1] * rate).toBeCloseTo(2, 4);
    });
    ofTag(shown, "eval/steps_per_second").forEach(([, rate], index) => {
      expect(runtimes[index]![1] * rate).toBeCloseTo(1, 4);
    });
    const losses = steps.map(({ loss }) => loss!);
    expect(ofTag(shown, "train/train_loss")[0]![1]).toBeCloseTo(losses.reduce((sum, loss) => sum + loss) / 5, 5);
  });

  it("writes to another folder, and refuses one that has event files of such a job", async () => {
    const train = ["train", "five.json", ...TRAIN];
    await printed([...train, "elsewhere", "--tensorboard", "logs"], root);
    expect(readdirSync(at("logs"))).toEqual(["math"]);
    expect(existsSync(at("elsewhere", "tensorboard"))).toBe(false);
    const { code, stderr } = await runCli([...train, "another", "--tensorboard", "logs"], root);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining("Expected a folder without event files of a job math at --tensorboard"),
    });
    await printed([...train, "elsewhere", "--tensorboard", "logs", "--overwrite"], root);
    expect(eventFiles(at("logs", "math")).length).toBe(2);
    expect(ofTag(shownScalars(at("logs", "math")), "train/loss").map(([step]) => step)).toEqual([1, 2, 3, 4, 5]);
  });

  it("writes the step that is not finite as it is, and ends the job's curve there", async () => {
    const { code } = await runCli(["train", "broken.json", ...TRAIN, "broken", "--tensorboard"], root);
    expect(code).toBe(1);
    const shown = shownScalars(at("broken", "tensorboard", "broken"));
    const losses = ofTag(shown, "train/loss");
    const lines = metricsOf("broken", "broken");
    expect(losses.length).toBe(lines.length);
    expect(lines.length).toBeLessThan(300);
    const last = [losses, ofTag(shown, "train/grad_norm")].map((values) => values.at(-1)![1]);
    expect(last.some((value) => !Number.isFinite(value))).toBe(true);
    expect(ofTag(shown, "train/train_loss")).toEqual([]);
    expect(ofTag(shownScalars(at("broken", "tensorboard", "good")), "train/train_loss").length).toBe(1);
  });
});

/** Ends a run as a person would, once it has written some lines of metrics. */
async function endedAt(folder: string, lines: number, argv: readonly string[]): Promise<number> {
  const signals = new EventEmitter();
  const timer = setInterval(() => {
    const file = at(folder, "metrics.jsonl");
    if (existsSync(file) && readFileSync(file, "utf8").split("\n").length > lines) signals.emit("SIGINT");
  }, 5);
  const io = { stdout: () => {}, stderr: () => {}, isTty: false, cwd: root, signals };
  return await run(argv, io).finally(() => clearInterval(timer));
}

describe("a run that goes on", () => {
  it("goes on in a new event file of each job that is left, and no step is shown twice", async () => {
    const argv = ["train", "long.json", ...TRAIN, "long", "--tensorboard", "--checkpoint-steps", "100"];
    expect(await endedAt("long", 20, argv)).toBe(130);
    const before = shownScalars(at("long", "tensorboard", "first"));
    expect(before.length).toBeGreaterThan(0);
    // The other one had made all its steps.
    expect(ofTag(shownScalars(at("long", "tensorboard", "second")), "train/train_loss").length).toBe(1);
    await printed(["resume", "long", "--no-cache", "--tensorboard"], root);
    const shown = shownScalars(at("long", "tensorboard", "first"));
    expect(eventFiles(at("long", "tensorboard", "first")).length).toBe(2);
    const lines = metricsOf("long", "first");
    const steps = lines.filter(({ loss }) => loss !== undefined);
    expect(steps.length).toBe(1500);
    expect(ofTag(shown, "train/loss")).toEqual(steps.map(({ step, loss }) => [step + 1, Math.fround(loss!)]));
    expect(ofTag(shown, "eval/loss").map(([step]) => step)).toEqual(
      lines.filter(({ evaluationLoss }) => evaluationLoss !== undefined).map(({ step }) => step + 1),
    );
    expect(ofTag(shown, "train/train_loss").map(([step]) => step)).toEqual([1500]);
  });
});

describe("serve --tensorboard", () => {
  it("writes event files of the jobs that come", async () => {
    writeWorkload("live.json", [{ name: "math", ...FIVE_STEPS }]);
    await printed(["serve", "live.json", ...TRAIN, "live", "--once", "--tensorboard"], root);
    const [own, planned] = ["live", "five"].map((name) => shownScalars(at(name, "tensorboard", "math")));
    const curve = (scalars: readonly Scalar[]) =>
      scalars.flatMap(([tag, step, value]) => (/_loss|loss|rate$|epoch/.test(tag) ? [[tag, step, value]] : []));
    expect(curve(own!)).toEqual(curve(planned!));
  });
});
