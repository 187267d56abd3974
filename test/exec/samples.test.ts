import { describe, expect, test } from "vitest";
import { GREEDY, type JobSample, listener, openGenerator } from "../../exec/index.ts";
import { machines, runOnRanks } from "./ranks/local-ranks.ts";
import {
  adapterBytes,
  expectPlannedRoom,
  runSmall,
  type SmallCase,
  type SmallJob,
  type SmallRun,
  smallCase,
} from "./small-run.ts";

const STEPS = 5;

/** Three jobs with prompts of all sizes, of which one has more than one run takes, and a fourth without. */
const JOBS: readonly SmallJob[] = [
  {
    ...{ rank: 4, targets: ["q_proj", "v_proj", "o_proj", "down_proj"], steps: STEPS },
    ...{ sample: { everySteps: 2, lengths: [3, 1, 300], maxTokens: 9 }, evaluation: { everySteps: 2, count: 3 } },
  },
  { rank: 9, targets: ["q_proj", "up_proj"], steps: STEPS, sample: { everySteps: 1, lengths: [17], maxTokens: 1 } },
  { rank: 2, targets: ["gate_proj"], steps: 4, sample: { everySteps: 9, lengths: [5, 64], maxTokens: 30 } },
  { rank: 3, targets: ["up_proj", "o_proj"], steps: STEPS },
];

const GIVEN = smallCase(JOBS);

/** What a run has answered, in the order of jobs and steps. */
async function sampled(given: SmallCase, run: SmallRun) {
  const samples: JobSample[] = [];
  const onEvent = listener({ sampled: ({ sample }) => samples.push(sample) });
  const result = await runSmall(given, { ...run, hooks: { ...run.hooks, onEvent } });
  samples.sort((a, b) => a.job.localeCompare(b.job) || a.step - b.step);
  return { result, samples };
}

const RUNS = [
  { devices: "cpu:0", groups: "unfused" },
  { devices: "cpu:0", groups: 1 },
  { devices: "cpu:0", groups: 1, schedule: "lorapp-gpipe", recompute: "layer" },
  { devices: "cpu:0,cpu:1", groups: "unfused", pipelines: 2 },
  { devices: "cpu:0", groups: 1, dtype: "int8" },
] satisfies readonly SmallRun[];

describe.each(RUNS)("prompts that are answered while jobs train, %o", (run) => {
  test("have the tokens that a generator gives for the adapters of those steps, and for the base", async () => {
    const { samples, result } = await sampled(GIVEN, run);
    expect(samples.map(({ job, step }) => [job, step])).toEqual([
      ...[1, 3, 4].map((step) => ["job0", step]),
      ...[0, 1, 2, 3, 4].map((step) => ["job1", step]),
      ["job2", 3],
    ]);
    for (const [stage, memory] of result.plan.memory.entries())
      expectPlannedRoom(result.plan, memory, result.statistics[stage]!);
    for (const { job, step, answers } of samples) {
      const index = Number(job.slice(3));
      const { name, adapter } = GIVEN.jobs[index]!;
      const whole = smallCase(JOBS.map((each) => ({ ...each, steps: Math.min(each.steps!, step + 1) })));
      // Rows are numbered by the steps, so that a shorter run has the same ones.
      const short = await runSmall({ ...whole, data: GIVEN.data.map((rows, i) => shortened(rows, whole, i)) }, run);
      using open = await openGenerator({
        ...{ model: GIVEN.model, dtype: run.dtype ?? "float32", device: { kind: "cpu", name: "g", cores: [0] } },
        adapters: [{ name, spec: adapter, pairs: short.adapters[index]! }],
        ...{ sequences: 2, cacheTokens: 700 },
      });
      const { lengths, maxTokens } = JOBS[index]!.sample!;
      const prompts = GIVEN.data[index]!.slice(-lengths.length);
      for (const { prompt, isByBase, tokens, hasEnded } of answers) {
        const at = Number(/prompt (\d+)/.exec(prompt)![1]);
        const own = await open.generator.generate({
          prompt: Array.from(prompts[at]!.inputIds),
          adapter: isByBase ? undefined : name,
          ...{ sampling: GREEDY, maxTokens, stopTokens: new Set<number>() },
        });
        expect(tokens).toEqual(own.tokens.map(({ token }) => token));
        expect(hasEnded).toBe(false);
      }
      const isFirst = step + 1 === Math.min(JOBS[index]!.sample!.everySteps, JOBS[index]!.steps!);
      expect(answers.filter(({ isByBase }) => isByBase).length).toBe(isFirst ? lengths.length : 0);
      expect(answers.filter(({ isByBase }) => !isByBase).length).toBe(lengths.length);
    }
  }, 60_000);

  test("change nothing of what is trained and evaluated", async () => {
    const { result } = await sampled(GIVEN, run);
    const plain = smallCase(JOBS.map(({ sample: _, ...job }) => job));
    const without = await runSmall(plain, run);
    expect(result.adapters.map(adapterBytes)).toEqual(without.adapters.map(adapterBytes));
    const inOrder = ({ evaluations }: typeof result) => [...evaluations].sort((a, b) => a.step - b.step);
    expect(inOrder(result)).toEqual(inOrder(without));
  });
});

/** The rows of a shorter run: the first ones that are trained on, then those that are evaluated and answered. */
function shortened(rows: SmallCase["data"][number], { jobs }: SmallCase, index: number): SmallCase["data"][number] {
  const { batchSize, steps } = jobs[index]!;
  const all = GIVEN.jobs[index]!;
  return [...rows.slice(0, batchSize * steps!), ...rows.slice(all.batchSize * all.steps!)];
}

test("jobs that are stopped answer nothing more, and the others do", async () => {
  const given = smallCase([{ ...JOBS[0]!, optimizer: { learningRate: 1e38 } }, JOBS[1]!]);
  const { samples, result } = await sampled(given, { devices: "cpu:0", groups: 1 });
  expect(result.diverged[0]).toBeDefined();
  const { step } = result.diverged[0]!;
  expect(samples.filter(({ job }) => job === "job0").every((sample) => sample.step < step)).toBe(true);
  expect(samples.filter(({ job }) => job === "job1").length).toBe(STEPS);
});

test("a run that is to end soon ends behind what is being answered", async () => {
  const stop = new AbortController();
  const given = smallCase(JOBS.map((job) => ({ ...job, steps: 60 })));
  let count = 0;
  const samples: JobSample[] = [];
  const onEvent = listener({
    sampled({ sample }) {
      samples.push(sample);
      count += 1;
      if (count === 3) stop.abort();
    },
  });
  const result = await runSmall(given, { devices: "cpu:0", groups: "unfused", hooks: { onEvent, stop: stop.signal } });
  expect(result.endedEarly).toBe(true);
  const last = new Map(result.metrics.map(({ job, step }) => [job, step]));
  for (const { job, step } of samples) expect(step).toBeLessThanOrEqual(last.get(job)!);
});

test("pipelines on several machines answer as those of one process do", async () => {
  const run = { pipelines: 2, groups: "unfused" } as const;
  const far: JobSample[] = [];
  const onEvent = listener({ sampled: ({ sample }) => far.push(sample) });
  const devices = machines([1, 1]);
  const result = await runOnRanks(GIVEN, { ...run, devices, hooks: { onEvent } });
  const near = await sampled(GIVEN, { ...run, devices: "cpu:0,cpu:1" });
  far.sort((a, b) => a.job.localeCompare(b.job) || a.step - b.step);
  expect(far).toEqual(near.samples);
  expect(result.adapters.map(adapterBytes)).toEqual(near.result.adapters.map(adapterBytes));
}, 60_000);
