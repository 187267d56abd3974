import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { readSafetensors, writeSafetensors } from "../../../datasets/index.ts";
import type { PlanDocument, Setting, Work } from "../../../plan/index.ts";
import { printed } from "../run-cli.ts";
import { type BadInput, edited, WORKLOAD, workload } from "./bad-input.ts";
import { changedPlan } from "./plans-and-traces.ts";

const BASE = { "w.yaml": WORKLOAD };
/** Sixteen micro-batches a step of each job. */
const MANY = {
  "w.yaml": WORKLOAD.replace("batchSize: 4", "batchSize: 16").replace("microBatchSize: 2", "microBatchSize: 1"),
};

/** An order in which all forwards of a stage's mini-batch come before its first backward. */
function forwardsFirst(order: readonly string[]): readonly string[] {
  const made: string[] = [];
  let backwards: string[] = [];
  for (const key of order) {
    if (key.includes("B")) backwards.push(key);
    else if (key.includes("F")) made.push(key);
    else {
      made.push(...backwards, key);
      backwards = [];
    }
  }
  return made;
}

function resealed(
  name: string,
  change: (plan: Setting & Work & Pick<PlanDocument, "locations">) => object,
  says: RegExp,
  more: Partial<BadInput> = {},
): BadInput {
  return { name, files: BASE, prepare: changedPlan(change, true), argv: ["validate", "p.json"], says: [says], ...more };
}

/** A plan over a model of its own, which is changed once the plan is made. */
function trainedOn(name: string, options: readonly string[], spoil: (folder: string) => void, says: RegExp): BadInput {
  return {
    name,
    files: { "w.yaml": edited(WORKLOAD, "../model", "model") },
    async prepare(folder) {
      await printed(["init-model", "model", "--hidden-size", "16", "--heads", "2", "--layers", "2"], folder);
      await printed(["plan", "w.yaml", "--devices", "cpu:0", "-o", "p.json", ...options], folder);
      spoil(folder);
    },
    argv: ["train", "p.json", "-o", "run", "--verify-weights"],
    says: [says],
  };
}

function otherWeights(folder: string): void {
  const reader = readSafetensors(path.join(folder, "model"));
  const tensors = reader.tensors.map(({ name, shape }) => ({ name, shape, values: reader.readTensor(name) }));
  tensors[0]!.values[0]! += 1;
  writeSafetensors(path.join(folder, "model/model.safetensors"), tensors, { format: "pt" });
}

