// @module-tag slow

import { describe, expect, test } from "vitest";
import { listener, type RunEvent } from "../../exec/index.ts";
import { earlyStoppingSchema } from "../../plan/documents/early-stopping.ts";
import { isJudgedAfter, type PlannedJob } from "../../plan/index.ts";
import { adapterBytes, runSmall, type SmallRun, smallCase } from "./small-run.ts";

const STEPS = 24;
const EVERY = 3;
/** No loss betters another by a fifth: the third evaluation is the second without a betterment. */
const RULES = earlyStoppingSchema.parse({
  warmupSteps: 1,
  minDelta: 0.2,
  divergence: false,
  plateau: false,
  patience: 2,
});
const LAST = 3 * EVERY - 1;

/** A job that is to stop behind its ninth step, one that goes on, and one that is evaluated too. */
function given({ isStopped = true, steps = STEPS } = {}) {
  const evaluation = { everySteps: EVERY, count: 3 };
  return smallCase([
    { rank: 4, dropout: 0.1, steps, evaluation, ...(isStopped ? { earlyStopping: RULES } : {}) },
    { rank: 9, targets: ["q_proj", "down_proj"], steps: STEPS, optimizer: { maxGradNorm: 0.5 } },
    { rank: 3, targets: ["up_proj"], steps: STEPS, evaluation },
  ]);
}

const RUNS = [
  { devices: "cpu:0", groups: "unfused" },
  { devices: "cpu:0,cpu:1", groups: "unfused" },
  { devices: "cpu:0,cpu:1", groups: 1 },
  { devices: "cpu:0,cpu:1", groups: "unfused", schedule: "gpipe" },
  { devices: "cpu:0,cpu:1", groups: "unfused", pipelines: 2 },
] satisfies readonly SmallRun[];

describe.each(RUNS)("a job whose losses say that it is to stop, %o", (run) => {
  test("ends behind the step that it is judged after, and the others do not notice", async () => {
    const ended: Extract<RunEvent, { kind: "ended" }>[] = [];
    const onEvent = listener({ ended: (event) => void ended.push(event) });
    const result = await runSmall(given(), { ...run, hooks: { onEvent } });
    const whole = await runSmall(given({ isStopped: false }), run);
    const short = await runSmall(given({ isStopped: false, steps: LAST + 1 }), run);
    const number = result.plan.jobs.findIndex(({ name }) => name === "job0");
    const why = /^2 evaluations in a row were not below [\d.]+, 20 % under the [\d.]+ after iteration 3$/;
    expect(ended.map(({ job }) => job).sort()).toEqual([0, 1, 2]);
    const { stopped } = ended.find(({ job }) => job === number)!;
    expect(stopped).toEqual({ step: LAST, why: expect.stringMatching(why) });
    expect(result.stopped[number]).toEqual(stopped);
    expect(result.endedEarly).toBe(false);
    // Beside other micro-batches of the plan its last digits may be others.
    const isAlone = run.groups !== 1;
    if (isAlone) expect(adapterBytes(result.adapters[number]!)).toBe(adapterBytes(short.adapters[number]!));
    const linesOf = <T extends { readonly job: string; readonly step: number }>(lines: readonly T[], own: boolean) =>
      lines
        .filter(({ job, step }) => (job === "job0") === own && (!own || step <= LAST))
        .map((line) => ({ ...line, seconds: 0 }))
        .sort((a, b) => a.step - b.step || a.job.localeCompare(b.job));
    for (const own of [true, false]) {
      expect(linesOf(result.metrics, own)).toEqual(linesOf(whole.metrics, own));
      expect(linesOf(result.evaluations, own)).toEqual(linesOf(whole.evaluations, own));
    }
    expect(result.metrics.filter(({ job }) => job === "job0").map(({ step }) => step)).toEqual([
      ...Array(LAST + 1).keys(),
    ]);
    expect(result.evaluations.filter(({ job }) => job === "job0").length).toBe(3);
    for (const [job] of result.plan.jobs.entries())
      if (job !== number) expect(adapterBytes(result.adapters[job]!)).toBe(adapterBytes(whole.adapters[job]!));
    const best = result.best[number]!;
    const lowest = Math.min(
      ...result.evaluations.filter(({ job }) => job === "job0").map(({ evaluationLoss }) => evaluationLoss),
    );
    expect(best.evaluationLoss).toBe(lowest);
    expect(best.adapter).toBeDefined();
    // What its devices did for it behind its last step is in no trace.
    const steps = result.trace.events.filter(({ jobs }) => jobs.length === 1 && jobs[0] === "job0");
    if (isAlone) expect(Math.max(...steps.map(({ step }) => step))).toBe(LAST);
  });

  test("is in no state behind its end", async () => {
    const whole = await runSmall(given(), run);
    const states: Extract<RunEvent, { kind: "states" }>[] = [];
    const onEvent = listener({ states: (event) => void states.push(event) });
    await runSmall(given(), { ...run, hooks: { onEvent, statesEverySteps: 5 } });
    const number = whole.plan.jobs.findIndex(({ name }) => name === "job0");
    const told = states.flatMap((event) => event.states.get(number)?.step ?? []);
    expect(told.filter((step) => step > LAST + 1)).toEqual([]);
    const others = states.flatMap((event) => [...event.states.keys()]).filter((job) => job !== number);
    expect(others.length).toBeGreaterThan(0);
  });
});

test("jobs without evaluations are judged by training losses, after each 2 % of their steps", async () => {
  const earlyStopping = { ...RULES, minDelta: 0.9, losses: "training" } as const;
  const one = smallCase([{ steps: STEPS, earlyStopping, optimizer: { learningRate: 1e-9 } }, { steps: STEPS }]);
  const run = { devices: "cpu:0,cpu:1", groups: "unfused" } as const;
  const result = await runSmall(one, run);
  expect(result.stopped[0]).toMatchObject({ step: 2, why: expect.stringMatching(/after iteration 1$/) });
  expect(result.metrics.filter(({ job }) => job === "job0").length).toBe(3);
  const job = { steps: 500, earlyStopping } as PlannedJob;
  expect(Array.from({ length: 40 }, (_, step) => step).filter((step) => isJudgedAfter(job, step))).toEqual([
    9, 19, 29, 39,
  ]);
});
