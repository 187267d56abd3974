// @module-tag slow

import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { packageFile } from "../../files/index.ts";
import { calibrateFields, calibrationFields, historyFields } from "./fields/calibration-fields.ts";
import { catalogFields } from "./fields/catalog-fields.ts";
import { blank, type FieldTable, fieldProblems, optional } from "./fields/check-fields.ts";
import { above, is } from "./fields/checks.ts";
import {
  compareFields,
  devicesFields,
  replayFields,
  simulateFields,
  trainFields,
  watchFields,
  watchKilledFields,
} from "./fields/command-fields.ts";
import { checkRunFields, launchFields } from "./fields/launch-fields.ts";
import { planFields } from "./fields/plan-fields.ts";
import { planSummaryFields } from "./fields/plan-summary-fields.ts";
import {
  adapterConfigFields,
  adapterWeightFields,
  completionFields,
  journalFields,
  metricsFields,
  rowCacheFields,
  rowCacheFile,
  safetensorsFile,
} from "./fields/run-fields.ts";
import { type Schema, unknownPaths } from "./fields/schema-paths.ts";
import { JOBS, type Pass, readLines, smallPass } from "./fields/small-pass.ts";
import { fsdpFields, strategiesFields } from "./fields/strategy-fields.ts";
import { executedFields, intervalFields, simulatedFields, sortedTrace } from "./fields/trace-fields.ts";

// Nobody looks at a field that is always there and always of the right type: `seconds` of metrics.jsonl was 0 in every
// line for weeks. So each document has a table of all its key paths, each with a check of what the value means.

let pass: Pass;
beforeAll(async () => {
  pass = await smallPass();
}, 300_000);

function check(document: unknown, table: FieldTable): void {
  expect(fieldProblems(document, table)).toEqual([]);
}

const inRun = (...names: readonly string[]): string => path.join(pass.folder, "run", ...names);

describe("every field of a document that is written", () => {
  it("calibration", () => check(pass.calibration, calibrationFields(pass)));
  it("plan", () => check(pass.plan, planFields(pass)));
  it("the plan in a run folder", () => {
    expect(readFileSync(inRun("plan.json"))).toEqual(readFileSync(path.join(pass.folder, "plan.json")));
  });
  it("trace of simulate", () => check(sortedTrace(pass.simulated), simulatedFields(pass)));
  it("trace of train", () => check(sortedTrace(pass.executed), executedFields(pass)));
  it("metrics.jsonl", () => check(pass.metrics, metricsFields(pass)));
  it("journal.jsonl", () => check(readLines(inRun("journal.jsonl")), journalFields(pass, process.pid)));
  it("journal.jsonl of a run that was killed", () => check(pass.killed.journal, journalFields(pass, undefined)));
  it("completions.jsonl of a run that was killed", () => check(pass.killed.completions, completionFields(pass)));
  it.each(JOBS.map(({ name }, job) => [name, job] as const))("PEFT folder of job %s", (name, job) => {
    const config = JSON.parse(readFileSync(inRun("adapters", name, "adapter_config.json"), "utf8"));
    check(config, adapterConfigFields(pass, job));
    check(safetensorsFile(inRun("adapters", name, "adapter_model.safetensors")), adapterWeightFields(job));
  });
  it("the machine's history in the user's cache", () => {
    check(readLines(path.join(pass.folder, "cache", "loratwin", "machine-speed.jsonl")), historyFields(pass));
  });
  it("the row cache", () => {
    const folder = path.join(pass.folder, "cache", "loratwin", "rows");
    const files = readdirSync(folder).map((name) => rowCacheFile(path.join(folder, name)));
    expect(files.length).toBe(2);
    for (const file of files) {
      const { format } = file["header"] as { readonly format: string };
      check(file, rowCacheFields(pass, format !== "tokens"));
    }
  });
});

describe("every field that a command prints with --json", () => {
  const commands: readonly (readonly [string, () => FieldTable])[] = [
    ["calibrate", () => calibrateFields(pass)],
    ["plan", () => planSummaryFields(pass, intervalFields())],
    ["simulate", () => simulateFields(pass)],
    ["replay", () => replayFields(pass)],
    ["train", () => trainFields(pass)],
    ["compare", () => compareFields(pass)],
    ["check-run", checkRunFields],
    ["launch", () => launchFields(pass)],
    ["watch", () => watchFields(pass)],
    ["watch of a killed run", () => watchKilledFields()],
    ["devices", devicesFields],
    ["catalog", catalogFields],
    ["strategies", () => strategiesFields(pass)],
    ["fsdp", () => fsdpFields(pass)],
    ["validate", () => ({ file: is("plan.json"), kind: is("plan"), valid: is(true) })],
    ["model", () => ({ folder: is(path.join(pass.folder, "model")), numParameters: is(133_824) })],
  ];
  it.each(commands)("%s", (name, table) => check(pass.printed[name], table()));
  it("has a table for each", () => {
    expect(commands.map(([name]) => name).sort()).toEqual(Object.keys(pass.printed).sort());
  });
});

