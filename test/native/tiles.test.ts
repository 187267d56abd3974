// @module-tag nightly
import { beforeAll, describe, expect, test } from "vitest";
import { buildTargets } from "./cuda-table.ts";
import { runOpTable } from "./op-table.ts";
import { canEmulateAmx, isX86 } from "./processor.ts";

/** What of the operator table's modes applies to operators with pairs. */
const MODES = ["alone", "backward", "forward", "repeat", "threads"];
const OPERATORS = [
  "attention bf16",
  "attention with large scores bf16",
  "lora bf16",
  "lora in units bf16",
  "lora of experts bf16",
  "lora of three bf16",
  "lora to float32 bf16",
];

function checkTable(
  target: string,
  args: readonly string[],
  numCases: number,
  operators = OPERATORS,
  modes = MODES,
): void {
  const { judgements, ...run } = runOpTable(target, args);
  expect(run).toEqual({ status: 0, signal: null, stderr: "" });
  expect(judgements.filter(({ ok }) => !ok)).toEqual([]);
  expect([...new Set(judgements.map(({ op }) => op))].sort()).toEqual(operators);
  expect([...new Set(judgements.map(({ mode }) => mode))].sort()).toEqual(modes);
  expect(new Set(judgements.map((judgement) => judgement.case)).size).toBe(numCases);
}

const OF_KINDS = MODES.map((mode) => `${mode} of kinds`);

describe.runIf(isX86)("attention and LoRA on the tiles of AMX", () => {
  beforeAll(() => buildTargets("op_table_tiles", "op_table_amx"), 300_000);

  test("agree with the reference where plain C++ has the tiles' place", () =>
    checkTable("op_table_tiles", ["--pairs"], 16));

  // 18 kinds in five cases each.
  test("do so with scales, softcaps, windows, chunks and sinks", () =>
    checkTable("op_table_tiles", ["--kinds"], 90, ["attention bf16"], OF_KINDS));

  // Some 2 microseconds an instruction.
  test.runIf(canEmulateAmx)(
    "agree with it by the instructions themselves, carried out one by one",
    { tags: ["nightly"] },
    () => {
      checkTable("op_table_amx", ["--pairs", "120"], 9);
      checkTable("op_table_amx", ["--kinds", "160"], 18, ["attention bf16"], OF_KINDS);
    },
  );
});
