import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it, vi } from "vitest";
import {
  compare,
  DeviceError,
  estimate,
  InputError,
  type Plan,
  plan,
  readPlan,
  readTrace,
  resume,
  simulate,
  train,
  writePlan,
  writeTrace,
} from "../../library/index.ts";
import { shownScalars } from "../runs/loggers/read-events.ts";
import { SMALL, smallFolder } from "./small-workload.ts";

const cwd = smallFolder();
const devices = ["cpu:0"];
const planned = await plan(SMALL, { cwd, devices });

function adapterBytes(folder: string | undefined): string {
  return readFileSync(path.join(folder!, "adapter_model.safetensors")).toString("base64");
}

describe("plan", () => {
  it("makes the same plan of an object and of a file with its text", async () => {
    writeFileSync(path.join(cwd, "workload.json"), JSON.stringify(SMALL));
    const ofFile = await plan("workload.json", { cwd, devices: "cpu:0" });
    expect(ofFile).toEqual(planned);
  });

  it("takes a cluster and a calibration as objects", async () => {
    const options = {
      cwd,
      cluster: {
        kind: "cluster" as const,
        version: 1 as const,
        machines: [{ name: "one", devices: [0, 1].map((device) => ({ name: `unit:${device}`, type: "unit" })) }],
      },
    };
    expect((await plan(SMALL, options)).devices).toHaveLength(2);
    const { calibration } = planned;
    expect((await plan(SMALL, { cwd, devices, calibration })).calibration).toEqual(calibration);
  });

  it("gives each choice of its options to the planner", async () => {
    const alone = await plan(SMALL, { cwd, devices, groups: "unfused" });
    expect(alone.groups).toHaveLength(2);
    const together = await plan(SMALL, { cwd, devices, groups: 1 });
    expect(together.groups).toHaveLength(1);
    const notes: string[] = [];
    await plan(SMALL, { cwd, devices, maxInFlight: undefined, onNote: (text) => notes.push(text) });
    expect(notes.join("\n")).toContain("times are from nominal figures");
  });

  it.each([
    ["a mistyped option", { device: "cpu:0" }, /only known keys at options\.device.*\nHint: Did you mean devices/],
    ["a wrong value", { maxInFlight: 0 }, /at options\.maxInFlight, got 0/],
    ["what is no function", { onNote: 3 }, /a function at options\.onNote/],
  ])("refuses %s", async (_, options, message) => {
    await expect(plan(SMALL, { cwd, ...options } as object)).rejects.toThrow(message);
  });

  it("says where an object is wrong by its path, and names no file", async () => {
    const wrong = { ...SMALL, jobs: [{ ...SMALL.jobs[0]!, adapter: { rank: -1, alpha: 8 } }] };
    const error = await plan(wrong, { cwd }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InputError);
    expect((error as InputError).message).toMatch(/^Expected .* at jobs\[0\]\.adapter\.rank, got -1\./);
    const circular: Record<string, unknown> = { ...SMALL };
    circular["itself"] = circular;
    await expect(plan(circular as never, { cwd })).rejects.toThrow(InputError);
  });

  it("names a core that this machine lacks as a fault of the machine", async () => {
    await expect(plan(SMALL, { cwd, devices: ["cpu:4000"] })).rejects.toThrow(DeviceError);
  });
});

describe("simulate and estimate", () => {
  it("give the plan's own prediction, in order", async () => {
    const { summary, intervals, trace } = await simulate(planned, { intervals: { samples: 20, seed: 3 } });
    expect(summary.makespanSeconds).toBe(planned.predicted!.makespanSeconds);
    const [low, high] = intervals!.makespanSeconds;
    expect(low).toBeLessThan(high);
    expect(intervals).toMatchObject({ samples: 20, seed: 3 });
    const { seconds, price, devices: memory } = await estimate(SMALL, { cwd, devices, price: 3600, intervals: false });
    expect(seconds).toEqual({ predicted: summary.makespanSeconds, interval: null });
    expect(price!.total.predicted).toBeCloseTo(summary.makespanSeconds, 9);
    expect(memory[0]!.peakMemoryBytes).toBe(summary.devices[0]!.peakMemoryBytes);
    expect([...trace.events].length).toBeGreaterThan(0);
  });

  it("take other costs than the plan's", async () => {
    const calibration = { kind: "calibration", version: 1, model: "constant", forwardSeconds: 1 } as never;
    await expect(simulate(planned, { calibration })).rejects.toThrow(InputError);
    await expect(simulate({} as Plan)).rejects.toThrow(/a plan that `plan` or `readPlan` gave at plan/);
  });
});

describe("files", () => {
  it("hold plans and traces as the command line writes them", async () => {
    writePlan(planned, "kept/plan.json", { cwd });
    expect(readPlan("kept/plan.json", { cwd })).toEqual(planned);
    const { trace } = await simulate(planned, { intervals: false });
    writeTrace(trace, "kept/simulated.json", { cwd });
    expect(readTrace("kept/simulated.json", { cwd }).events).toEqual([...trace.events]);
    expect(() => readPlan("kept/simulated.json", { cwd })).toThrow(InputError);
  });
});

