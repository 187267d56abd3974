import { describe, expect, it } from "vitest";
import { AXOLOTL, imported, LLAMAFACTORY, useImportInputs } from "./import-case.ts";

useImportInputs();

describe("import takes LoRA+ over", () => {
  it("and what it decays", async () => {
    const axolotl = await imported(`${AXOLOTL}loraplus_lr_ratio: 16\nweight_decay: 0.1\n`);
    expect(axolotl.workload!.jobs[0]!.optimizer).toMatchObject({ loraPlusRatio: 16, weightDecay: 0 });
    expect(axolotl.stderr).toContain("weight_decay: with LoRA+ Axolotl decays nothing");
    const llamafactory = await imported(`${LLAMAFACTORY}loraplus_lr_ratio: 4\nweight_decay: 0.1\n`);
    expect(llamafactory.workload!.jobs[0]!.optimizer).toMatchObject({ loraPlusRatio: 4, weightDecay: 0.1 });
  });
});

describe("import takes every schedule of the Trainer over", () => {
  const from = { warmupSteps: 2, warmupFromZero: true, minRatio: 0 };
  it.each([
    ["constant", undefined, { name: "constant", warmupSteps: 0, minRatio: 0 }],
    ["constant_with_warmup", undefined, { ...from, name: "constant" }],
    ["linear", undefined, { ...from, name: "linear" }],
    ["cosine", "{ num_cycles: 1.5 }", { ...from, name: "cosine", cycles: 1.5 }],
    ["cosine_with_restarts", "{ num_cycles: 3 }", { ...from, name: "cosine_with_restarts", cycles: 3 }],
    ["cosine_with_min_lr", "{ min_lr: 1e-5 }", { ...from, name: "cosine", minLearningRate: 1e-5 }],
    ["cosine_with_min_lr", "{ min_lr_rate: 0.1 }", { ...from, name: "cosine", minRatio: 0.1 }],
    [
      "cosine_warmup_with_min_lr",
      "{ min_lr_rate: 0.1 }",
      { name: "cosine_warmup_with_min_lr", warmupSteps: 2, minRatio: 0.1 },
    ],
    ["polynomial", undefined, { ...from, name: "polynomial", minLearningRate: 1e-7 }],
    ["polynomial", "{ lr_end: '1e-6', power: 2 }", { ...from, name: "polynomial", minLearningRate: 1e-6, power: 2 }],
    ["inverse_sqrt", "{ timescale: 20 }", { ...from, name: "inverse_sqrt", timescale: 20 }],
    [
      "warmup_stable_decay",
      "{ num_decay_steps: 3, num_stable_steps: 0, decay_type: 1-sqrt, min_lr_ratio: 0.1 }",
      { ...from, name: "warmup_stable_decay", decaySteps: 3, stableSteps: 0, decayType: "1-sqrt", minRatio: 0.1 },
    ],
    // Of 5 steps 3 are left: LLaMA-Factory takes a third.
    ["warmup_stable_decay", undefined, { ...from, name: "warmup_stable_decay", stableSteps: 1, decaySteps: 2 }],
  ])("%s %s", async (name, options, schedule) => {
    const text = LLAMAFACTORY.replace("cosine", name).replace("warmup_ratio: 0.1", "warmup_steps: 2");
    const { code, workload } = await imported(
      options === undefined ? text : `${text}lr_scheduler_kwargs: ${options}\n`,
    );
    expect([code, workload?.jobs[0]?.optimizer.schedule]).toEqual([0, schedule]);
  });

  it("one of TRL and of Axolotl", async () => {
    const trl =
      "{ model_name_or_path: ./model, dataset_name: talks.jsonl, use_peft: true, max_steps: 9, warmup_steps: 2, lr_scheduler_type: inverse_sqrt }";
    expect((await imported(trl)).workload!.jobs[0]!.optimizer.schedule).toEqual({ ...from, name: "inverse_sqrt" });
    const axolotl = AXOLOTL.replace("cosine", "polynomial").replace("warmup_ratio: 0.1", "warmup_steps: 2");
    const { workload } = await imported(`${axolotl}lr_scheduler_kwargs: { power: 3 }\n`);
    expect(workload!.jobs[0]!.optimizer.schedule).toMatchObject({ name: "polynomial", power: 3 });
  });
});
