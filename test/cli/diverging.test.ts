import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";
import { writeSmallInputs } from "./small-inputs.ts";

const root = temporaryFolder();
const at = (...names: readonly string[]): string => path.join(root, ...names);
const STEPS = 500;

function workload(names: readonly string[]): string {
  const defaults = {
    data: { path: "rows.jsonl", format: "tokens" },
    ...{ batchSize: 4, microBatchSize: 2, steps: STEPS, adapter: { rank: 4, alpha: 8, targets: ["q_proj", "v_proj"] } },
  };
  const jobs = names.map((name) => (name === "broken" ? { name, optimizer: { learningRate: 1e10 } } : { name }));
  return JSON.stringify({ kind: "workload", version: 1, model: { path: "model" }, defaults, jobs });
}

function adapterOf(folder: string, job: string): Buffer {
  return readFileSync(at(folder, "adapters", job, "adapter_model.safetensors"));
}

function linesOf(folder: string): readonly { readonly job: string; readonly loss: number | null }[] {
  return readFileSync(at(folder, "metrics.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

beforeAll(async () => {
  await writeSmallInputs(root);
  writeFileSync(at("both.json"), workload(["good", "broken"]));
  writeFileSync(at("good.json"), workload(["good"]));
  await printed(["train", "good.json", "--devices", "cpu:0", "-o", "alone"], root);
}, 120_000);

describe("a job whose loss is no number any more", () => {
  it("is stopped by train, which says at which step, and the others keep their adapters", {
    tags: ["slow"],
  }, async () => {
    const { code, stdout, stderr } = await runCli(["train", "both.json", "--devices", "cpu:0", "-o", "both"], root);
    expect(code, stderr).toBe(1);
    expect(adapterOf("both", "good").equals(adapterOf("alone", "good"))).toBe(true);
    const broken = linesOf("both").filter(({ job }) => job === "broken");
    expect(broken.length).toBeLessThan(STEPS);
    expect(broken.map(({ loss }) => loss === null)).toEqual(broken.map((_, step) => step === broken.length - 1));
    expect(linesOf("both").filter(({ job }) => job === "good").length).toBe(STEPS);
    expect(stdout).toMatch(new RegExp(`broken was stopped: its loss is (NaN|Infinity) at step ${broken.length}; its`));
    expect(stdout).toMatch(new RegExp(`^broken +${broken.length} of ${STEPS} .* not finite`, "m"));
    expect(existsSync(at("both", "adapters", "broken"))).toBe(false);
    const journal = readFileSync(at("both", "journal.jsonl"), "utf8").trimEnd().split("\n");
    const stopped = journal.map((line) => JSON.parse(line)).filter(({ event }) => event === "job stopped");
    expect(stopped).toMatchObject([{ job: "broken", step: broken.length - 1 }]);
    for (const command of [
      ["report", "both", "-o", "both.html"],
      ["validate", "both"],
    ])
      await printed(command, root);
    expect(readFileSync(at("both.html"), "utf8")).toContain(`broken at step ${broken.length}, not finite`);
    expect(await printed(["watch", "both"], root)).toMatch(/broken .* stopped: its loss is/);
    expect((await runCli(["watch", "both", "--json"], root)).code).toBe(0);
  });

  it("is in the document of train too", { tags: ["slow"] }, async () => {
    const train = ["train", "both.json", "--devices", "cpu:0", "-o", "document", "--json"];
    const { code, stdout } = await runCli(train, root);
    expect(code).toBe(1);
    const { jobs } = JSON.parse(stdout);
    expect(jobs[0].stopped).toBeUndefined();
    expect(jobs[1]).toMatchObject({ name: "broken", finalLoss: null, stopped: { step: jobs[1].losses.length - 1 } });
  });

  it.each([
    ["shared", ["--groups", "1"]],
    ["own", ["--no-fuse"]],
  ] as const)(
    "leaves a job alone on two stages, where micro-batches are %s",
    { tags: ["slow"] },
    async (how, groups) => {
      const write = (file: string, learningRate: number): void => {
        const document = JSON.parse(workload(["good", "broken"]));
        document.defaults = { ...document.defaults, steps: 60, evaluation: { share: 0.1, everySteps: 7 } };
        document.jobs[1].optimizer = { learningRate };
        writeFileSync(at(file), JSON.stringify(document));
      };
      write(`${how}-broken.json`, 1e10);
      write(`${how}-whole.json`, 1e-4);
      const devices = ["--devices", "cpu:0,cpu:1", "--pipelines", "1", ...groups];
      expect((await runCli(["train", `${how}-broken.json`, ...devices, "-o", `${how}-broken`], root)).code).toBe(1);
      await printed(["train", `${how}-whole.json`, ...devices, "-o", `${how}-whole`], root);
      expect(adapterOf(`${how}-broken`, "good").equals(adapterOf(`${how}-whole`, "good"))).toBe(true);
      expect(existsSync(at(`${how}-broken`, "adapters", "broken"))).toBe(false);
      await printed(["report", `${how}-broken`, "-o", "two.html"], root);
    },
  );

  it.each([
    ["train", ["train", "last.json", "--devices", "cpu:0", "-o", "train"], 1],
    ["serve", ["serve", "last.json", "--devices", "cpu:0", "-o", "serve", "--once"], 0],
  ] as const)(
    "has diverged if its last update leaves an adapter that is no number: %s",
    { tags: ["slow"] },
    async (folder, argv, ends) => {
      const document = JSON.parse(workload(["good", "broken"]));
      // More than a float32 has, in the only update: no loss comes behind it.
      Object.assign(document.jobs[1], { steps: 1, optimizer: { learningRate: 1e39 } });
      writeFileSync(at("last.json"), JSON.stringify(document));
      const { code, stdout, stderr } = await runCli(argv, root);
      expect(code, stderr).toBe(ends);
      expect(adapterOf(folder, "good").equals(adapterOf("alone", "good"))).toBe(true);
      expect(existsSync(at(folder, "adapters", "broken"))).toBe(false);
      const why = /a weight of its adapter is (NaN|Infinity) after step 1/;
      expect(readFileSync(at(folder, "journal.jsonl"), "utf8")).toMatch(why);
      if (folder === "train") {
        expect(stdout).toMatch(why);
        expect(await printed(["watch", folder], root)).toMatch(/broken .* stopped: a weight of its adapter/);
      } else {
        expect(await printed(["explain", folder, "broken"], root)).toMatch(/^It has no adapter: a weight of its/m);
        expect(await printed(["check-run", folder], root)).toMatch(why);
      }
      await printed(["validate", folder], root);
      await printed(["report", folder, "-o", "last.html"], root);
    },
  );

  it("is stopped by serve though nobody asked for early stops, and the others keep their adapters", {
    tags: ["slow"],
  }, async () => {
    const serve = ["serve", "both.json", "--devices", "cpu:0", "-o", "live", "--once"];
    const { code, stderr } = await runCli(serve, root);
    expect(code, stderr).toBe(0);
    expect(adapterOf("live", "good").equals(adapterOf("alone", "good"))).toBe(true);
    expect(existsSync(at("live", "adapters", "broken"))).toBe(false);
    expect(linesOf("live").filter(({ job }) => job === "broken").length).toBeLessThan(STEPS);
    expect(await printed(["explain", "live", "broken"], root)).toMatch(/its training loss is (NaN|Infinity)/);
    for (const command of [
      ["report", "live", "-o", "live.html"],
      ["validate", "live"],
    ])
      await printed(command, root);
  });
});
