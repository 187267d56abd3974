import { writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { spotPlan } from "../../capacity/spot.ts";
import { CATALOG } from "../../plan/index.ts";
import type { Intervals } from "../../traces/index.ts";
import type { EstimatedFigure, RunEstimate } from "../../workbench/index.ts";
import { blank, fieldProblems, under } from "./fields/check-fields.ts";
import { above, HASH, interval, is, near, oneOf, same, that, within } from "./fields/checks.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";

const root = temporaryFolder();

const WORKLOAD = `kind: workload
version: 1
model: { architecture: tinyllama-1.1b, dtype: bfloat16 }
defaults: { batchSize: 4, microBatchSize: 2, steps: 3, data: { lengths: 200 } }
jobs: [{ name: first }, { name: second }]
`;
const CLUSTER = `kind: cluster
version: 1
machines:
  - name: box
    devices: [{ name: a0, type: H100 SXM }, { name: a1, type: H100 SXM }, { name: b0, type: L40S }]
    link: { type: pcie4x16 }
`;
const SPOT = { interruptionsPerDay: 12, noticeSeconds: 0, restartSeconds: 300, checkpointSeconds: 45 };
const PRICES = {
  kind: "prices",
  version: 1,
  date: "2026-11-20",
  currency: "EUR",
  perKilowattHour: 0.2,
  powerFactor: 1.5,
  accelerators: {
    "H100 SXM": {
      buy: { price: 30_000, years: 4 },
      reservedPerHour: 2,
      onDemandPerHour: 3,
      spot: { perHour: 1.5, ...SPOT },
    },
    L40S: {
      buy: { price: 9000, years: 3 },
      reservedPerHour: 0.7,
      onDemandPerHour: 1.1,
      spot: { perHour: 0.5, ...SPOT },
    },
  },
};
const ASKED = ["w.yaml", "--cluster", "c.yaml", "--samples", "20"] as const;
const PRICED = [...ASKED, "--prices", "p.json"] as const;

type Estimated = Omit<RunEstimate, "plan" | "intervals"> & {
  readonly planHash: string;
  readonly limits: { readonly maxHours: number; readonly maxCost: number | null; readonly costPerHour: number | null };
};

function write(name: string, value: unknown): void {
  writeFileSync(path.join(root, name), typeof value === "string" ? value : JSON.stringify(value));
}

/** The prices with other ones for an accelerator. */
function otherPrices(name: string, own: object): unknown {
  return { ...PRICES, accelerators: { ...PRICES.accelerators, [name]: own } };
}

beforeAll(() => {
  write("w.yaml", WORKLOAD);
  write("c.yaml", CLUSTER);
  write("p.json", PRICES);
});

async function json<T>(...argv: readonly string[]): Promise<T> {
  return JSON.parse(await printed([...argv, "--json"], root)) as T;
}

function estimated(...more: readonly string[]): Promise<Estimated> {
  return json("estimate", ...PRICED, ...more);
}

function inOrder({ predicted, interval }: EstimatedFigure): boolean {
  return interval![0] <= predicted && predicted <= interval![1] && interval![0] < interval![1];
}

describe("estimate", () => {
  it("says of time and memory what plan and simulate say, to the digit", async () => {
    const { planHash, seconds, tokensPerSecond, devices } = await estimated();
    interface Figures {
      readonly makespanSeconds: number;
      readonly tokensPerSecond: number;
      readonly intervals: Intervals;
    }
    interface Planned {
      readonly planHash: string;
      readonly predicted: Figures;
      readonly stages: readonly { readonly device: string; readonly memory: { readonly total: number } }[];
    }
    const plan = await json<Planned>("plan", ...ASKED);
    for (const figures of [plan.predicted, await json<Figures>("simulate", ...ASKED)]) {
      expect(seconds).toEqual({ predicted: figures.makespanSeconds, interval: figures.intervals.makespanSeconds });
      expect(tokensPerSecond).toEqual({
        predicted: figures.tokensPerSecond,
        interval: figures.intervals.tokensPerSecond,
      });
    }
    expect(planHash).toBe(plan.planHash);
    expect(devices.map(({ name, peakMemoryBytes }) => [name, peakMemoryBytes])).toEqual(
      plan.stages.map(({ device, memory }) => [device, memory.total]),
    );
  });

  it("has intervals about what is predicted, and limits for train at their upper ends", async () => {
    const { seconds, tokensPerSecond, price, limits } = await estimated();
    expect([seconds, tokensPerSecond, price!.total].map(inOrder)).toEqual([true, true, true]);
    const hours = seconds.interval![1] / 3600;
    expect(limits.maxHours / hours).toBeGreaterThan(1 - 1e-9);
    expect(limits.maxHours / hours).toBeLessThan(1.01);
    expect(limits.maxCost! / limits.costPerHour!).toBeGreaterThan(hours * (1 - 1e-9));
    expect(limits.maxCost! / price!.total.interval![1]).toBeLessThan(1.02);
  });

  it("costs what hours and prices come to, added up another way", { tags: ["slow"] }, async () => {
    const { seconds } = await estimated();
    const watts = (name: string): number => CATALOG.devices[name]!.watts!.value;
    const energy = 0.2 * 1.5 * ((2 * watts("H100 SXM") + watts("L40S")) / 1000);
    const perHour = {
      buy: (2 * 30_000) / 4 / 8766 + 9000 / 3 / 8766 + energy,
      reserved: 4.7,
      "on-demand": 7.1,
    };
    for (const [tenure, rate] of Object.entries(perHour)) {
      const { price } = await estimated("--tenure", tenure);
      expect(price!.perHour).toBeCloseTo(rate, 12);
      expect(price!.total.predicted).toBeCloseTo((rate * seconds.predicted) / 3600, 12);
      expect(price!.total.interval!.map((end) => (3600 * end) / rate)).toEqual(
        seconds.interval!.map((end) => expect.closeTo(end, 9)),
      );
    }
    const { price } = await json<Estimated>("estimate", ...ASKED, "--cost-per-hour", "7.1");
    expect(price!.total.predicted).toBeCloseTo((7.1 * seconds.predicted) / 3600, 12);
  });

  it("pays once for a GPU that devices share", async () => {
    write("shared.yaml", CLUSTER.replace("name: a0,", 'name: "a0#0",').replace("name: a1,", 'name: "a0#1",'));
    const { price } = await json<Estimated>("estimate", "w.yaml", "--cluster", "shared.yaml", ...PRICED.slice(3));
    expect(price!.accelerators).toEqual([
      { name: "H100 SXM", count: 1, paidCount: 1 },
      { name: "L40S", count: 1, paidCount: 1 },
    ]);
    expect(price!.perHour).toBeCloseTo(4.1, 12);
  });

  it("has interruptions of spot in time and cost, and costs as on demand where there are none", async () => {
    const { seconds, price, limits } = await estimated("--tenure", "spot");
    const { expectedSeconds, intervalSeconds } = spotPlan({ perHour: 1, ...SPOT });
    expect(price!.interrupted).toEqual({
      checkpointSeconds: intervalSeconds,
      seconds: {
        predicted: expectedSeconds(seconds.predicted),
        interval: seconds.interval!.map((end) => expectedSeconds(end)),
      },
    });
    expect(price!.total.predicted).toBeCloseTo((3.5 * expectedSeconds(seconds.predicted)) / 3600, 12);
    expect(limits.maxHours).toBe((await estimated()).limits.maxHours);
    const calm = (perHour: number) => ({
      spot: { perHour, ...SPOT, interruptionsPerDay: 0 },
      onDemandPerHour: perHour,
    });
    write("calm.json", { ...PRICES, accelerators: { "H100 SXM": calm(1.4), L40S: calm(0.4) } });
    const priced = [...ASKED, "--prices", "calm.json"];
    const onDemand = await json<Estimated>("estimate", ...priced);
    const spot = await json<Estimated>("estimate", ...priced, "--tenure", "spot");
    expect(spot.price!.total).toEqual(onDemand.price!.total);
    expect(spot.seconds).toEqual(onDemand.seconds);
  });

  it("prints fields that mean what they are called", async () => {
    const estimate = await estimated("--tenure", "buy");
    const figure = (low: number, high: number) => ({
      predicted: within(low, high),
      interval: interval(low, high),
    });
    const table = {
      planHash: HASH,
      level: is(0.9),
      ...under("seconds.", figure(0.01, 10)),
      ...under("tokensPerSecond.", figure(1000, 1e6)),
      ...under("devices[].", {
        name: oneOf(["a0", "a1", "b0"]),
        type: oneOf(["H100 SXM", "L40S"]),
        peakMemoryBytes: above(1e8, 10e9),
        capacityBytes: oneOf([48, 80].map((gib) => gib * 2 ** 30)),
        headroomBytes: near(({ owners }) => {
          const { capacityBytes, peakMemoryBytes } = owners.at(-1) as Estimated["devices"][number];
          return capacityBytes! - peakMemoryBytes;
        }),
      }),
      ...under("price.", {
        ...under("total.", figure(1e-5, 1)),
        "parts.hardware": above(0),
        "parts.energy": near(() => estimate.price!.total.predicted - estimate.price!.parts!.hardware),
        "parts.rent": blank("bought", is(0)),
        perHour: above(2, 3),
        currency: is("EUR"),
        tenure: is("buy"),
        pricesOf: is("2026-11-20"),
        accelerators: same(() => [
          { name: "H100 SXM", count: 2, paidCount: 2 },
          { name: "L40S", count: 1, paidCount: 1 },
        ]),
        interrupted: blank("for spot alone", is(null)),
      }),
      "costs.model": is("layers"),
      "costs.source": that("where times are from", (source: string) => source.includes("H100 SXM")),
      "costs.meanError": above(0, 0.3),
      "assumes.device": that("the model", (text: string) => text.includes("as kernels of such sizes were timed")),
      "assumes.software": that("whose", (text: string) => text.includes("H100 SXM")),
      "assumes.kernels": that("attention", (text: string) => text.startsWith("attention that stores no scores")),
      "limits.maxHours": above(0, 0.01),
      "limits.maxCost": above(0, 0.01),
      "limits.costPerHour": near(() => estimate.price!.perHour, 1e-5),
    };
    expect(fieldProblems(estimate, table)).toEqual([]);
  });

  it("tells people in lines that fit a terminal, and how to get a price where none is given", async () => {
    const text = await printed(["estimate", ...PRICED, "--tenure", "spot"], root);
    expect(text).toMatch(/^2 jobs on 3 devices \(H100 SXM, L40S\), lorapp, \d+ micro-batches\n/);
    expect(text).toMatch(/^time +[\d.]+ m?s +[\d.]+ .*to [\d.]+ m?s$/m);
    expect(text).toMatch(/^with interruptions +[\d.]+ m?s /m);
    expect(text).toMatch(/^cost in EUR +0\.\d+ +0\.\d+ to 0\.\d+$/m);
    expect(text).toMatch(/^a1 +[\d.]+ [GM]iB +80\.00 GiB +7\d\.\d\d GiB$/m);
    expect(text).toMatch(/^cost: 2 x H100 SXM and 1 x L40S at 3\.50 EUR an hour together, spot$/m);
    expect(text).toMatch(/^limit: `train --max-hours [\d.]+` ends a longer run with a checkpoint$/m);
    expect(text).toMatch(/^times: .*H100 SXM.* off, up or down$/m);
    const others = text.split("\n").filter((line) => !line.startsWith("times: "));
    expect(Math.max(...others.map((line) => line.length))).toBeLessThanOrEqual(80);

    write("slow.yaml", "{ kind: calibration, version: 1, model: constant, seconds: { F: 100, B: 200 } }");
    const long = await printed(["estimate", ...PRICED, "--tenure", "spot", "--calibration", "slow.yaml"], root);
    expect(long).toMatch(/^ {2}a checkpoint every 12 min 55 s costs least: --checkpoint-minutes 12\.9$/m);
    expect(text).not.toContain("--checkpoint-minutes");

    const { price, limits } = await json<Estimated>("estimate", ...ASKED);
    expect([price, limits.maxCost, limits.costPerHour]).toEqual([null, null, null]);
    const unpriced = await printed(["estimate", ...ASKED], root);
    expect(unpriced).toMatch(/^cost: --prices FILE or --cost-per-hour N says what the devices cost$/m);
    expect(unpriced).not.toMatch(/cost in|max-cost/);
  });

  it("has no interval and no limit where none is drawn, and no width where times are exact", async () => {
    const { seconds, price, limits } = await json<Estimated>(
      "estimate",
      ...PRICED.filter((word) => word !== "--samples" && word !== "20"),
      "--no-intervals",
    );
    expect([seconds.interval, price!.total.interval, limits]).toEqual([null, null, null]);
    const unit = ["estimate", "w.yaml", "--devices", "unit*2", "--cost-per-hour", "1200"];
    const exact = await json<Estimated>(...unit);
    expect(exact.seconds.interval).toEqual([exact.seconds.predicted, exact.seconds.predicted]);
    const text = await printed(unit, root);
    expect(text).toMatch(/^estimate +predicted$/m);
    expect(text).toMatch(/^unit:0 +[\d.]+ [GM]iB +- +-$/m);
    expect(text).toMatch(/^cost: all devices together at 1 200 an hour$/m);
  });
});

describe("estimate refuses", () => {
  const refused = async (...argv: readonly string[]): Promise<readonly unknown[]> => {
    const { code, stdout, stderr } = await runCli(["estimate", ...argv], root);
    return [code, stdout, stderr];
  };
  const message = (pattern: RegExp) => [2, "", expect.stringMatching(pattern)];

  it("an accelerator without a price, a tenure without one, and a board power that nobody knows", async () => {
    const { "H100 SXM": known } = PRICES.accelerators;
    write("h100.json", { ...PRICES, accelerators: { "H100 SXM": known } });
    expect(await refused(...ASKED, "--prices", "h100.json")).toEqual(
      message(/h100\.json:1:\d+: Expected what L40S costs at accelerators, got "prices of H100 SXM"\.\n$/),
    );
    write("reserved.json", otherPrices("L40S", { reservedPerHour: 1 }));
    expect(await refused(...ASKED, "--prices", "reserved.json")).toEqual(
      message(
        /reserved\.json:1:\d+: Expected what L40S costs with tenure on-demand at accelerators\.L40S, got "prices for reserved"\.\n$/,
      ),
    );
    write("catalog.json", {
      kind: "catalog",
      version: 1,
      devices: { L40S: { ...CATALOG.devices["L40S"], watts: undefined } },
    });
    expect(await refused(...PRICED, "--tenure", "buy", "--catalog", "catalog.json")).toEqual(
      message(/Expected the board power of L40S in the catalog, got "none"\.\n$/),
    );
  });

  it("devices that have no price, and says what to do instead", async () => {
    expect(await refused("w.yaml", "--devices", "unit*2", "--prices", "p.json")).toEqual(
      message(/Expected GPUs of the catalog for --prices, got "unit:0, which is unit"\.\nHint: --cost-per-hour N /),
    );
  });

  it("spot whose accelerators are taken away differently, or that nobody lives to see the end of", async () => {
    write("differ.json", otherPrices("L40S", { spot: { perHour: 1, ...SPOT, interruptionsPerDay: 4 } }));
    expect(await refused(...ASKED, "--prices", "differ.json", "--tenure", "spot")).toEqual(
      message(
        /Expected the same interruptions for all accelerators of one run on spot at accelerators, got "12 a day, 4 a day"/,
      ),
    );
    const often = { spot: { perHour: 1, ...SPOT, interruptionsPerDay: 1440, checkpointSeconds: 0 } };
    write("often.json", { ...PRICES, accelerators: { "H100 SXM": often, L40S: often } });
    write("slow.yaml", "{ kind: calibration, version: 1, model: constant, seconds: { F: 100, B: 200 } }");
    const slow = [...ASKED, "--calibration", "slow.yaml", "--prices", "often.json", "--tenure", "spot"];
    expect(await refused(...slow)).toEqual(
      message(
        /^(Note: .*\n)?Expected interruptions that the run gets through in ten years at --tenure, got "spot"\.\nHint: Without checkpoints/,
      ),
    );
  });

  it.each([
    ["a tenure without prices", [...ASKED, "--tenure", "spot"], /^Expected --prices beside --tenure spot\.\n/],
    ["two prices", [...PRICED, "--cost-per-hour", "2"], /^Expected either --cost-per-hour or --prices, got "both"\.\n/],
    [
      "a price of nothing",
      [...ASKED, "--cost-per-hour", "0"],
      /^Expected a number above 0 at --cost-per-hour, got 0\.\n/,
    ],
    [
      "a file that is not there",
      [...ASKED, "--prices", "none.json"],
      /^none\.json: Expected a file of prices, got "no such file"/,
    ],
    [
      "a file of something else",
      [...ASKED, "--prices", "c.yaml"],
      /c\.yaml:1:1: Expected "prices" at kind, got "cluster"/,
    ],
    [
      "a schedule that is simulated only",
      [...PRICED, "--schedule", "tp"],
      /^Expected one of auto, lorapp, .* at --schedule, got "tp"/,
    ],
  ])("%s", async (_, argv, pattern) => {
    expect(await refused(...argv)).toEqual(message(pattern));
  });
});

describe("GPUs without a cluster file", () => {
  it("are those of the catalog, as a list of devices has them", async () => {
    const words = ["estimate", "w.yaml", "--no-intervals", "--json"];
    const [gpu, listed, one] = await Promise.all(
      [
        ["--gpu", "h100 sxm*2"],
        ["--devices", "H100 SXM*2"],
        ["--gpu", "RTX 4090"],
      ].map(async (more) => JSON.parse(await printed([...words, ...more], root)) as RunEstimate),
    );
    expect(gpu).toEqual(listed);
    expect([gpu!.devices.length, one!.devices.length]).toEqual([2, 1]);
    expect(one!.seconds.predicted).toBeGreaterThan(gpu!.seconds.predicted);
    const sold = { ...PRICES, accelerators: { "H100 SXM": { soldIn: 8, onDemandPerHour: 3 } } };
    writeFileSync(path.join(root, "sold.json"), JSON.stringify(sold));
    const priced = [...words, "--gpu", "H100 SXM*2", "--prices", "sold.json"];
    const { price, seconds } = JSON.parse(await printed(priced, root)) as RunEstimate;
    // A machine of eight is paid for.
    expect(price!.total.predicted).toBeCloseTo((8 * 3 * seconds.predicted) / 3600, 12);
  });

  it.each([
    ["devices of this machine", ["--gpu", "cpu:0"], /Expected GPUs of the catalog such as .* at --gpu, got "?cpu:0/],
    ["all of its CPU", ["--gpu", "cpu"], /^Expected GPUs of the catalog such as .* at --gpu, got "?cpu/],
    ["a GPU that is none", ["--gpu", "H1000"], /Expected a device of the catalog at --gpu, got "?H1000/],
    ["none of them", ["--gpu", "H100 SXM*0"], /at --gpu/],
    ["a list of devices as well", ["--gpu", "L4", "--devices", "unit*2"], /--gpu/],
    ["a cluster file as well", ["--gpu", "L4", "--cluster", "c.yaml"], /--gpu/],
  ])("are not %s", async (_, more, message) => {
    const { code, stderr } = await runCli(["estimate", "w.yaml", "--no-intervals", ...more], root);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  });

  it("are as good for layouts and strategies, which want one or the other", async () => {
    const facts = async (...more: readonly string[]) =>
      JSON.parse(await printed(["layouts", "w.yaml", "--json", ...more], root));
    expect(await facts("--gpu", "L40S*2")).toEqual(await facts("--accelerator", "L40S", "--count", "2"));
    const strategies = await printed(["strategies", "w.yaml", "--gpu", "RTX 4090*2"], root);
    expect(strategies).toMatch(/^row +strategy /m);
    for (const words of [
      ["layouts", "w.yaml"],
      ["layouts", "w.yaml", "--count", "2"],
      ["strategies", "w.yaml"],
    ])
      expect((await runCli(words, root)).stderr).toMatch(/Expected --.*--gpu|Expected --gpu/);
  }, 60_000);
});
