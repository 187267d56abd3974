import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { chainSegments, planHash } from "../../../plan/actions/segments.ts";
import type { PlanDocument, Segment, Setting, Work } from "../../../plan/index.ts";
import { printed } from "../run-cli.ts";
import { type BadInput, CLUSTER, edited, WORKLOAD, workload } from "./bad-input.ts";

const BASE = { "w.yaml": WORKLOAD };
const ON_CLUSTER = ["plan", "w.yaml", "--cluster", "c.yaml"] as const;

/** A plan that is changed after it was made; with `sealed` its hashes are made to agree. */
export function changedPlan(
  change: (plan: Setting & Work & Pick<PlanDocument, "locations">) => object,
  sealed: boolean,
): (folder: string) => Promise<void> {
  return async (folder) => {
    await printed(["plan", "w.yaml", "--devices", "cpu:0,cpu:1", "-o", "p.json"], folder);
    const file = path.join(folder, "p.json");
    const document = JSON.parse(readFileSync(file, "utf8")) as PlanDocument;
    const { setting, segments, ...facts } = document;
    const changes = Object.entries(change({ ...setting, ...segments[0]!, locations: document.locations }));
    const of = (part: object): object => Object.fromEntries(changes.filter(([key]) => key in part));
    const others = changes.filter(([key]) => !(key in setting) && !(key in segments[0]!));
    const changed = {
      ...facts,
      setting: { ...setting, ...of(setting) } as Setting,
      segments: [{ ...segments[0]!, ...of(segments[0]!) } as Segment],
      ...Object.fromEntries(others),
    };
    writeFileSync(file, JSON.stringify(sealed ? withHashes(changed) : changed, null, 1));
  };
}

function withHashes<P extends PlanDocument>(document: P): P {
  const segments = chainSegments(document.setting, document.segments);
  return { ...document, segments, hash: planHash(segments, document.predicted) };
}

function swapped(actions: readonly (readonly string[])[], stage: number, first: number, second: number): string[][] {
  const orders = actions.map((order) => [...order]);
  const order = orders[stage]!;
  [order[first], order[second]] = [order[second]!, order[first]!];
  return orders;
}

