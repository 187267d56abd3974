import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { allCommands } from "../../cli/commands/commands.ts";
import { parsePlan } from "../../plan/index.ts";
import { CLUSTER, WORKLOAD, writeShared } from "./bad-input/bad-input.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";

const root = temporaryFolder();
const DEVICES = ["--devices", "cpu:0,cpu:1"] as const;

beforeAll(() => {
  writeShared(root);
  writeFileSync(path.join(root, "w.yaml"), WORKLOAD.replaceAll("../", ""));
  writeFileSync(path.join(root, "c.yaml"), CLUSTER.replace("    link: { type: host, shared: true }\n", ""));
});

/** What --json prints: one document, and nothing beside it. */
async function json(...argv: readonly string[]): Promise<Record<string, unknown>> {
  const text = await printed([...argv, "--json"], root);
  expect(text.endsWith("\n")).toBe(true);
  return JSON.parse(text) as Record<string, unknown>;
}

const RUN_FIELDS = [
  "planHash",
  "source",
  "makespanSeconds",
  "tokensPerSecond",
  "bubbleRatio",
  "bubbleRatioTotal",
  "devices",
  "jobs",
];
const JOB_FIELDS = ["name", "steps", "tokens", "startSeconds", "endSeconds", "turnaroundSeconds", "waitSeconds"];

describe("--json prints one document with the fields that scripts rely on", () => {
  it("plan", async () => {
    const plan = await json("plan", "w.yaml", ...DEVICES, "-o", "p.json");
    const fields = ["planHash", "schedule", "devices", "stages", "groups", "microBatches", "predicted"];
    expect(Object.keys(plan)).toEqual(expect.arrayContaining(fields));
    expect(plan["predicted"]).toMatchObject({
      makespanSeconds: expect.any(Number),
      tokensPerSecond: expect.any(Number),
    });
    expect((plan["predicted"] as { peakMemoryBytes: unknown }).peakMemoryBytes).toEqual([
      expect.any(Number),
      expect.any(Number),
    ]);
  });

  it("plan, which the option makes compute layers again, though the workload does not say so", async () => {
    const [kept, recomputed] = [
      await json("plan", "w.yaml", ...DEVICES),
      await json("plan", "w.yaml", ...DEVICES, "--recompute", "layer"),
    ];
    const layersOf = (plan: Readonly<Record<string, unknown>>): readonly number[] =>
      (plan["stages"] as readonly { readonly recomputedLayers: number }[]).map(
        ({ recomputedLayers }) => recomputedLayers,
      );
    expect([layersOf(kept), layersOf(recomputed)]).toEqual([
      [0, 0],
      [1, 1],
    ]);
    const text = await printed(["plan", "w.yaml", ...DEVICES, "--recompute", "layer"], root);
    expect(text.split("\n")[0]).toMatch(/ micro-batches, recompute all 2 layers$/);
  });

  it("simulate, of a plan as of the workload, with the plan's prediction", async () => {
    const plan = await json("plan", "w.yaml", ...DEVICES, "-o", "p.json");
    const simulated = await json("simulate", "p.json", "-o", "s.json");
    expect(Object.keys(simulated)).toEqual(expect.arrayContaining(RUN_FIELDS));
    expect(simulated).toMatchObject({ planHash: plan["planHash"], source: "simulated" });
    const { peakMemoryBytes, ...predicted } = plan["predicted"] as { peakMemoryBytes: readonly number[] };
    expect(simulated).toMatchObject(predicted);
    const devices = simulated["devices"] as readonly { readonly peakMemoryBytes: number }[];
    expect(devices.map((device) => device.peakMemoryBytes)).toEqual(peakMemoryBytes);
    expect(await json("simulate", "w.yaml", ...DEVICES)).toEqual(simulated);
  });

  it("train and compare", async () => {
    await json("plan", "w.yaml", ...DEVICES, "-o", "p.json");
    await json("simulate", "p.json", "-o", "s.json");
    const trained = await json("train", "p.json", "-o", "run");
    expect(Object.keys(trained)).toEqual(expect.arrayContaining(RUN_FIELDS));
    const jobs = trained["jobs"] as readonly { readonly adapter: string; readonly losses: readonly number[] }[];
    for (const job of jobs) {
      expect(Object.keys(job)).toEqual(expect.arrayContaining([...JOB_FIELDS, "finalLoss", "losses", "adapter"]));
      expect(job.losses).toHaveLength(2);
      expect(existsSync(path.join(job.adapter, "adapter_model.safetensors"))).toBe(true);
    }
    const compared = await json("compare", "s.json", "run");
    const fields = [
      "planHash",
      "makespanError",
      "meanAbsActionError",
      "weightedActionError",
      "perKind",
      "peakMemoryError",
      "worst",
    ];
    expect(Object.keys(compared)).toEqual(expect.arrayContaining(fields));
    expect((await runCli(["compare", "s.json", "run", "--max-error", "0"], root)).code).toBe(1);
    expect((await runCli(["compare", "s.json", "s.json", "--max-error", "0"], root)).code).toBe(0);
  });

  it("compare of two plans", async () => {
    const { planHash } = await json("plan", "w.yaml", "--devices", "unit*2", "--schedule", "gpipe", "-o", "gpipe.json");
    await printed(["plan", "w.yaml", "--devices", "unit*2", "-o", "lorapp.json"], root);
    const { ways, makespan, causes } = await json("compare", "gpipe.json", "lorapp.json");
    expect(ways).toMatchObject([{ planHash, schedule: "gpipe" }, { schedule: "lorapp" }]);
    const total = (causes as { differenceNs: number }[]).reduce((sum, { differenceNs }) => sum + differenceNs, 0);
    expect(makespan).toMatchObject({ differenceNs: total });
    expect(await printed(["compare", "gpipe.json", "lorapp.json"], root)).toMatch(/^the whole run .* s$/m);
  }, 60_000);

  it("calibrate", async () => {
    const calibration = await json("calibrate", "--workload", "w.yaml", "--devices", "cpu:0", "-o", "k.json");
    expect(calibration).toMatchObject({
      device: expect.anything(),
      holdOut: { meanAbsError: expect.any(Number), p90AbsError: expect.any(Number) },
    });
    expect(calibration["operators"]).not.toHaveLength(0);
    await printed(["validate", "k.json"], root);
  }, 120_000);

  it("calibrate, in the workload's dtype, which is then the only one that it predicts", async () => {
    const half = WORKLOAD.replaceAll("../", "").replace("path: model", "path: model, dtype: bfloat16");
    // When jobs come does not matter to what their shapes take.
    writeFileSync(
      path.join(root, "later.yaml"),
      half.replace("- name: second", "- name: second\n    arrivalSeconds: 5"),
    );
    writeFileSync(path.join(root, "half.yaml"), half);
    await json("calibrate", "--workload", "later.yaml", "--devices", "cpu:0", "-o", "half.json");
    const { dtype } = JSON.parse(readFileSync(path.join(root, "half.json"), "utf8")) as { readonly dtype: string };
    expect(dtype).toBe("bfloat16");
    await json("plan", "half.yaml", "--devices", "cpu:0", "--calibration", "half.json");
    const { code, stderr } = await runCli(["plan", "w.yaml", "--devices", "cpu:0", "--calibration", "half.json"], root);
    expect(code).toBe(2);
    expect(stderr).toContain("a calibration of the model's dtype, float32, at dtype");
  }, 120_000);

  it.each(["int8", "nf4"])(
    "calibrate, plan, simulate, train and compare, in %s where the option says so",
    { tags: ["slow"], timeout: 120_000 },
    async (dtype) => {
      const options = [...DEVICES, "--dtype", dtype];
      const file = (name: string): string => `${dtype}-${name}`;
      await json("calibrate", "--workload", "w.yaml", ...options, "-o", file("k.json"));
      await json("plan", "w.yaml", ...options, "--calibration", file("k.json"), "-o", file("p.json"));
      const { model } = parsePlan(readFileSync(path.join(root, file("p.json")), "utf8"), file("p.json"));
      expect(model.dtype).toBe(dtype);
      await json("simulate", file("p.json"), "-o", file("s.json"));
      const trained = await json("train", file("p.json"), "-o", file("run"));
      const compared = await json("compare", file("s.json"), file("run"), "--max-error", "10");
      expect(compared["planHash"]).toBe(trained["planHash"]);
      expect(compared["peakMemoryError"]).toHaveLength(2);
    },
  );
});

