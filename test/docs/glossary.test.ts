import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { packageFile } from "../../files/index.ts";

const read = (...place: readonly string[]): string => readFileSync(packageFile(...place), "utf8");
const matches = (text: string, pattern: RegExp): readonly string[] =>
  [...text.matchAll(pattern)].map(([, name]) => name!);

const PRODUCTS = matches(read("docs/concepts/glossary.md"), /^\| `lora_([a-z]+)` \|/gm);
const CUDA = readdirSync(packageFile("native", "src", "cuda")).filter((name) => name.endsWith(".cu"));

describe("the products of LoRA in the glossary", () => {
  it("are the six of a forward and a backward", () => {
    expect(PRODUCTS).toEqual(["xa", "sb", "dyb", "dsa", "dsx", "dys"]);
  });

  it.each(PRODUCTS)("have in lora_%s a function of the CPU's operators", (product) => {
    const text = ["lora_rows.h", "lora_features.h"].map((name) => read("native", "src", "ops", name)).join("");
    expect(text).toMatch(new RegExp(`^void lora_${product}\\(`, "m"));
  });

  it("are what the CUDA kernels of LoRA are called by, one or some of them", () => {
    const launched = CUDA.flatMap((name) =>
      matches(read("native", "src", "cuda", name), /"lora_(?:plain_)?([a-z_]+)"/g),
    );
    expect([...new Set(launched.flatMap((name) => name.split("_")))].sort()).toEqual([...PRODUCTS].sort());
  });
});
