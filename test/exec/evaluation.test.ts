import { beforeAll, describe, expect, test } from "vitest";
import { listener } from "../../exec/index.ts";
import { UNFUSED_PROJECTIONS } from "../../plan/index.ts";
import { adapterBytes, packsAsPlanned, runSmall, type SmallRun, smallCase } from "./small-run.ts";

const STEPS = 5;
/** Of the second step, which begins with the adapter that the first one has left. */
const SECOND_STEP = [4, 5, 6, 7];

/** Two jobs of which the first is evaluated on copies of the rows that its second step trains on, and a third one. */
function given(options: { readonly everySteps?: number; readonly dropout?: number; readonly steps?: number } = {}) {
  const { everySteps = 1, dropout = 0, steps = STEPS } = options;
  return smallCase([
    {
      rank: 4,
      dropout,
      targets: [...UNFUSED_PROJECTIONS],
      optimizer: { maxGradNorm: 0.5 },
      steps,
      evaluation: { everySteps, copies: SECOND_STEP },
    },
    { rank: 9, targets: ["q_proj", "v_proj", "down_proj"], steps, evaluation: { everySteps: 2, count: 3 } },
    { rank: 3, targets: ["up_proj", "o_proj"], steps },
  ]);
}

const RUNS = [
  { devices: "cpu:0", groups: "unfused" },
  { devices: "cpu:0,cpu:1", groups: "unfused" },
  { devices: "cpu:0,cpu:1", groups: 1 },
  { devices: "cpu:0,cpu:1", groups: "unfused", schedule: "1f1b" },
  { devices: "cpu:0,cpu:1", groups: "unfused", schedule: "gpipe" },
  { devices: "cpu:0,cpu:1", groups: "unfused", recompute: "layer" },
] satisfies readonly SmallRun[];

describe.each(RUNS)("jobs that are evaluated, %o", (run) => {
  const ended: unknown[] = [];
  let first: ReturnType<typeof runSmall>;
  beforeAll(async () => {
    const onEvent = listener({
      ended({ job, best }) {
        ended[job] = best;
      },
    });
    first = runSmall(given(), { ...run, hooks: { onEvent } });
    await first;
  });
  test("have the loss that the next step's forward has with the same adapter and rows", async () => {
    const result = await first;
    const own = result.evaluations.filter(({ job }) => job === "job0");
    expect(own.map(({ step }) => step)).toEqual([0, 1, 2, 3, 4]);
    const trained = result.metrics.filter(({ job }) => job === "job0");
    // Beside other rows in a micro-batch products go another way through them.
    if (run.groups === 1) expect(own[0]!.evaluationLoss).toBeCloseTo(trained[1]!.loss, 6);
    // Each row has a sum of its own, which only the order of additions tells from that of all of them.
    else expect(own[0]!.evaluationLoss).toBeCloseTo(trained[1]!.loss, 12);
    expect(own[0]!.tokens).toBe(trained[1]!.tokens);
    expect(own[1]!.evaluationLoss).not.toBe(own[0]!.evaluationLoss);
    const second = result.evaluations.filter(({ job }) => job === "job1");
    expect(second.map(({ step }) => step)).toEqual([1, 3, 4]);
    expect(result.evaluations.some(({ job }) => job === "job2")).toBe(false);
  });

  test("train as they do without it, and evaluate the same bytes twice", async () => {
    const result = await first;
    const again = await runSmall(given(), run);
    expect(again.evaluations).toEqual(result.evaluations);
    const alone = given();
    const jobs = alone.jobs.map(({ evaluation: _evaluation, ...job }) => job);
    const plain = await runSmall({ ...alone, jobs }, run);
    const numbers = (metrics: typeof plain.metrics) =>
      metrics
        .map(({ job, step, loss, gradNorm }) => ({ job, step, loss, gradNorm }))
        .sort((a, b) => a.step - b.step || a.job.localeCompare(b.job));
    expect(numbers(result.metrics)).toEqual(numbers(plain.metrics));
    expect(result.adapters.map(adapterBytes)).toEqual(plain.adapters.map(adapterBytes));
    expect(plain.evaluations).toEqual([]);
    expect(plain.best).toEqual([undefined, undefined, undefined]);
  });

  test("keep the adapter that had the lowest loss: that of a run of so many steps", async () => {
    const result = await first;
    expect(ended).toEqual(result.best);
    for (const job of [0, 1]) {
      const best = result.best[job]!;
      const own = result.evaluations.filter((row) => row.job === `job${job}`);
      const lowest = Math.min(...own.map(({ evaluationLoss }) => evaluationLoss));
      expect(best.evaluationLoss).toBe(lowest);
      expect(best.step).toBe(own.find(({ evaluationLoss }) => evaluationLoss === lowest)!.step);
      expect(own.filter((row) => row.best).at(-1)!.step).toBe(best.step);
      const short = await runSmall(given({ steps: best.step + 1 }), run);
      expect(adapterBytes(best.adapter!)).toBe(adapterBytes(short.adapters[job]!));
    }
    expect(result.best[2]).toBeUndefined();
  });

  test("run what is planned, in its order and its memory", async () => {
    const { plan, trace } = await first;
    plan.actions.forEach((keys, device) => {
      const own = trace.events.filter((event) => event.stream === "compute" && event.device === device);
      expect(own.map(({ action }) => action)).toEqual(keys);
    });
    expect(plan.actions.flat().filter((key) => /E/.test(key)).length).toBeGreaterThan(0);
    const sent = trace.events.filter(({ stream, letter }) => stream === "send" && letter === "E");
    const held = plan.microBatches.filter(({ evaluation }) => evaluation === true);
    expect(sent).toHaveLength(held.length * (plan.stages.length - 1));
    if (!packsAsPlanned()) return;
    const peaks = plan.stages.map((_, device) =>
      Math.max(
        ...trace.counters.flatMap((one) => (one.counter === "memory" && one.device === device ? [one.value] : [])),
      ),
    );
    expect(peaks).toEqual(plan.memory.map(({ total }) => total));
  });
});

