import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { type Completion, createRuntime, type Device, nativeInfo, type Operator } from "../../native/index.ts";

const SIZE = 256;
const core = nativeInfo().cores[0]!;

function longTask(device: Device, products: number): (id: number) => void {
  device.reserveArena(2 * SIZE * SIZE * 4);
  const data = new Float32Array(SIZE * SIZE).fill(1 / SIZE);
  const weight = device.loadMatrix({ name: "w", out: SIZE, in: SIZE, data, backward: false });
  const [x, y] = [{ space: "in", offset: 0 } as const, { space: "out", offset: 0 } as const];
  const product: Operator = { op: "matmul", x, ldx: SIZE, weight, y, ldy: SIZE };
  const program = device.createProgram(Array.from({ length: products }, () => product));
  const sequences = Int32Array.of(0, SIZE);
  const places = { stash: 0, work: 0, in: 0, out: SIZE * SIZE * 4 };
  return (id) =>
    device.enqueueRun({ id, program, bindings: { rows: SIZE, sequences, segments: [], ...places }, waits: [] });
}

/** Share of the tasks' time for which the device's thread did not have its core. */
function interruptedShare(done: readonly Completion[]): number {
  const lost = done.reduce((sum, { interruptedNs }) => sum + interruptedNs!, 0);
  return lost / done.reduce((sum, { startNs, endNs }) => sum + endNs - startNs, 0);
}

/** A program that computes on the device's core until it is told to stop. */
async function besideIt<T>(body: () => Promise<T>): Promise<T> {
  const flag = new Int32Array(new SharedArrayBuffer(4));
  const source = `
    const { workerData } = require("node:worker_threads");
    while (Atomics.load(workerData, 0) === 0);`;
  const workers = Array.from(
    { length: 2 * nativeInfo().cores.length },
    () => new Worker(source, { eval: true, workerData: flag }),
  );
  try {
    await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once("online", resolve))));
    return await body();
  } finally {
    Atomics.store(flag, 0, 1);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

test("a task says for how long its threads did not have their cores: never longer than it took, and longer beside other programs", {
  tags: ["slow"],
  timeout: 60_000,
}, async () => {
  using runtime = createRuntime();
  const done: Completion[] = [];
  runtime.onComplete((batch) => void done.push(...batch));
  const enqueue = longTask(runtime.createDevice({ name: "cpu:0", cores: [core] }), 200);
  const run = async (): Promise<number> => {
    done.length = 0;
    for (let id = 0; id < 10; id += 1) enqueue(id);
    await runtime.idle();
    for (const { startNs, endNs, interruptedNs, delayedNs, switches } of done) {
      expect(interruptedNs).toBeGreaterThanOrEqual(0);
      expect(interruptedNs).toBeLessThanOrEqual(endNs - startNs);
      expect(delayedNs).toBeGreaterThanOrEqual(0);
      expect(switches).toBeGreaterThanOrEqual(0);
    }
    return interruptedShare(done);
  };
  await run();
  const alone = await run();
  const beside = await besideIt(run);
  // Two or more threads compete for each core, beside whatever else the machine does.
  expect(beside).toBeGreaterThan(0.3);
  expect(beside).toBeGreaterThan(alone - 0.2);
});

test("a device of several threads adds up what each of them lost, and a wait for each other is no interruption", async () => {
  using runtime = createRuntime();
  const done: Completion[] = [];
  runtime.onComplete((batch) => void done.push(...batch));
  const { cores } = nativeInfo();
  const enqueue = longTask(runtime.createDevice({ name: "cpu:0", cores }), 50);
  for (let id = 0; id < 5; id += 1) enqueue(id);
  await runtime.idle();
  expect(done).toHaveLength(5);
  for (const { startNs, endNs, interruptedNs } of done) {
    expect(interruptedNs).toBeGreaterThanOrEqual(0);
    expect(interruptedNs).toBeLessThanOrEqual(endNs - startNs);
  }
}, 60_000);

test("speed is sampled between tasks, after the time that was asked for, and only where it was asked for", async () => {
  using runtime = createRuntime();
  runtime.onComplete(() => {});
  const device = runtime.createDevice({ name: "cpu:0", cores: [core] });
  const enqueue = longTask(device, 20);
  enqueue(0);
  await runtime.idle();
  expect(device.takeSpeedSamples()).toEqual([]);
  device.sampleSpeed("float32", 1);
  for (let id = 1; id <= 5; id += 1) enqueue(id);
  await runtime.idle();
  const samples = device.takeSpeedSamples();
  expect(samples).toHaveLength(5);
  for (const [index, { atNs, product, copy }] of samples.entries()) {
    expect(atNs).toBeGreaterThan(samples[index - 1]?.atNs ?? 0);
    expect(product).toBeGreaterThan(1e8);
    expect(copy).toBeGreaterThan(1e8);
  }
  expect(device.takeSpeedSamples()).toEqual([]);
}, 60_000);
