// @module-tag slow
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { isNightly } from "../level.ts";
import { build, buildTables, buildTargets, type Counts, failuresOf, type Judgement, runTable } from "./cuda-table.ts";
import { plantedBugs } from "./planted-bugs.ts";

const KERNELS = [
  "adamw",
  "adapter_norms",
  "attention",
  "attention_backward",
  "attention_plain",
  "attention_plain_backward",
  "cached_attention",
  "combine",
  "combine_backward",
  "copy",
  "cross_entropy",
  "cross_entropy_gradient",
  "dequantize_int8",
  "dequantize_nf4",
  "embed",
  "embed_tokens",
  "embed_tokens_backward",
  "expert_matmul",
  "fill_rows",
  "gather_places",
  "gather_rows",
  "head_logits",
  "head_norm",
  "head_norm_backward",
  "head_tokens",
  "head_tokens_backward",
  "head_tokens_take",
  "lora_dsa",
  "lora_dsx_dys",
  "lora_dyb",
  "lora_plain_dsa",
  "lora_plain_dsx_dys",
  "lora_plain_sb",
  "lora_plain_xa",
  "lora_sb",
  "lora_xa",
  "magnitude",
  "magnitude_backward",
  "preference",
  "rmsnorm",
  "rmsnorm_backward",
  "rope",
  "route",
  "route_backward",
  "route_places",
  "scatter_rows",
  "sum_squares",
  "swiglu",
  "swiglu_backward",
  "temperature",
];

const minutes = (count: number) => count * 60_000;

const BUILDS = [
  { title: "the kernels as they are", program: "cuda_table", checked: false },
  { title: "the kernels with every access checked", program: "cuda_table_checked", checked: true },
];

describe.each(isNightly ? BUILDS : BUILDS.slice(0, 1))("$title", ({ program, checked }) => {
  let judgements: readonly Judgement[] = [];
  let counts: Counts;
  beforeAll(async () => {
    await buildTargets(program);
    ({ judgements, counts } = await runTable(join(build, program), []));
  }, minutes(8));

  test("agree with the double references and give the same bytes under every schedule", () => {
    expect(judgements.filter((judgement) => !judgement.ok)).toEqual([]);
  });

  test("are all judged, under six schedules each", () => {
    expect([...new Set(judgements.map((judgement) => judgement.op))].sort()).toEqual(KERNELS);
    for (const kernel of KERNELS) {
      const own = judgements.filter((judgement) => judgement.op === kernel);
      expect(new Set(own.map((judgement) => judgement.schedule)).size).toBe(6);
    }
    expect(counts.checked).toBe(checked);
  });

  test("read matrices from shared memory without a bank conflict", () => {
    expect(counts.mma).toBeGreaterThan(0);
    expect(counts.bankConflicts).toBe(0);
  });
});

describe("a planted bug is found:", { tags: ["nightly"] }, () => {
  const failures = new Map<string, readonly Judgement[] | Error>();
  beforeAll(async () => {
    await buildTables();
    // Two at a time, as many as there are cores to count on.
    const waiting = plantedBugs.map((bug, index) => ({ bug, index }));
    const work = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const { bug, index } = next;
        failures.set(bug.name, await failuresOf(bug, index).catch((error: Error) => error));
      }
    };
    await Promise.all([work(), work()]);
  }, minutes(15));

  test.each(plantedBugs.map((bug) => [bug.name, bug] as const))("%s", (name, bug) => {
    const found = failures.get(name);
    if (found === undefined || found instanceof Error) throw found ?? new Error("never run");
    expect(found).not.toEqual([]);
    expect(found.map((judgement) => judgement.message ?? "")).toContainEqual(expect.stringMatching(bug.message));
  });
});
