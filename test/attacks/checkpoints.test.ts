import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { chainSegments, planHash } from "../../plan/actions/segments.ts";
import { type Checkpoint, type CheckpointJob, checkpointHash, type PlanDocument } from "../../plan/index.ts";
import { findResumable } from "../../runs/index.ts";
import { WORKLOAD, writeShared } from "../cli/bad-input/bad-input.ts";
import { printed, temporaryFolder } from "../cli/run-cli.ts";

const root = temporaryFolder();
const folder = path.join(root, "work");
const at = (...names: readonly string[]): string => path.join(folder, ...names);

/** A run of which all is there but its end. */
beforeAll(async () => {
  writeShared(root);
  mkdirSync(folder);
  writeFileSync(at("w.yaml"), WORKLOAD.replace("steps: 2", "steps: 600"));
  const train = ["train", "w.yaml", "--devices", "cpu:0", "-o", "run", "--no-cache", "--quiet"];
  await printed([...train, "--checkpoint-steps", "5", "--keep-checkpoints", "9"], folder);
  const journal = readFileSync(at("run", "journal.jsonl"), "utf8").trimEnd().split("\n").slice(0, -1);
  const gone = journal.map((line) => line.replace(`"process":${process.pid}`, '"process":999999999'));
  writeFileSync(at("run", "journal.jsonl"), `${gone.join("\n")}\n`);
  rmSync(at("run", "trace.json"));
}, 120_000);

const newestOf = (run: string): string => readdirSync(at(run, "checkpoints")).sort().at(-1)!;

/** Why the newest checkpoint is skipped once its jobs are others, with a hash that agrees. */
function whySkipped(change: (jobs: CheckpointJob[]) => void): string | undefined {
  rmSync(at("copy"), { recursive: true, force: true });
  cpSync(at("run"), at("copy"), { recursive: true });
  const name = newestOf("copy");
  const file = at("copy", "checkpoints", name, "manifest.json");
  const manifest = JSON.parse(readFileSync(file, "utf8")) as Checkpoint;
  change(manifest.jobs);
  writeFileSync(file, JSON.stringify({ ...manifest, hash: checkpointHash(manifest) }));
  const { found } = findResumable({ cwd: folder }, "copy");
  expect(found.name).not.toBe(found.skipped.length > 0 ? name : undefined);
  return found.skipped.find((skipped) => skipped.name === name)?.why;
}

describe("a checkpoint that was edited and sealed again", () => {
  it("is taken where nothing of it was changed", () => {
    expect(whySkipped(() => {})).toBeUndefined();
  });

  it.each<readonly [string, RegExp, (jobs: CheckpointJob[]) => void]>([
    [
      "a step beyond the job's",
      /have made \d+ steps together/,
      ([first]) => {
        first!.step = 601;
      },
    ],
    [
      "a step beyond the job's, and fewer of another",
      /a step of 0 to 600 at jobs\.\w+\.step, got 601/,
      ([first, second]) => {
        second!.step -= 601 - first!.step;
        first!.step = 601;
      },
    ],
    [
      "other steps than the plan's",
      /600, as the plan has it, at jobs\.\w+\.steps/,
      ([first]) => {
        first!.steps = 900;
      },
    ],
    [
      "another job's digest",
      /as the plan has it/,
      ([first, second]) => {
        first!.digest = second!.digest;
      },
    ],
    [
      "a job twice",
      /each job once/,
      (jobs) => {
        jobs[1] = jobs[0]!;
      },
    ],
    ["a job less", /steps together|as the plan has it/, (jobs) => void jobs.pop()],
    [
      "a job that is not the run's",
      /jobs of this run|as the plan has it/,
      ([first]) => {
        first!.name = "other";
      },
    ],
    [
      "no file of a job that has begun",
      /file \S+ at jobs\.\w+\.file, got null/,
      (jobs) => {
        for (const job of jobs) if (job.step < job.steps) job.file = null;
      },
    ],
    [
      "another job's file",
      /file \S+ at jobs\.\w+\.file/,
      ([first, second]) => {
        first!.file = second!.file;
      },
    ],
    [
      "a file outside of it",
      /file \S+ at jobs\.\w+\.file, got "\.\.\//,
      ([first]) => {
        first!.file = { ...first!.file!, path: "../run/plan.json" };
      },
    ],
    [
      "a best step of a job that is not evaluated",
      /evaluated after at jobs\.\w+\.best\.step, got 0/,
      ([first]) => {
        first!.best = { step: 0, evaluationLoss: 1, isKept: false };
      },
    ],
  ])("is skipped with a sentence: %s", (_, says, change) => {
    expect(whySkipped(change)).toMatch(says);
  });
});

describe("a run's plan that was edited and sealed again", () => {
  it.each<readonly [string, (plan: PlanDocument) => void]>([
    [
      "another seed",
      ({ segments: [first] }) => {
        first!.jobs[0]!.seed += 1;
      },
    ],
    [
      "another learning rate",
      ({ segments: [first] }) => {
        first!.jobs[0]!.optimizer.learningRate *= 2;
      },
    ],
  ])("is refused: %s", (_, change) => {
    rmSync(at("copy"), { recursive: true, force: true });
    cpSync(at("run"), at("copy"), { recursive: true });
    const plan = JSON.parse(readFileSync(at("copy", "plan.json"), "utf8")) as PlanDocument;
    change(plan);
    const segments = chainSegments(plan.setting, plan.segments);
    const sealed = { ...plan, segments, hash: planHash(segments, plan.predicted) };
    writeFileSync(at("copy", "plan.json"), JSON.stringify(sealed));
    expect(() => findResumable({ cwd: folder }, "copy")).toThrow(
      /Expected the plan sha256:\S+, which the run has carried out last, at hash/,
    );
  });
});
