import { describe, expect, it } from "vitest";
import { FOREIGN_KEYS, parseWorkload } from "../../../plan/index.ts";

const HEAD = "kind: workload\nversion: 1\nmodel: { architecture: llama-2-7b }\n";

/** What is said to keys among those of a job. */
function answer(keys: string): string {
  try {
    parseWorkload(`${HEAD}jobs:\n  - { name: a, data: { lengths: 8 }, batchSize: 4, ${keys} }\n`, "w.yaml");
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("nothing is wrong");
}

describe("a key of another tool is answered with ours", () => {
  it.each([
    ["r: 16", "adapter: { rank: 16 }"],
    ["lora_alpha: '32'", "adapter: { alpha: 32 }"],
    ["target_modules: { q_proj: true, v_proj: false, o_proj: true }", "adapter: { targets: [q_proj, o_proj] }"],
    ["lora_target: 'q_proj,v_proj'", "adapter: { targets: [q_proj, v_proj] }"],
    ["lora_target_modules: all-linear", "adapter: { targets: all-linear }"],
    ["use_rslora: true", "adapter: { rslora: true }"],
    ["rank_pattern: { q_proj: 4 }", "adapter: { rankPattern: { ... } }"],
    ["learning-rate: 2.0e-4", "optimizer: { learningRate: 0.0002 }"],
    ["adam_beta2: 0.95", "optimizer: { betas: [0.9, 0.95] }"],
    ["lr_scheduler_type: constant_with_warmup", "optimizer: { schedule: { name: constant } }"],
    ["lr_scheduler: polynomial", "optimizer: { schedule: { name: polynomial } }"],
    ["lr_scheduler_type: cosine_with_min_lr", "optimizer: { schedule: { name: cosine } }"],
    ["lr_scheduler_type: rex", "It is `optimizer.schedule.name`. There are constant, linear, cosine,"],
    ["lr_scheduler_kwargs: { num_cycles: 2 }", "They are keys of `optimizer.schedule`"],
    ["optimizer: { schedule: { name: constant_with_warmup } }", "It is `name: constant` with `warmupSteps`."],
    ["loraplus_lr_ratio: 16", "optimizer: { loraPlusRatio: 16 }"],
    ["max_steps: 100", "steps: 100"],
    ["max_steps: 200, warmup_ratio: 0.05", "optimizer: { schedule: { warmupSteps: 10 } }"],
    ["gradient_accumulation_steps: 4, per_device_train_batch_size: 2", "batchSize: 8"],
    ["early_stopping_patience: 3", "earlyStopping: { patience: 3 }"],
    ["val_set_size: 0.1", "evaluation: { share: 0.1 }"],
    ["dataset: tatsu-lab/alpaca", "data: { path: hf:datasets/tatsu-lab/alpaca }"],
    ["model_name_or_path: ./llama", "model: { path: ./llama }` at the top of the workload"],
    ["load_in_4bit: true", "model: { dtype: nf4 }` at the top of the workload"],
    ["rank: 8", "adapter: { rank: 8 }"],
    ["shuffle: true", "data: { shuffle: true }"],
    ["dtype: bf16", "model: { dtype: bf16 }` at the top of the workload"],
    ["torch_dtype: float32", "model: { dtype: float32 }` at the top of the workload"],
    ["train_on_inputs: true", "Write `data: { trainOnInputs: true }`."],
    ["completion_only_loss: false", "Write `data: { trainOnInputs: true }`."],
    ["chat_template: qwen3", "It is `data.chatTemplate`. Without it chats take the template of the model's tokenizer."],
    ["resume_from_checkpoint: true", "`loratwin resume FOLDER`"],
    ["output_dir: out", "loratwin train FILE -o FOLDER"],
    ["num_epochs: 0.5", "It is `epochs`. Epochs are whole numbers."],
    ["optimizer: adamw_torch", "Write `optimizer: { name: adamw_torch }`"],
    ["adapter: qlora", "QLoRA is `model: { dtype: nf4 }`"],
  ])("%s", (keys, says) => {
    expect(answer(keys)).toContain(says);
  });

  it("whatever its value is", () => {
    for (const key of Object.keys(FOREIGN_KEYS))
      for (const value of ["true", "-1", "null", "[]", "{}", "'x'", "[[1]]", "0.5"])
        expect(answer(`${key}: ${value}`)).toMatch(/^w\.yaml:5:\d+: Expected /);
  });

  it("and what is missing because of it is not told, but all else is", () => {
    expect(answer("max_steps: 5, adapter: { rank: x }").split("\n")).toEqual([
      'w.yaml:5:52: Expected only known keys at jobs[0].max_steps, got "max_steps".',
      "Hint: Write `steps: 5`.",
      'w.yaml:5:77: Expected a number at jobs[0].adapter.rank, got "x".',
    ]);
  });
});

describe("all faults of a document are told at once", () => {
  it("twenty of them, and how many more there are", () => {
    const jobs = Array.from(
      { length: 30 },
      (_, i) => `  - { name: "j ${i}", data: { lengths: 8 }, batchSize: 1, steps: 1 }`,
    );
    expect(() => parseWorkload(`${HEAD}jobs:\n${jobs.join("\n")}\n`, "w.yaml")).toThrow(
      /w\.yaml:24:\d+: Expected [^\n]+\nand 10 more$/,
    );
  });

  it("one that is in several places once", () => {
    const jobs = Array.from({ length: 30 }, (_, i) => `  - { name: j${i}, data: { lengths: 8 }, batchSize: 1 }`);
    expect(() => parseWorkload(`${HEAD}jobs:\n${jobs.join("\n")}\n`, "w.yaml")).toThrow(
      /^w\.yaml:5:5: Expected either steps or epochs, which is missing, at jobs\[0\]\.steps\.\nHint: .* The same at jobs\[1\]\.steps, jobs\[2\]\.steps and 27 more\.$/,
    );
  });

  it("and of a thousand that are alike the first 200 are placed, the others counted", () => {
    const jobs = Array.from(
      { length: 1000 },
      (_, i) => `  - { name: j${i}, data: { lengths: 8 }, batchSize: 1, steps: 1, submit: 3 }`,
    );
    expect(() => parseWorkload(`${HEAD}jobs:\n${jobs.join("\n")}\n`, "w.yaml")).toThrow(
      /^w\.yaml:5:[^\n]+at jobs\[0\]\.submit, got "submit"\.\nHint: .* and 197 more\.\nand 800 more$/,
    );
  });

  it("one of `defaults` where it is written, beside those of the head, a sweep and the model", () => {
    const text = `kind: workload
version: 1
modle: 3
model: { path: m, dtype: 8bit }
defaults: { batchSize: 0, steps: 1, data: { lengths: 8 } }
jobs:
  - { name: a }
  - { name: b, sweep: { grid: { adapter: { rank: [] } } } }
`;
    expect(() => parseWorkload(text, "w.yaml")).toThrow(
      /^w\.yaml:3:1: .*modle(?:.*\n)+w\.yaml:4:\d+: .*dtype(?:.*\n)+w\.yaml:5:\d+: .*batchSize(?:.*\n)+w\.yaml:8[^\n]*sweep/,
    );
  });
});
