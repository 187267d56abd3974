import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { AXOLOTL, at, imported, LLAMAFACTORY, MLORA, root, trained, useImportInputs, write } from "./import-case.ts";
import { runCli } from "./run-cli.ts";

useImportInputs();

describe("import takes over", () => {
  it("a file of Axolotl", async () => {
    const { code, stderr, text, workload } = await imported(AXOLOTL);
    expect([code, stderr]).toEqual([0, expect.not.stringContaining("Warning")]);
    expect(workload!.model).toEqual({ path: "model", dtype: "bfloat16" });
    expect(workload!.jobs[0]).toMatchObject({
      ...{ name: "my-lora", batchSize: 8, epochs: 2, cutoffLength: 256 },
      adapter: { rank: 4, alpha: 8, dropout: 0.05, targets: { length: 7 } },
      data: { path: "alpaca.jsonl", like: "axolotl", format: "instruction" },
      // 36 rows, twice, in 9 steps: a tenth of them is none.
      optimizer: {
        ...{ learningRate: 2e-4, maxGradNorm: 1 },
        schedule: { name: "cosine", minRatio: 0 },
      },
      evaluation: { share: 0.1, everySteps: 3 },
    } as never);
    expect(text).toContain("batchSize: 8  # 4 (micro_batch_size) x 2 (gradient_accumulation_steps)");
    expect(text).toMatch(/^# Taken over otherwise:$/m);
    expect(text!.split("\n").filter((line) => line.startsWith("#") && line.length > 80)).toEqual([]);
    expect(stderr).toMatch(/^ {2}logging_steps: a run writes metrics\.jsonl/m);
  });

  it("a file of LLaMA-Factory, with dataset_info.json beside it", async () => {
    const { code, workload, stderr } = await imported(LLAMAFACTORY);
    expect([code, stderr]).toEqual([0, expect.not.stringContaining("Warning")]);
    expect(workload!.jobs[0]).toMatchObject({
      ...{
        name: "chat",
        batchSize: 4,
        cutoffLength: 128,
        data: { path: "data/talks.jsonl", like: "llamafactory", format: "chat", limit: 20 },
      },
      adapter: { rank: 4, alpha: 8, dropout: 0 },
      optimizer: { schedule: { warmupSteps: 1 } },
    });
  });

  it("a file of mLoRA, a job a task, and its template", async () => {
    const { code, workload } = await imported(MLORA, "--model", "model");
    expect(code).toBe(0);
    expect(
      workload!.jobs.map(({ name, batchSize, adapter }) => [name, batchSize, adapter.rank, adapter.targets]),
    ).toEqual([
      ["one", 4, 4, ["q_proj"]],
      ["two", 8, 8, ["q_proj"]],
    ]);
    const data = {
      path: "rows/pairs.json",
      format: "instruction",
      prompt: "",
      response: "Ask: {{ask}}\n\nSay: {{say}}",
      shuffle: true,
    };
    expect(workload!.jobs[0]!.data).toEqual(data);
    expect(workload!.jobs[0]!.optimizer.weightDecay).toBe(0.01);
  });

  it("a file of TRL", async () => {
    const { code, workload } = await imported(
      "{ model_name_or_path: ./model, dataset_name: talks.jsonl, assistant_only_loss: true, use_peft: true, lora_r: 4, lora_target_modules: all-linear, max_steps: 3, load_in_4bit: true, eval_strategy: 'no' }",
    );
    expect([code, workload!.model]).toEqual([0, { path: "model", dtype: "nf4" }]);
    expect(workload!.jobs[0]).toMatchObject({
      steps: 3,
      batchSize: 8,
      optimizer: { learningRate: 2e-5, schedule: { name: "linear" } },
    });
  });

  it("arguments of a Trainer, and an adapter's configuration, for the data that are named", async () => {
    const trainer =
      '{"per_device_train_batch_size":2,"num_train_epochs":1.0,"learning_rate":0.001,"lr_scheduler_type":"constant","hub_token":"<HUB_TOKEN>","neftune_noise_alpha":null}';
    const one = await imported(trainer, "--model", "model", "--data", "talks.jsonl", "--gpus", "3");
    expect([one.code, one.workload!.jobs[0]]).toMatchObject([
      0,
      { batchSize: 6, epochs: 1, optimizer: { learningRate: 0.001 } },
    ]);
    const adapter =
      '{"peft_type":"LORA","base_model_name_or_path":"./model","r":9,"lora_alpha":2,"use_rslora":true,"rank_pattern":{"^model.*q_proj":3},"alpha_pattern":{},"trainable_token_indices":{"embed_tokens":[9,4]},"target_modules":["v_proj","q_proj"],"bias":"none"}';
    const other = await imported(adapter, "--data", "talks.jsonl");
    expect([other.code, other.workload!.jobs[0]!.adapter]).toMatchObject([
      0,
      {
        ...{ rank: 9, alpha: 2, rslora: true, rankPattern: { "^model.*q_proj": 3 }, trainableTokens: [4, 9] },
        targets: ["q_proj", "v_proj"],
      },
    ]);
  });
});

describe("what import writes", { tags: ["slow"] }, () => {
  it.each([
    ["Axolotl", AXOLOTL, "my-lora"],
    ["LLaMA-Factory", LLAMAFACTORY, "chat"],
    ["mLoRA", MLORA, "two"],
  ])("of a file of %s is trained as it is", async (_, text, job) => {
    const { output } = await imported(text, "--model", "model");
    expect(await trained(output)).toContain(job);
    expect(existsSync(at(`run-${output}/adapters/${job}/adapter_config.json`))).toBe(true);
  });
});

describe("import makes losses of preferences", () => {
  const pairs = "datasets: [{ path: pairs.jsonl, type: chat_template.default }]\n";
  const axolotl = AXOLOTL.replace(/datasets:\n.*\n/, pairs).replace(/warmup_ratio.*\n/, "");
  const factory = LLAMAFACTORY.replace("stage: sft", "stage: dpo").replace("dataset: talks", "dataset: pairs");
  const trl =
    "{ model_name_or_path: ./model, use_peft: true, lora_dropout: 0.1, max_steps: 3, dataset_name: pairs.jsonl";
  it.each([
    ["rl: dpo", `${axolotl}rl: dpo\nrl_beta: 0.3\n`, { kind: "dpo", beta: 0.3, type: "sigmoid" }],
    ["rl: ipo", `${axolotl}rl: ipo\n`, { kind: "dpo", beta: 0.1, type: "ipo" }],
    [
      "rl: dpo with weights",
      `${axolotl}rl: dpo\ndpo_loss_type: [hinge, sft]\ndpo_loss_weights: [1, 0.2]\n`,
      { type: "hinge", sftWeight: 0.2 },
    ],
    ["rl: orpo", `${axolotl}rl: orpo\norpo_alpha: 0.2\n`, { kind: "orpo", beta: 0.2 }],
    // TRL's trainer adds the loss of the chosen answers' tokens.
    ["rl: simpo", `${axolotl}rl: simpo\nsimpo_gamma: 1\n`, { kind: "simpo", beta: 0.1, gamma: 1, nllWeight: 1 }],
    ["stage: dpo", `${factory}dpo_label_smoothing: 0.1\n`, { kind: "dpo", type: "sigmoid", labelSmoothing: 0.1 }],
    ["pref_loss: simpo", `${factory}pref_loss: simpo\n`, { kind: "simpo", beta: 0.1, gamma: 0.5, nllWeight: 0 }],
    ["pairs of TRL", `${trl} }`, { kind: "dpo", beta: 0.1 }],
    ["loss_type: [robust]", `${trl}, loss_type: [robust], label_smoothing: 0.2 }`, { labelSmoothing: 0.2 }],
    ["keep_end", `${trl}, beta: 0.5, truncation_mode: keep_end }`, { beta: 0.5, cut: "start" }],
    ["reference_free", `${trl}, reference_free: true }`, { kind: "cpo", beta: 0.1, nllWeight: 0 }],
    ["loss_type: simpo", `${trl}, loss_type: simpo, cpo_alpha: 0 }`, { kind: "simpo", beta: 0.1, nllWeight: 0 }],
  ])("%s", async (_, text, loss) => {
    const { code, stderr, workload } = await imported(text);
    expect([code, stderr]).toEqual([0, expect.not.stringContaining("Warning")]);
    expect(workload!.jobs[0]).toMatchObject({ loss, adapter: { dropout: 0 }, data: { format: "preference" } });
  });

  it("answers with labels, in their order, at the trainer's learning rate", async () => {
    const { code, workload } = await imported(`${trl.replace("pairs", "labelled")}, desirable_weight: 0.7 }`);
    expect([code, workload!.jobs[0]]).toMatchObject([
      0,
      {
        loss: { kind: "kto", desirableWeight: 0.7 },
        data: { format: "unpaired", shuffle: false },
        optimizer: { learningRate: 1e-6 },
      },
    ]);
  });

  it("of TRL by the trainer that a person names", async () => {
    const { code, workload } = await imported(`${trl} }`, "--trainer", "orpo");
    expect([code, workload!.jobs[0]!.loss]).toEqual([0, { kind: "orpo", beta: 0.1 }]);
  });

  it("refuses tokens around answers that Axolotl puts and the template does not write", async () => {
    const { code, stderr } = await imported(`${axolotl}rl: dpo\nchat_template: chatml\n`);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/rl: Axolotl puts tokens around answers/)]);
  });
});