/** Plans that were changed by hand and whose hashes were made to agree: each is refused for what it is. */
export const RESEALED_PLANS: readonly BadInput[] = [
  resealed(
    "a resealed plan with more forwards ahead than its buffers hold",
    ({ actions, buffers }) => ({
      actions: [forwardsFirst(actions[0]!), actions[1]],
      buffers: buffers.map((each) => ({
        activationIn: Math.min(1, each.activationIn),
        activationOut: Math.min(1, each.activationOut),
        gradientIn: Math.min(1, each.gradientIn),
        gradientOut: Math.min(1, each.gradientOut),
      })),
      maxInFlight: null,
    }),
    /buffers for the message of \d+F\d+ from stage 0 to stage 1, or 1F\d+ before it, got "2 in all/,
    { files: MANY, detail: true },
  ),
  resealed(
    "a resealed plan with less memory for activations",
    ({ memory }) => ({
      memory: memory.map((each) => ({ ...each, activations: 64, total: each.total - each.activations + 64 })),
    }),
    /\d+ bytes, which the plan's work needs, at setting\.memory\[0\]\.activations, got 64/,
  ),
  resealed(
    "a resealed plan with more weights than there are",
    ({ memory }) => ({ memory: memory.map((each) => ({ ...each, weights: 2 ** 40 })) }),
    /at setting\.memory\[0\]\.weights, got 1099511627776/,
  ),
  resealed(
    "a resealed plan on devices without the memory",
    ({ devices }) => ({ devices: devices.map((each) => ({ ...each, memoryBytes: 1000 })) }),
    /within the 2000 bytes of their devices' memory at setting\.memory/,
    { detail: true },
  ),
  resealed(
    "a resealed plan with other scored tokens of a row",
    ({ microBatches }) => ({
      microBatches: microBatches.map((each) =>
        each.step === 0 ? { ...each, rows: each.rows.map(([job, row, tokens]) => [job, row, tokens, 1]) } : each,
      ),
    }),
    /data that the plan was made from|row \d+ of job \w+ with \d+ tokens, 1 of them scored, at microBatches\[0\]\.rows|one number of scored tokens/,
    { argv: ["train", "p.json", "-o", "run"] },
  ),
  resealed(
    "a resealed plan with parts in another order",
    ({ microBatches }) => ({ microBatches: microBatches.map((each) => ({ ...each, part: 0 })) }),
    /Expected part 1 at segments\[0\]\.microBatches\[\d+\]\.part, got 0/,
  ),
  resealed(
    "a resealed plan with two jobs of one name",
    ({ jobs }) => ({ jobs: jobs.map((each) => ({ ...each, name: "First" })) }),
    /a job name that is not that of jobs\[0\] at segments\[0\]\.jobs\[1\]\.name, got "First"/,
  ),
  resealed(
    "a resealed plan with steps beyond its micro-batches",
    ({ microBatches }) => ({ microBatches: microBatches.map((each) => ({ ...each, step: each.step * 2 ** 40 })) }),
    /a step below \d+, the number of micro-batches, at segments\[0\]\.microBatches\[\d+\]\.step/,
  ),
  resealed(
    "a resealed plan with a start and no place for it",
    ({ jobs }) => ({
      jobs: jobs.map((each) => ({ ...each, adapter: { ...each.adapter, init: "start" }, initDigest: "0" })),
    }),
    /a path for job first at locations\.init/,
  ),
  resealed(
    "a resealed plan with a start of unknown content",
    ({ jobs, locations }) => ({
      jobs: jobs.map((each) => ({ ...each, adapter: { ...each.adapter, init: "start" } })),
      locations: { ...locations, init: { first: "/start", second: "/start" } },
    }),
    /the digest of what job first starts from, which is missing, at segments\[0\]\.jobs\[0\]\.initDigest/,
  ),
  resealed(
    "a resealed plan with other costs",
    ({ calibration }) => ({ calibration: { ...calibration, launchSeconds: 1 } }),
    /sha256:\w+, the hash of calibration, at setting\.calibrationHash/,
  ),
  resealed(
    "a resealed plan with too few limits",
    () => ({ maxInFlight: [1] }),
    /2 entries, or null at setting\.maxInFlight, got 1/,
  ),
  resealed(
    "a resealed plan with other heads than the model's",
    ({ model }) => ({
      model: { ...model, architecture: { ...model.architecture, numHeads: 4, numKvHeads: 4, headDim: 4 } },
    }),
    /the architecture of .*model: .* at setting\.model\.architecture|which the plan's work needs/,
    { argv: ["train", "p.json", "-o", "run"] },
  ),
  resealed(
    "a resealed plan with another base of its rotary positions",
    ({ model }) => ({ model: { ...model, architecture: { ...model.architecture, ropeTheta: 500 } } }),
    /the architecture of .*model: .*"ropeTheta":10000.* at setting\.model\.architecture/,
    { argv: ["train", "p.json", "-o", "run"] },
  ),
  trainedOn(
    "weights that changed since the plan was made",
    ["--verify-weights"],
    otherWeights,
    /model: Expected the weights that the plan was made with, got "other weights"/,
  ),
  trainedOn("weights that no plan knows", [], () => {}, /a plan that knows its model's weights at --verify-weights/),
  {
    name: "an adapter that changed since the plan was made",
    files: workload("{ rank: 2 }", "{ rank: 2, init: start/adapters/second }"),
    async prepare(folder) {
      writeFileSync(path.join(folder, "plain.yaml"), WORKLOAD);
      await printed(["train", "plain.yaml", "-o", "start", "--devices", "cpu:0"], folder);
      await printed(["plan", "w.yaml", "--devices", "cpu:0", "-o", "p.json"], folder);
      const file = path.join(folder, "start/adapters/second/adapter_model.safetensors");
      const bytes = readFileSync(file);
      bytes[bytes.length - 1]! ^= 1;
      writeFileSync(file, bytes);
    },
    argv: ["train", "p.json", "-o", "run"],
    says: [/second: Expected the adapter that the plan was made with at jobs\[1\]\.adapter\.init, got "other weights"/],
  },
];
