import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readText } from "../../../plan/index.ts";
import { jobName, uniqueNames } from "../../../workbench/write/job-names.ts";
import { commentLines, workloadText } from "../../../workbench/write/workload-text.ts";

const written = (value: string | number, why?: string): unknown =>
  (readText(workloadText([], [{ key: "value", value, why }]), "w.yaml").value as { readonly value: unknown }).value;

describe("workloadText", () => {
  it("is read back as it was given, whatever texts, numbers and comments hold", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (text, why) => {
        expect(written(text, why)).toBe(text);
      }),
    );
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
        expect(written(number)).toBe(number === 0 ? 0 : number);
      }),
    );
  });

  it.each([
    "yes",
    "no",
    "1e5",
    "0x10",
    ".5",
    "null",
    "~",
    "a: b",
    "a #b",
    "../x",
    "-",
    "",
    " a",
    "hf:a/b",
    "2024-01-01",
  ])("keeps the text %j a text", (text) => expect(written(text)).toBe(text));

  it("writes rates as numbers of every version of YAML", () => {
    expect(workloadText([], [{ key: "rate", value: 2e-4 }])).toContain("rate: 2.0e-4\n");
    expect(workloadText([], [{ key: "rate", value: 1.5e-7 }])).toContain("rate: 1.5e-7\n");
  });

  it("writes nested values with comments above or beside them", () => {
    const long = "word ".repeat(20).trim();
    const text = workloadText(commentLines("A heading."), [
      {
        key: "jobs",
        value: {
          items: [
            [
              { key: "name", value: "a", why: long },
              { key: "ranks", value: [1, 2], why: "few" },
            ],
          ],
        },
      },
    ]);
    expect(text.split("\n")).toEqual([
      ...["# A heading.", "kind: workload", "version: 1", "jobs:"],
      ...commentLines(long, "    # "),
      "  - name: a",
      "    ranks: [1, 2]  # few",
      "",
    ]);
  });
});

describe("jobName", () => {
  it.each([
    ["data/talks.jsonl", "talks"],
    ["hf:datasets/owner/My Data", "My-Data"],
    ["x.json.gz", "x"],
    ["../-.hidden.csv", "hidden"],
    ["Ünï (1).parquet", "Uni-1"],
    ["日本.jsonl", "adapter"],
    ["/", "adapter"],
  ])("makes a name of %s", (of, name) => expect(jobName(of)).toBe(name));

  it("tells names apart, case aside", () => {
    expect(uniqueNames(["a", "A", "a", "a-2"])).toEqual(["a", "A-2", "a-3", "a-2-2"]);
  });
});
