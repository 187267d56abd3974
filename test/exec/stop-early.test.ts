import { describe, expect, test } from "vitest";
import { listener } from "../../exec/index.ts";
import { jobsOfGroup } from "../../plan/index.ts";
import { someOf } from "../level.ts";
import { adapterBytes, runSmall, type SmallRun, smallCase, TWO_JOBS } from "./small-run.ts";

const STEPS = 60;

/** Jobs of other lengths, clipped and not, three micro-batches a step. */
function given(steps: readonly number[]) {
  const jobs = [...TWO_JOBS, { rank: 3, targets: ["up_proj", "o_proj"] as const }];
  return smallCase(
    jobs.map((job, i) => ({
      ...job,
      targets: [...job.targets!],
      steps: steps[i]!,
      batchSize: 6,
      microBatchSize: 2,
      spread: 90,
    })),
  );
}

describe.each(
  someOf(
    [
      { devices: "cpu:0", groups: "unfused" },
      { devices: "cpu:0,cpu:1", groups: "unfused" },
      { devices: "cpu:0,cpu:1", groups: "unfused", maxInFlight: 2 },
      { devices: "cpu:0,cpu:1", groups: 2 },
      { devices: "cpu:0,cpu:1", groups: "unfused", schedule: "1f1b" },
      { devices: "cpu:0,cpu:1", groups: "unfused", jobsAtOnce: 1 },
      { devices: "cpu:0,cpu:1", groups: "unfused", pipelines: 2 },
    ] satisfies readonly SmallRun[],
    { quick: 2, all: 4 },
  ),
)("a run that is to end early, %o", (run) => {
  test.each(someOf([1, 7, 20], { quick: 1, all: 2 }))(
    "ends after the mini-batches that have begun, when asked after %i steps",
    async (after) => {
      const stop = new AbortController();
      let seen = 0;
      const ended: number[] = [];
      const result = await runSmall(given([STEPS, STEPS, 3]), {
        ...run,
        hooks: {
          stop: stop.signal,
          onEvent: listener({
            stepped() {
              seen += 1;
              if (seen === after) stop.abort();
            },
            ended: ({ job }) => void ended.push(job),
          }),
        },
      });
      const whole = await runSmall(given([STEPS, STEPS, 3]), run);
      expect(result.endedEarly).toBe(true);
      expect(whole.endedEarly).toBe(false);
      expect(result.metrics.length).toBeGreaterThanOrEqual(after);
      expect(result.metrics.length).toBeLessThan(whole.metrics.length);
      const numbers = (metrics: typeof result.metrics, job: string) =>
        metrics.filter((row) => row.job === job).map(({ step, loss, gradNorm }) => ({ step, loss, gradNorm }));
      const steps = result.plan.jobs.map(({ name }) => numbers(result.metrics, name).length);
      result.plan.jobs.forEach(({ name }, job) => {
        expect(numbers(result.metrics, name)).toEqual(numbers(whole.metrics, name).slice(0, steps[job]));
      });
      expect(ended).toEqual(steps[2] === 3 ? [2] : []);

      // Every action of those mini-batches ran, and no other.
      const actions = result.trace.events.filter(({ stream }) => stream === "compute");
      const trained = result.plan.microBatches.filter(
        ({ group, step }) => step < Math.max(...jobsOfGroup(result.plan.groups[group]!).map((job) => steps[job]!)),
      );
      expect(new Set(actions.map(({ microBatch }) => microBatch))).toEqual(new Set(trained.map(({ index }) => index)));

      // The adapters are those of a plan of so many steps.
      const least = steps.map((count) => Math.max(1, count));
      const short = await runSmall(given(least), { ...run, schedule: "lorapp" });
      result.adapters.forEach((adapter, job) => {
        if (steps[job]! > 0) expect(adapterBytes(adapter)).toBe(adapterBytes(short.adapters[job]!));
        else expect(adapter).toEqual([]);
      });
    },
  );
});

test("jobs are handed over as they end, with the adapters that the run ends with", async () => {
  const adapters = new Map<number, string>();
  const order: number[] = [];
  const result = await runSmall(given([5, 9, 2]), {
    devices: "cpu:0,cpu:1",
    groups: "unfused",
    hooks: {
      onEvent: listener({
        ended({ job, adapter }) {
          order.push(job);
          adapters.set(job, adapterBytes(adapter));
        },
      }),
    },
  });
  expect(order).toEqual([2, 0, 1]);
  for (const [job, adapter] of result.adapters.entries()) expect(adapters.get(job)).toBe(adapterBytes(adapter));
});