/** Keys of schemas that this pass does not write, with the reason. */
const PLAN_ELSEWHERE = {
  "setting.devices[].price": "a cluster with prices, in test/traces/job-costs.test.ts",
  "setting.model.architecture.ropeScaling": "models of Llama 3's kind",
  "setting.model.architecture.slidingWindow": "models of Mistral's kind, in test/limits",
  ...Object.fromEntries(
    [
      ...["windowed", "chunk", "windowTheta", "ropeless", "temperature", "rotaryDim", "rotaryPairs", "outputBias"],
      ...["headNorm", "norms", "normOffset", "activation", "attentionScale", "embeddingScale", "residualScale"],
      ...["logitScale", "scoreCap", "logitCap", "fusedQkv", "fusedGateUp", "layerNames"],
      ...["experts", "sinks"],
    ].map((key) => [`setting.model.architecture.${key}`, "other decoders, in test/exec/families.test.ts"]),
  ),
  "setting.model.weightsDigest": "weights that are verified, in test/cli/bad-input/resealed-plans.ts",
  "setting.links[].transfers":
    "links that a cluster file says are synchronous or blocking, in test/sim/network.test.ts",
  "setting.links[].duplex": "links that a cluster file says are of half duplex, in test/plan/links.test.ts",
  "setting.links[].transferDtype": "links that a cluster file says round messages, in test/cli/transfer-dtype.test.ts",
  "setting.memory[].graphs": "plans for GPUs",
  ...Object.fromEntries(
    ["hostBytes", "linkBytesPerSecond[]", "diskBytesPerSecond"].map((key) => [
      `setting.states.${key}`,
      "jobs over time, in test/sim/fleet/paging.test.ts",
    ]),
  ),
  "setting.stages[].startsAtMlp": "more devices than layers",
  "setting.stages[].endsAtAttention": "more devices than layers",
  "segments[].jobs[].firstStep": "what is left of a run that was resumed, in test/cli/resume.test.ts",
  "segments[].jobs[].adapter.rankPattern": "ranks of some targets, in test/plan/adapter-sites.test.ts",
  "segments[].jobs[].adapter.alphaPattern": "alphas of some targets, in test/exec/variants.test.ts",
  "segments[].jobs[].adapter.dora": "adapters with magnitudes, in test/exec/decoders.test.ts",
  "segments[].jobs[].adapter.trainableTokens": "rows of the embedding, in test/exec/decoders.test.ts",
  "setting.pipelines[].room.dora": "adapters with magnitudes, in test/exec/decoders.test.ts",
  "segments[].jobs[].adapter.rslora": "rank-stabilized adapters, in test/exec/variants.test.ts",
  "segments[].jobs[].adapter.init": "an adapter that starts from another one",
  "segments[].jobs[].initDigest": "an adapter that starts from another one, in test/cli/bad-input/resealed-plans.ts",
  "segments[].jobs[].data.field": "texts of a field, without templates",
  "segments[].jobs[].data.split": "data sets of the hub",
  "segments[].jobs[].data.turns": "conversations, of which the last turn is scored",
  "segments[].jobs[].data.fields": "columns of other names, in test/datasets/dialects.test.ts",
  "segments[].jobs[].data.roles": "roles of other names, in test/datasets/dialects.test.ts",
  "segments[].jobs[].data.trainOnInputs": "prompts that are scored, in test/datasets/dialects.test.ts",
  "segments[].jobs[].data.like": "rows read as a library reads them, in test/datasets/oracle-rows.test.ts",
  "segments[].jobs[].data.chatTemplate": "other templates, in test/datasets/dialects.test.ts",
  "segments[].jobs[].data.window": "plain text, in test/datasets/window-rows.test.ts",
  "segments[].jobs[].data.overlap": "plain text, in test/datasets/window-rows.test.ts",
  "segments[].jobs[].data.packing": "plain text, in test/datasets/window-rows.test.ts",
  "segments[].jobs[].data.onBadRow": "rows that cannot be read, in test/cli/workload-data.test.ts",
  "segments[].jobs[].skippedRows": "rows that cannot be read, in test/cli/workload-data.test.ts",
  "segments[].jobs[].data.datasets": "several data sets, in test/cli/data-mixture.test.ts",
  "segments[].jobs[].data.mix": "several data sets, in test/cli/data-mixture.test.ts",
  "segments[].jobs[].data.stopping": "several data sets, in test/cli/data-mixture.test.ts",
  "segments[].jobs[].data.lengths": "rows of which only the lengths are known",
  "segments[].jobs[].data.samples": "rows of which only the lengths are known",
  ...Object.fromEntries(
    [
      ...["warmupSteps", "minDelta", "losses", "patience"],
      ...["divergence", "divergence.ratio", "divergence.sigmas", "plateau", "plateau.share", "plateau.sigmas"],
    ].map((key) => [`segments[].jobs[].earlyStopping.${key}`, "early stopping, in test/exec/early-stops.test.ts"]),
  ),
  "segments[].jobs[].loss": "losses that compare answers, in test/cli/preference.test.ts",
  "segments[].jobs[].evaluation": "jobs that are evaluated, in test/cli/evaluation.test.ts",
  "segments[].jobs[].sample": "jobs that answer prompts, in test/cli/samples.test.ts",
  "setting.pipelines[].room.sample": "jobs that answer prompts, in test/cli/samples.test.ts",
  "segments[].microBatches[].evaluation": "jobs that are evaluated",
  "locations.evaluation": "evaluations with data of their own",
};

