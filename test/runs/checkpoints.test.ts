import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, it } from "vitest";
import type { AdapterState } from "../../exec/index.ts";
import { Checkpoints } from "../../runs/checkpoints/checkpoints.ts";
import { readManifest } from "../../runs/checkpoints/find-checkpoint.ts";
import { planSmall, smallCase } from "../exec/small-run.ts";

const folder = mkdtempSync(path.join(tmpdir(), "loratwin-checkpoints-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const JOB = { rank: 2, steps: 8, batchSize: 2, microBatchSize: 1, length: 8 };
const given = smallCase([JOB, JOB]);
const plan = planSmall(given, { devices: "unit*1", groups: "unfused" });

function stateOf(job: number): AdapterState {
  const parameters = given.start[job]!;
  return { parameters, firstMoment: parameters, secondMoment: parameters };
}

it("has no state of a job that was taken from its devices before it had made a step", () => {
  const failures: string[] = [];
  const checkpoints = new Checkpoints({
    records: { folder, sync() {}, happened() {} },
    ...{ planHash: plan.hash, model: plan.model, rhythm: { minutes: 0, steps: 0, keep: 9 } },
    onFailure: (why) => failures.push(why),
  });
  plan.jobs.forEach((job, number) => {
    checkpoints.came(number, job);
  });
  checkpoints.left(0, { step: 0, state: { parameters: given.start[0]! }, best: undefined });
  checkpoints.left(1, { step: 3, state: stateOf(1), best: undefined });
  checkpoints.write(new Map());
  const [name] = readdirSync(path.join(folder, "checkpoints"));
  const { jobs } = readManifest(folder, name!)!;
  expect(failures).toEqual([]);
  expect(jobs.map(({ step, file }) => [step, file === null])).toEqual([
    [0, true],
    [3, false],
  ]);
});