it("--help of each command shows an example", async () => {
  for (const { usage } of await allCommands()) {
    const name = usage.split(" ")[0]!;
    expect(await printed([name, "--help"], root)).toMatch(new RegExp(`Examples:\\n +loratwin ${name}`));
  }
});

it("a cluster file and a list of the same devices give the same plan, and planning twice the same bytes", async () => {
  await printed(["plan", "w.yaml", ...DEVICES, "-o", "listed.json"], root);
  await printed(["plan", "w.yaml", "--cluster", "c.yaml", "-o", "clustered.json"], root);
  await printed(["plan", "w.yaml", ...DEVICES, "-o", "again.json"], root);
  const [listed, clustered, again] = ["listed", "clustered", "again"].map((name) =>
    readFileSync(path.join(root, `${name}.json`), "utf8"),
  );
  expect(clustered).toBe(listed);
  expect(again).toBe(listed);
});

it("the demo's artifacts are valid, and its report is there, also where an earlier demo was", {
  tags: ["slow"],
  timeout: 180_000,
}, async () => {
  await json("demo", "--steps", "2", "-o", "demo");
  const demo = await json("demo", "--steps", "4", "-o", "demo");
  for (const key of ["workload", "calibration", "plan", "simulated", "run"])
    expect(await json("validate", demo[key] as string)).toMatchObject({ valid: true });
  expect(existsSync(path.join(root, demo["report"] as string))).toBe(true);
  expect((demo["losses"] as Record<string, readonly number[]>)["arithmetic"]).toHaveLength(4);
});