describe("import counts rows as the job will read them", () => {
  it("and tells the steps of the run, and how many there are in the tool", { tags: ["slow"] }, async () => {
    const { stderr, output } = await imported(AXOLOTL);
    expect(stderr).toMatch(/num_epochs: 9 steps, since a batch takes rows of two epochs; 10 there/);
    await trained(output);
    const steps = readFileSync(at(`run-${output}/metrics.jsonl`), "utf8").match(/"step":\d+/g)!;
    expect(new Set(steps).size).toBe(9);
  });

  it("and fills packed sequences with as many as fit on average", async () => {
    const { code, stderr, workload } = await imported(AXOLOTL.replace("sample_packing: false", "sample_packing: true"));
    const [, perSequence] = /in each of which ([\d.]+) rows of [\d.]+ tokens fit/.exec(stderr)!;
    expect(code).toBe(0);
    expect(Math.abs(workload!.jobs[0]!.batchSize - 8 * Number(perSequence))).toBeLessThan(1);
  });

  it("and makes steps of a part of an epoch, and a share of a number of held-out rows", async () => {
    const { code, workload } = await imported(
      AXOLOTL.replace("num_epochs: 2", "num_epochs: 0.5").replace("val_set_size: 0.1", "val_set_size: 0.11"),
    );
    expect([code, workload!.jobs[0]]).toMatchObject([0, { steps: 3, evaluation: { share: 0.125 } }]);
  });

  it("of data sets that are read alike, which it joins in a file", async () => {
    const { code, output, workload } = await imported(
      LLAMAFACTORY.replace("dataset: talks", "dataset: talks,more").replace("max_samples: 20", "max_samples: 7"),
    );
    const file = output.replace(".yaml", "-rows.jsonl");
    expect([code, workload!.jobs[0]!.data]).toMatchObject([0, { path: file, like: "llamafactory" }]);
    expect(readFileSync(at(file), "utf8").trim().split("\n")).toHaveLength(14);
    expect(workload!.jobs[0]!.data).not.toHaveProperty("limit");
  });
});

