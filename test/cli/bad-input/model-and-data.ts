import { cpSync, existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { readSafetensors, type TensorToWrite, writeSafetensors } from "../../../datasets/index.ts";
import { printed } from "../run-cli.ts";
import { type BadInput, edited, PLAN_IT, WORKLOAD, workload } from "./bad-input.ts";

const OWN_MODEL = { "w.yaml": edited(WORKLOAD, "../model", "model") };
const TRAIN_IT = ["train", "w.yaml", "-o", "run"] as const;

/** A copy of the model with a change. */
function spoilt(change: (folder: string) => void): (folder: string) => void {
  return (folder) => {
    const model = path.join(folder, "model");
    cpSync(path.join(folder, "../model"), model, { recursive: true });
    change(model);
  };
}

function changedTensors(change: (tensors: TensorToWrite[]) => TensorToWrite[]): (folder: string) => void {
  return spoilt((model) => {
    const reader = readSafetensors(model);
    const tensors = reader.tensors.map(({ name, shape }) => ({ name, shape, values: reader.readTensor(name) }));
    writeSafetensors(path.join(model, "model.safetensors"), change(tensors), { format: "pt" });
  });
}

function changedConfig(from: string, to: string): (folder: string) => void {
  return spoilt((model) => {
    const file = path.join(model, "config.json");
    writeFileSync(file, edited(readFileSync(file, "utf8"), from, to));
  });
}

/** A workload over rows of its own. */
function rows(name: string, text: string, data: string, ...says: readonly RegExp[]): BadInput {
  const file = /path: ([\w.]+)/.exec(data)![1]!;
  const files = {
    "w.yaml": edited(WORKLOAD, "{ path: ../rows.jsonl }\n    seed", `{ ${data} }\n    seed`),
    [file]: text,
  };
  return { name, files, argv: PLAN_IT, says };
}

/** An adapter to start from, trained as the workload says, and then a workload that wants another one. */
function init(name: string, adapter: string, change: (folder: string) => void, ...says: readonly RegExp[]): BadInput {
  return {
    name,
    files: workload("{ rank: 2 }", adapter),
    async prepare(folder) {
      const plain = path.join(folder, "plain.yaml");
      writeFileSync(plain, WORKLOAD);
      await printed(["train", "plain.yaml", "-o", "start", "--devices", "cpu:0"], folder);
      change(path.join(folder, "start/adapters/second"));
    },
    argv: PLAN_IT,
    says,
  };
}

const TOKENS = "format: tokens, path: t.jsonl";
const ASKED = "path: d.jsonl";
const START = "init: start/adapters/second";

/** A base model, data or an adapter that is missing or damaged. */
export const BAD_MODELS_AND_DATA: readonly BadInput[] = [
  {
    name: "a missing model folder",
    files: workload("../model", "none"),
    argv: PLAN_IT,
    says: [/w\.yaml:3:10: /, /a model folder at model\.path, got ".*none.*"/],
  },
  {
    name: "a model folder without config.json",
    files: OWN_MODEL,
    prepare: spoilt((model) => rmSync(path.join(model, "config.json"))),
    argv: PLAN_IT,
    says: [/w\.yaml:3:10: /, /config\.json.* at model\.path, got ".*model.*"/],
  },
  {
    name: "a model folder without a tokenizer",
    files: OWN_MODEL,
    prepare: spoilt((model) => rmSync(path.join(model, "tokenizer.json"))),
    argv: PLAN_IT,
    says: [/w\.yaml:3:10: /, /tokenizer\.json.* at model\.path/],
  },
  {
    name: "a model folder without weights",
    files: OWN_MODEL,
    prepare: spoilt((model) => rmSync(path.join(model, "model.safetensors"))),
    argv: PLAN_IT,
    says: [/w\.yaml:3:10: /, /model\.safetensors or model\.safetensors\.index\.json.* at model\.path/],
  },
  {
    name: "a model of another family",
    files: OWN_MODEL,
    prepare: changedConfig('"model_type": "llama"', '"model_type": "gpt2"'),
    argv: PLAN_IT,
    says: [/model\/config\.json:\d+:\d+: /, /one of llama.* at model_type, got "gpt2"/],
  },
  {
    name: "a model configuration with a text as its width",
    files: OWN_MODEL,
    prepare: changedConfig('"hidden_size": 16', '"hidden_size": "16"'),
    argv: PLAN_IT,
    says: [/model\/config\.json:\d+:\d+: /, /a number at hidden_size, got "16"/],
  },
  {
    name: "a model configuration that is no JSON",
    files: OWN_MODEL,
    prepare: changedConfig('"model_type"', "["),
    argv: PLAN_IT,
    says: [/model\/config\.json:\d+:\d+: /, /YAML or JSON/],
  },
  {
    name: "a truncated safetensors file",
    files: OWN_MODEL,
    prepare: spoilt((model) => truncateSync(path.join(model, "model.safetensors"), 4000)),
    argv: PLAN_IT,
    says: [/model\/model\.safetensors: /, /bytes.*, got/, /truncated/i],
  },
  {
    name: "a safetensors file with a header that is no JSON",
    files: OWN_MODEL,
    prepare: spoilt((model) =>
      writeFileSync(path.join(model, "model.safetensors"), Buffer.from("\x04\0\0\0\0\0\0\0{{{{........")),
    ),
    argv: PLAN_IT,
    says: [/model\/model\.safetensors: /, /a header of JSON, got/],
  },
  {
    name: "a safetensors file of zeros",
    files: OWN_MODEL,
    prepare: spoilt((model) => writeFileSync(path.join(model, "model.safetensors"), Buffer.alloc(3))),
    argv: PLAN_IT,
    says: [/model\/model\.safetensors: /, /a header length in the first 8 bytes, got "3 bytes"/],
  },
  {
    name: "a model without one of its tensors",
    files: OWN_MODEL,
    prepare: changedTensors((tensors) => tensors.filter(({ name }) => name !== "model.norm.weight")),
    argv: TRAIN_IT,
    says: [/model: /, /tensor model\.norm\.weight, got "no such tensor"/],
  },
  {
    name: "a model with a tensor of another shape",
    files: OWN_MODEL,
    prepare: changedTensors((tensors) =>
      tensors.map((tensor) =>
        tensor.name === "model.norm.weight" ? { ...tensor, shape: [8], values: new Float32Array(8) } : tensor,
      ),
    ),
    argv: TRAIN_IT,
    says: [/model: /, /shape \[16\] at model\.norm\.weight, got \[8\]/],
  },
  {
    name: "a missing data file",
    files: workload("path: ../rows.jsonl", "path: none.jsonl"),
    argv: PLAN_IT,
    says: [/w\.yaml:13:13: /, /a data file at jobs\[0\]\.data\.path, got ".*none\.jsonl"/],
  },
  rows("an empty data file", "", ASKED, /d\.jsonl: /, /at least one record.*, got "an empty file"/),
  rows("a data file of blank lines", "\n\n", ASKED, /d\.jsonl: /, /at least one record/),
  rows(
    "a data file of an unknown form",
    "x",
    "path: d.docx",
    /w\.yaml:13:13: /,
    /ends in \.jsonl.* at jobs\[0\]\.data\.path, got ".*d\.docx"/,
  ),
  rows(
    "rows without a field that a template needs",
    '{"question":"a","answer":"b"}\n{"question":"a"}\n',
    'path: d.jsonl, prompt: "{{question}}", response: "{{answer}}"',
    /d\.jsonl:2: /,
    /the field "answer" at answer, got \["question"\]/,
  ),
  rows(
    "rows of which nobody can tell the form",
    '{"x":1}\n',
    ASKED,
    /d\.jsonl:1: /,
    /a record whose format can be told.*, got \["x"\]/,
  ),
  rows(
    "a prompt without a response",
    '{"question":"a","answer":"b"}\n',
    'path: d.jsonl, prompt: "{{question}}"',
    /w\.yaml:13:5: /,
    /both templates.* at jobs\[0\]\.data\.response/,
  ),
  rows(
    "a line that is no JSON",
    '{"question":"a","answer":"b"}\n\n{"question":"a",\n',
    ASKED,
    /d\.jsonl:3:\d+: /,
    /JSON: .*, got "the end of the line"/,
  ),
  rows("a row that is a number", "7\n", ASKED, /d\.jsonl:1: /, /a record that is an object, got 7/),
  rows(
    "labels of another length",
    '{"input_ids":[1,2,3],"labels":[1,2]}\n',
    TOKENS,
    /t\.jsonl:1: /,
    /3 labels.* at labels, got 2/,
  ),
  rows(
    "a token id beyond the vocabulary",
    '{"input_ids":[1,2]}\n{"input_ids":[1,999]}\n',
    TOKENS,
    /t\.jsonl:2: /,
    /a token id below \d+ at input_ids\[1\], got 999/,
  ),
  rows(
    "a token id that is a fraction",
    '{"input_ids":[1,2.5]}\n',
    TOKENS,
    /t\.jsonl:1: /,
    /a whole number.* at input_ids\[1\], got 2\.5/,
  ),
  rows(
    "rows in which nothing is scored",
    '{"input_ids":[1,2],"labels":[-100,-100]}\n',
    TOKENS,
    /t\.jsonl: /,
    /at least one scored token/,
  ),
  {
    name: "a missing adapter to start from",
    files: workload("{ rank: 2 }", "{ rank: 2, init: none }"),
    argv: PLAN_IT,
    says: [/w\.yaml:17:25: /, /a PEFT folder at jobs\[1\]\.adapter\.init, got ".*none"/],
  },
  init(
    "an adapter of another rank",
    `{ rank: 4, ${START} }`,
    () => {},
    /adapter_config\.json:\d+:\d+: /,
    /4, as the job's adapter has it, at r, got 2/,
  ),
  init(
    "an adapter of another alpha",
    `{ rank: 2, alpha: 3, ${START} }`,
    () => {},
    /adapter_config\.json:\d+:\d+: /,
    /3, as.* at lora_alpha, got 8/,
  ),
  init(
    "an adapter of other targets",
    `{ rank: 2, targets: [o_proj], ${START} }`,
    () => {},
    /adapter_config\.json:\d+:\d+: /,
    /targets \(o_proj\) at target_modules, got \["q_proj","v_proj"\]/,
  ),
  init(
    "an adapter whose weights are cut off",
    `{ rank: 2, ${START} }`,
    (folder) => truncateSync(path.join(folder, "adapter_model.safetensors"), 900),
    /adapter_model\.safetensors: /,
    /bytes/,
    /truncated/i,
  ),
  init(
    "an adapter without weights",
    `{ rank: 2, ${START} }`,
    (folder) => {
      if (existsSync(folder)) rmSync(path.join(folder, "adapter_model.safetensors"));
    },
    /second: /,
    /adapter_model\.safetensors, got "no such file"/,
  ),
];