test("an evaluation has no dropout", async () => {
  const still = { optimizer: { learningRate: 1e-30 }, steps: 2 };
  const copies = [0, 1, 2, 3];
  const one = (dropout: number) =>
    smallCase([{ ...still, dropout, targets: [...UNFUSED_PROJECTIONS], evaluation: { everySteps: 1, copies } }]);
  const run: SmallRun = { devices: "cpu:0,cpu:1" };
  const [dropped, plain] = [await runSmall(one(0.4), run), await runSmall(one(0), run)];
  expect(dropped.metrics[0]!.loss).not.toBe(plain.metrics[0]!.loss);
  expect(dropped.evaluations).toHaveLength(2);
  for (const { evaluationLoss } of dropped.evaluations) expect(evaluationLoss).toBeCloseTo(plain.metrics[0]!.loss, 12);
});

describe.each(RUNS)("a job whose base is evaluated, %o", (run) => {
  const asked = (base: boolean, everySteps = 1) =>
    smallCase([
      { targets: [...UNFUSED_PROJECTIONS], steps: 3, evaluation: { everySteps, copies: [0, 1, 2, 3], base } },
      { rank: 3, targets: ["up_proj", "o_proj"], steps: 3, evaluation: { everySteps: 2, count: 3 } },
    ]);

  test("has about the loss of its first step, whose adapter adds little, once; and trains to the same bytes", async () => {
    const result = await runSmall(asked(true), run);
    const [first, ...others] = result.evaluations.filter(({ job }) => job === "job0");
    expect(first!.base!.loss).toBeCloseTo(result.metrics.find(({ job }) => job === "job0")!.loss, 3);
    expect(first!.base!.loss).not.toBe(first!.evaluationLoss);
    expect(first!.base!.blocks).toHaveLength(4);
    expect(others.every(({ base }) => base === undefined)).toBe(true);
    const plain = await runSmall(asked(false), run);
    expect(result.adapters.map(adapterBytes)).toEqual(plain.adapters.map(adapterBytes));
    expect(result.evaluations.map(({ base: _base, ...rest }) => rest)).toEqual(plain.evaluations);
  });

  test("has it behind its last step where that comes before any other evaluation", async () => {
    const { evaluations } = await runSmall(asked(true, 10), run);
    const own = evaluations.filter(({ job }) => job === "job0");
    expect(own.map(({ step, base }) => [step, base !== undefined])).toEqual([[2, true]]);
  });
});

test("blocks of rows add up to the loss of the best evaluation", async () => {
  const { evaluations } = await runSmall(given(), RUNS[1]!);
  for (const { best, blocks, evaluationLoss } of evaluations) {
    expect(blocks !== undefined).toBe(best);
    if (blocks === undefined) continue;
    const [loss, scored] = [0, 1].map((at) => blocks.reduce((total, block) => total + block[at]!, 0));
    expect(loss! / scored!).toBeCloseTo(evaluationLoss, 5);
  }
});

test("a run that ends early evaluates what has begun, and keeps the best so far", async () => {
  const stop = new AbortController();
  const run: SmallRun = { devices: "cpu:0,cpu:1", groups: "unfused" };
  const result = await runSmall(given({ steps: 24 }), {
    ...run,
    hooks: { stop: stop.signal, onEvent: listener({ evaluated: ({ metrics }) => metrics.step === 4 && stop.abort() }) },
  });
  expect(result.endedEarly).toBe(true);
  const steps = result.metrics.filter(({ job }) => job === "job0").length;
  const own = result.evaluations.filter(({ job }) => job === "job0");
  expect(own.map(({ step }) => step)).toEqual(Array.from({ length: steps }, (_, step) => step));
  const lowest = own.filter(({ best }) => best).at(-1)!;
  expect(result.best[0]).toMatchObject({ step: lowest.step, evaluationLoss: lowest.evaluationLoss });
  const whole = await runSmall(given({ steps: 24 }), run);
  expect(own).toEqual(whole.evaluations.filter(({ job }) => job === "job0").slice(0, steps));
});

test("a job that does not keep its best has its losses alone", async () => {
  const result = await runSmall(smallCase([{ evaluation: { everySteps: 2, count: 2, keepBest: false } }]), {
    devices: "cpu:0",
  });
  expect(result.evaluations).toHaveLength(2);
  expect(Object.keys(result.best[0]!).sort()).toEqual(["evaluationLoss", "step"]);
});