const TRACE_ELSEWHERE = { "otherData.machine.clocks": "runs over several machines" };

const CALIBRATION_ELSEWHERE = { products: "GPUs; test/exec/cuda-products.test.ts has every field" };

describe("every key of a schema has an entry, or a reason why it is not there", () => {
  const schemaOf = (kind: string): Schema =>
    JSON.parse(readFileSync(packageFile("docs", "schemas", `${kind}.schema.json`), "utf8"));
  const ways = ({ anyOf = [], oneOf = [] }: Schema): readonly Schema[] => [...anyOf, ...oneOf];
  const isMeasured = ({ properties }: Schema): boolean => properties?.["model"]?.const === "measured";
  it("plan", () => {
    const schema = schemaOf("plan");
    const { setting, ...others } = schema.properties!;
    const { calibration: _calibration, ...inner } = setting!.properties!;
    const properties = { ...others, setting: { ...setting, properties: inner } };
    expect(unknownPaths({ ...schema, properties }, planFields(pass), PLAN_ELSEWHERE)).toEqual([]);
  });
  it("calibration", () => {
    const measured = ways(schemaOf("calibration")).find(isMeasured)!;
    expect(unknownPaths(measured, calibrationFields(pass), CALIBRATION_ELSEWHERE)).toEqual([]);
  });
  it("what a trace says beside its events", () => {
    const { traceEvents: _events, ...properties } = schemaOf("trace").properties!;
    const table = { ...simulatedFields(pass), ...executedFields(pass) };
    expect(unknownPaths({ properties }, table, TRACE_ELSEWHERE)).toEqual([]);
  });
});

describe("a table of fields", () => {
  const table: FieldTable = {
    "steps[].seconds": above(0),
    "jobs.*.name": is("a"),
    note: optional("only where there is one", is("b")),
    left: blank("nothing may be left", is(0)),
  };
  const document = { steps: [{ seconds: 1 }, { seconds: 2 }], jobs: { first: { name: "a" } }, left: 0 };
  it("takes what it names", () => expect(fieldProblems(document, table)).toEqual([]));
  it("names a path without an entry, with an example", () => {
    expect(fieldProblems({ ...document, steps: [{ seconds: 1, tokens: 3 }] }, table)).toEqual([
      "steps[].tokens: has no entry; such a value is 3",
    ]);
  });
  it("names an entry that never occurs", () => {
    expect(fieldProblems({ ...document, steps: [{}] }, table)).toEqual([
      "steps[]: has no entry; such a value is {}",
      "steps[].seconds: has an entry, and never occurs",
    ]);
  });
  it("names a value that cannot be, and where it is", () => {
    expect(fieldProblems({ ...document, steps: [{ seconds: 1 }, { seconds: -1 }] }, table)).toEqual([
      "steps[].seconds: expected a number above 0, got -1 at 1",
    ]);
    expect(fieldProblems({ ...document, jobs: { first: { name: "b" } } }, table)).toEqual([
      'jobs.*.name: expected "a", got "b" at first',
    ]);
  });
  it("names a path that is empty everywhere without a reason", () => {
    expect(fieldProblems({ ...document, left: 0, more: [0, 0] }, { ...table, "more[]": is(0) })).toEqual([
      "more[]: is 0, null, false or empty everywhere",
    ]);
  });
});