describe("train", () => {
  it("tells every step and the progress, and gives adapters, losses and a trace that compare takes", async () => {
    const steps: string[] = [];
    let last = { doneActions: 0, totalActions: -1 };
    const run = await train(planned, {
      cwd,
      folder: "run",
      onStep: ({ job, step }) => steps.push(`${job} ${step}`),
      onProgress: (progress) => {
        last = progress;
      },
    });
    for (const { name, losses, adapter, finalLoss } of run.jobs) {
      expect(steps.filter((step) => step.startsWith(name))).toEqual(losses.map((_, step) => `${name} ${step}`));
      expect(losses).toHaveLength(30);
      expect(finalLoss).toBe(losses.at(-1));
      expect(finalLoss).toBeLessThan(losses[0]!);
      expect(existsSync(path.join(adapter!, "adapter_config.json"))).toBe(true);
    }
    expect(run).toMatchObject({ folder: path.join(cwd, "run"), endedEarly: false, plan: { hash: planned.hash } });
    expect(last.totalActions).toBe(planned.actions.flat().length);
    const { trace } = await simulate(planned, { intervals: false });
    const comparison = compare(planned, trace, run.trace);
    expect(comparison.executed.makespanSeconds).toBe(run.makespanSeconds);
    expect(comparison.replay).toBeDefined();
    await expect(train(planned, { cwd, folder: "run" })).rejects.toThrow(/without a run/);
  });

  it("ends with a checkpoint when the signal aborts, and resume goes on to the same bytes", async () => {
    // Longer than what is given to the devices ahead.
    const long = await plan({ ...SMALL, defaults: { ...SMALL.defaults, steps: 400 } }, { cwd, devices });
    const whole = await train(long, { cwd, folder: "whole" });
    const stop = new AbortController();
    const begun = await train(long, {
      cwd,
      folder: "ended",
      signal: stop.signal,
      onStep: ({ step }) => {
        if (step === 1) stop.abort();
      },
    });
    expect(begun.endedEarly).toBe(true);
    expect(readFileSync(path.join(cwd, "ended/journal.jsonl"), "utf8")).toContain('"asked to end"');
    const { trace } = await simulate(long, { intervals: false });
    expect(compare(long, trace, begun.trace).executed.makespanSeconds).toBe(begun.makespanSeconds);
    const rest = await resume("ended", { cwd });
    expect(rest!.endedEarly).toBe(false);
    rest!.jobs.forEach(({ adapter }, job) => {
      expect(adapterBytes(adapter)).toBe(adapterBytes(whole.jobs[job]!.adapter));
    });
    await expect(resume("ended", { cwd })).rejects.toThrow(/a run that did not get to its end/);
  });

  it("writes event files for TensorBoard, and adds none to those of another run", async () => {
    const run = await train(planned, { cwd, folder: "logged", tensorboard: "logs" });
    for (const { name, losses } of run.jobs) {
      const shown = shownScalars(path.join(cwd, "logs", name)).filter(([tag]) => tag === "train/loss");
      expect(shown).toEqual(losses.map((loss, step) => ["train/loss", step + 1, Math.fround(loss!)]));
    }
    await expect(train(planned, { cwd, folder: "other", tensorboard: "logs" })).rejects.toThrow(
      /^Expected a folder without event files of a job \S+ at options\.tensorboard, got /,
    );
    expect(existsSync(path.join(cwd, "other"))).toBe(false);
  });

  it("begins nothing where the signal was aborted before", async () => {
    const reason = new Error("not today");
    await expect(train(planned, { cwd, folder: "never", signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(existsSync(path.join(cwd, "never"))).toBe(false);
  });

  it("fails with what a callback throws, and the devices can be used again", async () => {
    const error = new Error("of the caller");
    const onStep = (): void => {
      throw error;
    };
    await expect(train(planned, { cwd, folder: "thrown", onStep })).rejects.toBe(error);
    expect((await train(planned, { cwd, folder: "thrown" })).endedEarly).toBe(false);
  });

  it("prints nothing, listens to no signal and does not end the process", async () => {
    const written = vi.fn(() => true);
    const spies = [process.stdout, process.stderr].map((stream) =>
      vi.spyOn(stream, "write").mockImplementation(written),
    );
    const exit = vi.spyOn(process, "exit");
    const events = ["SIGINT", "SIGTERM", "SIGUSR2", "exit", "uncaughtException", "unhandledRejection"];
    const counts = (): readonly number[] => events.map((event) => process.listenerCount(event));
    const before = counts();
    let during: readonly number[] = [];
    try {
      const again = await plan(SMALL, { cwd, devices });
      await simulate(again);
      await train(again, {
        cwd,
        folder: "silent",
        onStep: () => {
          during = counts();
        },
      });
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
    expect(written).not.toHaveBeenCalled();
    expect(exit).not.toHaveBeenCalled();
    expect([during, counts()]).toEqual([before, before]);
  });
});