describe("import reads rows as the tool does", () => {
  it.each([
    [
      AXOLOTL,
      "chat_template: chatml\ndatasets: [{ path: talks.jsonl, type: chat_template }]",
      { chatTemplate: "chatml" },
    ],
    [AXOLOTL, "train_on_inputs: true", { trainOnInputs: true }],
    [AXOLOTL, "datasets: [{ path: mixed.jsonl, type: alpaca }]", { format: "instruction" }],
    [AXOLOTL, "datasets: [{ path: talks.jsonl, type: input_output }]", { format: "segments" }],
    [
      AXOLOTL,
      "datasets: [{ path: talks.jsonl, type: chat_template, field_messages: dialog, message_field_training: learn, roles: { user: [customer], assistant: [gpt] } }]",
      { fields: { messages: "dialog", train: "learn" }, roles: { user: ["customer"] } },
    ],
    [
      LLAMAFACTORY,
      "dataset: odd\ntemplate: chatml",
      {
        fields: { role: "who", content: "said" },
        roles: { user: ["me"] },
        chatTemplate: expect.stringContaining("<|im_start|>user"),
      },
    ],
    [LLAMAFACTORY, "mask_history: true", { turns: "last" }],
    // A name that a publisher's template has too.
    [LLAMAFACTORY, "template: vicuna", { chatTemplate: expect.stringContaining("A chat between a curious user") }],
    [
      LLAMAFACTORY,
      "template: llama2\ndefault_system: Be kind.",
      { chatTemplate: expect.stringContaining('system="Be kind."') },
    ],
    [
      AXOLOTL,
      "chat_template: jinja\nchat_template_jinja: '{{ messages }}'\ndatasets: [{ path: talks.jsonl, type: chat_template }]",
      { chatTemplate: "{{ messages }}" },
    ],
  ])("%#: %s", async (file, lines, data) => {
    const names = lines.split("\n").map((line) => line.split(":")[0]!);
    const rest = file
      .replace(/datasets:\n.*\n/, "datasets: [{ path: alpaca.jsonl, type: alpaca }]\n")
      .split("\n")
      .filter((line) => !names.includes(line.split(":")[0]!))
      .join("\n");
    const { workload } = await imported(`${rest}\n${lines}\n`, "--partial");
    expect(workload!.jobs[0]!.data).toMatchObject(data);
  });
});

