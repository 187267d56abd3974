import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { parseResults } from "../../bench/results-file.ts";

const root = path.join(import.meta.dirname, "..", "..");
const docs = readFileSync(path.join(root, "docs/internals/kernels.md"), "utf8");
const file = "bench/results/any/gpu-bytes.jsonl";
const measured = parseResults(readFileSync(path.join(root, file), "utf8"), file).flatMap((each) => each.measurements);

const MODELS = ["Llama-3.2-1B", "Llama-2-7B", "Llama-3-8B"];

/** The cells of the docs' line that begins with these. */
function cellsOf(...first: readonly string[]): readonly string[] {
  const line = docs.split("\n").findLast((each) => each.startsWith(`| ${first.join(" | ")} |`));
  return (line ?? "").split("|").map((cell) => cell.trim());
}

function counted(name: string, parameters: Readonly<Record<string, string>>): number {
  const found = measured.find((each) => {
    return each.name === name && Object.entries(parameters).every(([key, value]) => each.parameters[key] === value);
  });
  return found!.value;
}

/** Whether a number is what the text rounds. */
function rounds(text: string, value: number): boolean {
  const number = /^[0-9.]+/.exec(text)?.[0] ?? "none";
  return Math.abs(Number(number) - value) <= 0.5001 * 10 ** -(number.split(".")[1] ?? "").length;
}

test.each(["rmsnorm", "lora_xa", "lora_sb", "lora_dsa", "lora_dsx_dys", "attention", "attention_backward", "adamw"])(
  "the docs say of %s what was counted",
  (kernel) => {
    const cells = cellsOf(`\`${kernel}\``);
    MODELS.forEach((model, index) => {
      const [least, once, all] = cells[3 + index]!.split(", ");
      const parameters = { [`${model}, bytes`]: kernel };
      expect(rounds(least!, counted("least", parameters)), `${model}: ${least}`).toBe(true);
      expect(rounds(once!, counted("once", parameters)), `${model}: ${once}`).toBe(true);
      expect(rounds(all!, counted("all", parameters)), `${model}: ${all}`).toBe(true);
    });
    const parameters = { [`${MODELS[2]}, times`]: kernel };
    expect(rounds(cells[6]!, 1e3 * counted("once in", parameters)), cells[6]).toBe(true);
    if (kernel.startsWith("lora") || kernel.startsWith("attention"))
      expect(rounds(cells[8]!, 1e3 * counted("shared in", parameters)), cells[8]).toBe(true);
  },
);

test.each(MODELS)("the docs say of a step of %s what was counted", (shape) => {
  for (const kernels of ["all that warps ask for", "each sector once a launch", "least, shared memory not counted"]) {
    const [, , , layer, step, milliseconds, , share] = cellsOf(shape, kernels);
    const parameters = { shape, kernels };
    expect(rounds(layer!, counted("a layer", parameters)), layer).toBe(true);
    expect(rounds(step!, counted("the step", parameters)), step).toBe(true);
    expect(rounds(milliseconds!, 1e3 * counted("in", parameters)), milliseconds).toBe(true);
    expect(rounds(share!, counted("of the products' peak", parameters)), share).toBe(true);
  }
});
