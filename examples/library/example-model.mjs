// What the examples of this folder stand on: a small base model of random numbers beside the example data, made when it
// is not there yet. A model of your own is any folder with config.json, tokenizer.json and safetensors files.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { initModel } from "loratwin";

/** The folder that `examples/workload.yaml` lies in: its model is `model` there. */
export const examples = join(import.meta.dirname, "..");

/** Makes the model of `examples/workload.yaml` where there is none. */
export function makeModel() {
  const folder = join(examples, "model");
  if (existsSync(folder)) return;
  initModel(folder, { hiddenSize: 128, layers: 4, heads: 4, kvHeads: 2, seed: 1 });
}