describe("import says aloud", () => {
  it.each([
    [
      "sample_packing: true\nbase_model: owner/name",
      /sample_packing: a step has 8 sequences of several rows each; how many is not known here/,
    ],
    ["neftune_noise_alpha: 5", /neftune_noise_alpha: noise/],
    ["rl: grpo", /rl: grpo is no loss of loratwin/],
    ["rl: dpo\ndpo_loss_type: [exo_pair]", /dpo_loss_type: the loss exo_pair: sigmoid takes its place/],
    ["special_tokens: { eos_token: <other> }", /special_tokens: other special tokens than those/],
    ["optimizer: lion_pytorch", /optimizer: lion_pytorch: AdamW takes its place/],
    ["lr_scheduler: rex", /lr_scheduler: the schedule rex: cosine/],
    ["adapter: llama-adapter", /adapter: llama-adapter: an adapter of LoRA/],
    ["adapter:", /adapter \(not given\): all weights are trained/],
    [
      "num_epochs: 0.5\nwarmup_ratio: 0\ndatasets: [{ path: owner/name, type: completion }]",
      /num_epochs: a part of an epoch: epochs is 1/,
    ],
    [
      "lora_target_linear: false\nlora_target_modules: [q_proj, embed_tokens]",
      /lora_target_modules: embed_tokens is no projection/,
    ],
    ["made_up_key: 1", /made_up_key: a key that is not known/],
    [
      "datasets: [{ path: owner/name, type: completion }]",
      /warmup_ratio: 0\.1 of the steps, whose number is not known/,
    ],
    ["datasets: [{ path: talks.jsonl, type: pygmalion }]", /datasets\[0\]\.type: rows of the type pygmalion/],
    ["excess_length_strategy: truncate", /excess_length_strategy: what becomes of rows that are too long/],
    [
      "datasets: [{ path: talks.jsonl, type: sharegpt }, { path: alpaca.jsonl, type: alpaca }]",
      /datasets: one adapter is trained on all 2 data sets/,
    ],
    ["datasets: [{ path: talks.jsonl, type: chat_template, roles_to_train: [user] }]", /roles_to_train: other turns/],
    ["datasets: [{ path: talks.jsonl, type: chat_template, roles_to_train: [] }]", /roles_to_train: other turns/],
    ["datasets: [{ path: talks.jsonl, type: chat_template, chat_template: jamba }]", /by the chat template jamba/],
    ["datasets: [{ path: told.jsonl, type: alpaca }]", /rows have a column system, which is not read there/],
  ])("that %s of Axolotl is not taken over, and writes nothing without --partial", async (lines, message) => {
    const keys = lines.split("\n").map((line) => line.split(":")[0]!);
    const rest = AXOLOTL.replace(/datasets:\n.*\n/, "datasets: [{ path: alpaca.jsonl, type: alpaca }]\n")
      .split("\n")
      .filter((line) => !keys.includes(line.split(":")[0]!))
      .join("\n");
    const strict = await imported(`${rest}${lines}\n`);
    expect([strict.code, strict.text]).toEqual([1, undefined]);
    expect(strict.stderr).toMatch(message);
    const partial = await imported(`${rest}${lines}\n`, "--partial", "--quiet");
    expect([partial.code, partial.workload?.kind]).toEqual([0, "workload"]);
    expect(partial.stderr).toMatch(message);
    expect(partial.text!.replace(/\n# +(?:- )?/g, " ")).toMatch(message);
  });

  it.each([
    ["dataset: talks,odd", /dataset: one adapter is trained on all 2 data sets/],
    ["stage: dpo\npref_loss: orpo", /pref_loss: ORPO of LLaMA-Factory adds the mean loss of the answer/],
    ["stage: rm", /stage: the stage rm/],
    ["finetuning_type: full", /finetuning_type: full: an adapter/],
    ["quantization_bit: 3", /quantization_bit: weights of 3 bits/],
    ["packing: true", /packing: a sequence of cutoff_len/],
    ["template: llava_next", /by the template llava_next/],
    ["template: gemma2", /by the template gemma2 LLaMA-Factory trains end tokens that are not there/],
    ["lr_scheduler_type: reduce_lr_on_plateau", /lr_scheduler_type: the schedule reduce_lr_on_plateau/],
    ["lr_scheduler_kwargs: { num_cycle: 2 }", /lr_scheduler_kwargs: what the schedule is told: num_cycle$/m],
  ])("that %s of LLaMA-Factory is not", async (lines, message) => {
    const keys = lines.split("\n").map((line) => line.split(":")[0]);
    const rest = LLAMAFACTORY.split("\n").filter((one) => !keys.includes(one.split(":")[0]!));
    const { code, stderr } = await imported([...rest, lines].join("\n"));
    expect([code, stderr]).toEqual([1, expect.stringMatching(message)]);
  });

  it("that a task of mLoRA for preferences is left out", async () => {
    const { code, workload, stderr } = await imported(
      MLORA.replace("{ type: train, name: b", "{ type: dpo, name: b"),
      "--model",
      "model",
      "--partial",
    );
    expect([code, workload!.jobs.length, stderr]).toEqual([
      0,
      1,
      expect.stringContaining("tasks[1].type: dpo: the task b is left out"),
    ]);
  });

  it("each key once, as JSON too", async () => {
    const { stdout } = await imported(AXOLOTL, "--json", "--quiet");
    const { findings } = JSON.parse(stdout) as {
      readonly findings: readonly { readonly key: string; readonly outcome: string }[];
    };
    expect(new Set(findings.map(({ key }) => key)).size).toBe(findings.length);
    expect(findings).toContainEqual(expect.objectContaining({ key: "optimizer", outcome: "otherwise" }));
  });
});

describe("import refuses", () => {
  it.each([
    ["", /^c\d+\.yaml: Expected a configuration of Axolotl, .*, got null\./],
    ["kind: workload", /Hint: This is a document of loratwin already\./],
    ["base_model: x\ndatasets: 5", /Expected a list of data sets at datasets, got 5\./],
    ["base_model: x\ndatasets: [{}]", /Expected a path, which is missing, at datasets\[0\]\.path\./],
    [
      "base_model: x\nlora_r: many\ndatasets: [{ path: talks.jsonl }]",
      /:2:1: Expected a number at lora_r, got "many"\./,
    ],
    [
      "base_model: x\nlora_r: 5000\ndatasets: [{ path: talks.jsonl }]",
      /Expected a number of at most 1024 at jobs\[0\]\.adapter\.rank, got 5000\./,
    ],
    [
      "base_model: x\nlr_scheduler: warmup_stable_decay\ndatasets: [{ path: talks.jsonl }]",
      /:2:1: Expected lr_scheduler_kwargs with num_decay_steps at lr_scheduler, got "warmup_stable_decay"\./,
    ],
    ["base_model: x\nadapter: lora", /^Expected --data with data, which is missing\./],
    [
      "stage: sft\nmodel_name_or_path: x\ndataset: nowhere",
      /Expected a data set of .*dataset_info\.json at dataset, got "nowhere"\./,
    ],
    [
      "tasks: [{ name: a, type: train, adapter: b, dataset: c }]\nadapters: [{ name: d }]",
      /Expected the name of an adapter at tasks\[0\]\.adapter/,
    ],
    ["tasks: [3]\nadapters: []", /Expected a name, which is missing, at tasks\[0\]\.name/],
  ])("%j", async (text, message) => {
    const { code, stderr, text: written } = await imported(text, "--partial", "--quiet");
    expect([code, written, stderr]).toEqual([2, undefined, expect.stringMatching(message)]);
  });

  it("to write over a file", async () => {
    write("there.yaml", "mine");
    const { code, stderr } = await runCli(["import", "c1.yaml", "-o", "there.yaml"], root);
    expect([code, readFileSync(at("there.yaml"), "utf8")]).toEqual([2, "mine"]);
    expect(stderr).toMatch(/^Expected a file that is not there yet at --output/);
  });
});