/** Plans that were changed or do not fit what they need, and traces. */
export const BAD_PLANS_AND_TRACES: readonly BadInput[] = [
  {
    name: "a plan changed by hand",
    files: BASE,
    prepare: changedPlan((plan) => ({ jobs: plan.jobs.map((job) => ({ ...job, seed: 99 })) }), false),
    argv: ["simulate", "p.json"],
    says: [
      /p\.json:\d+:\d+: /,
      /content that matches its hash \(sha256:.*\) at segments\[0\]\.hash, got "sha256:/,
      /loratwin plan/,
    ],
  },
  {
    name: "a plan changed by hand, to train",
    files: BASE,
    prepare: changedPlan(() => ({ schedule: "gpipe" }), false),
    argv: ["train", "p.json", "-o", "run"],
    says: [/p\.json:\d+:\d+: /, /matches its hash \(sha256:.*\) at segments\[0\]\.previous/],
  },
  {
    name: "an unknown key of a plan",
    files: BASE,
    prepare: changedPlan(() => ({ note: "mine" }), true),
    argv: ["validate", "p.json"],
    says: [/p\.json:\d+:\d+: /, /at note, got "note"/],
  },
  {
    name: "a plan of an earlier version",
    files: BASE,
    prepare: changedPlan(() => ({ version: 2 }), true),
    argv: ["train", "p.json", "-o", "run"],
    says: [
      /p\.json:\d+:\d+: /,
      /Expected a plan of version 3 at version, got 2\./,
      /Make it anew from its workload: `loratwin plan WORKLOAD \.\.\. -o FILE`\./,
    ],
  },
  {
    name: "a plan whose group is on a pipeline that is not there",
    files: BASE,
    prepare: changedPlan(({ groups }) => ({ groups: [{ ...groups[0]!, pipeline: 7 }] }), true),
    argv: ["validate", "p.json"],
    says: [/p\.json:\d+:\d+: /, /a pipeline below 1 at segments\[0\]\.groups\[0\]\.pipeline, got 7/],
  },
  {
    name: "a plan whose group leaves steps of a job out",
    files: BASE,
    prepare: changedPlan(
      ({ groups: [group] }) => ({ groups: [{ ...group!, members: [{ ...group!.members[0]!, firstStep: 1 }] }] }),
      true,
    ),
    argv: ["validate", "p.json"],
    says: [/p\.json:\d+:\d+: /, /steps of job .* from 0 on, up to its \d+ at segments\[0\]\.groups\[0\]\.members\[0\]/],
  },
  {
    name: "a plan whose mini-batch comes after another than the one before it",
    files: BASE,
    prepare: changedPlan(
      ({ microBatches }) => ({
        microBatches: microBatches.map((each) => (each.step === 1 ? { ...each, after: [] } : each)),
      }),
      true,
    ),
    argv: ["validate", "p.json"],
    says: [/p\.json:\d+:\d+: /, /before step 1 of group 0: \d+ at segments\[0\]\.microBatches\[\d+\]\.after, got \[\]/],
  },
  {
    name: "a plan with a stage on no pipeline",
    files: BASE,
    prepare: changedPlan(({ pipelines }) => ({ pipelines: [{ ...pipelines[0]!, endStage: 1 }] }), true),
    argv: ["validate", "p.json"],
    says: [/p\.json:\d+:\d+: /, /pipelines of 2 stages in total at setting\.pipelines, got 1/],
  },
  {
    name: "a plan with a backward before its forward",
    files: BASE,
    prepare: changedPlan(({ actions }) => ({ actions: swapped(actions, 1, 0, 1) }), true),
    argv: ["simulate", "p.json"],
    says: [/p\.json: /, /1F0 once before 1B0 on stage 1, got "1B0"/, /step 0 .* {2}1B0 .*<-- here, on stage 1/],
    detail: true,
  },
  {
    name: "a plan with an action twice",
    files: BASE,
    prepare: changedPlan(
      ({ actions }) => ({ actions: actions.map((order, stage) => (stage === 0 ? [order[0], ...order] : order)) }),
      true,
    ),
    argv: ["validate", "p.json"],
    says: [/p\.json: /, /one forward of micro-batch 0 on stage 0, got "0F0"/, /<-- here/],
    detail: true,
  },
  {
    name: "a plan with an action that is none",
    files: BASE,
    prepare: changedPlan(({ actions }) => ({ actions: [["0X0"], ...actions.slice(1)] }), true),
    argv: ["validate", "p.json"],
    says: [/p\.json:\d+:\d+: /, /an action such as 2F0 at segments\[0\]\.actions\[0\]\[0\], got "0X0"/],
  },
  {
    name: "a plan whose data changed since",
    files: { ...workload("../rows.jsonl", "own.jsonl"), "own.jsonl": '{"question":"1","answer":"2"}\n' },
    prepare: async (folder) => {
      await changedPlan(() => ({}), true)(folder);
      writeFileSync(path.join(folder, "own.jsonl"), '{"question":"1","answer":"3"}\n');
    },
    argv: ["train", "p.json", "-o", "run"],
    says: [/own\.jsonl: /, /the data that the plan was made from at jobs\[0\]\.data, got "other content"/],
  },
  {
    name: "a plan whose model changed since",
    files: { "w.yaml": edited(WORKLOAD, "../model", "model") },
    prepare: async (folder) => {
      const make = ["init-model", "model", "--hidden-size", "16", "--heads", "2", "--layers"];
      await printed([...make, "2"], folder);
      await changedPlan(() => ({}), true)(folder);
      await printed([...make, "3"], folder);
    },
    argv: ["train", "p.json", "-o", "run"],
    says: [/model: /, /the model that the plan was made for, got "another one"/],
  },
  {
    name: "a plan that does not fit",
    files: { ...BASE, "c.yaml": CLUSTER.replaceAll("threads: 1", "memoryBytes: 20000") },
    argv: ON_CLUSTER,
    says: [
      /a plan that fits into the devices' memory/,
      /^device +weights +adapters .*capacity/m,
      /^cpu:1 .* too much$/m,
      /^Hint: .*microBatchSize/m,
    ],
    detail: true,
  },
  {
    name: "a plan of shared micro-batches that does not fit",
    files: { ...BASE, "c.yaml": CLUSTER.replaceAll("threads: 1", "memoryBytes: 20000") },
    argv: [...ON_CLUSTER, "--groups", "1"],
    says: [/^Hint: .*cutoffLength, more --groups, fewer jobs/m],
    detail: true,
  },
  {
    name: "traces of different plans",
    files: BASE,
    prepare: async (folder) => {
      await printed(["simulate", "w.yaml", "-o", "a.json"], folder);
      await printed(["simulate", "w.yaml", "--schedule", "sequential", "-o", "b.json"], folder);
    },
    argv: ["compare", "a.json", "b.json"],
    says: [/two traces of one plan, sha256:\w+ at otherData\.planHash, got "sha256:\w+"/],
  },
  {
    name: "a plan as a trace",
    files: BASE,
    prepare: changedPlan(() => ({}), true),
    argv: ["report", "p.json", "-o", "r.html"],
    says: [/p\.json:/, /which is missing|only known keys/],
  },
  {
    name: "a workload beside a plan",
    files: BASE,
    prepare: changedPlan(() => ({}), true),
    argv: ["compare", "p.json", "w.yaml"],
    says: [/w\.yaml:1:1: Expected "plan" at kind, got "workload"/],
  },
  {
    name: "a trace with a negative duration",
    files: BASE,
    prepare: async (folder) => {
      await printed(["simulate", "w.yaml", "-o", "a.json"], folder);
      const file = path.join(folder, "a.json");
      writeFileSync(file, readFileSync(file, "utf8").replace(/"dur":/, '"dur":-'));
    },
    argv: ["validate", "a.json"],
    says: [/a\.json:\d+:\d+: /, /at least 0 at traceEvents\[\d+\]\.dur, got -/],
  },
  {
    name: "three traces in a report",
    files: BASE,
    argv: ["report", "a.json", "b.json", "c.json", "-o", "r.html"],
    says: [/one trace or two at trace, got \["a\.json","b\.json","c\.json"\]/],
  },
  {
    name: "a device that nobody can measure",
    files: BASE,
    argv: ["calibrate", "--device", "tpu"],
    says: [/a CPU or CUDA device.* at --device, got "tpu"/],
  },
  {
    name: "a model with heads that do not divide its width",
    files: BASE,
    argv: ["init-model", "m", "--hidden-size", "16", "--heads", "3"],
    says: [/a positive whole number at headDim/],
  },
];
