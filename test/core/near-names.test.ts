import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { didYouMean, nearNames } from "../../core/index.ts";

describe("names that somebody may have meant", () => {
  it.each([
    ["neighbours changed over", "trian", ["plan", "train", "watch"], ["train"]],
    ["a letter too few", "devces", ["devices", "device"], ["devices", "device"]],
    ["another case, dashes and underscores", "Batch_Size", ["batchSize", "steps"], ["batchSize"]],
    ["the beginning of a name", "H100", ["H100 PCIe", "H200 NVL"], ["H100 PCIe"]],
    ["nothing that is near", "zigzag", ["gpipe", "1f1b"], []],
    ["no slip of so short a name", "lr", ["eps", "name"], []],
    ["not itself", "rank", ["rank"], []],
  ] as const)("%s", (_, given, names, near) => {
    expect(nearNames(given, names)).toEqual(near);
  });

  it("are at most three, the nearest first, in one question", () => {
    expect(didYouMean("vproj", ["k_proj", "q_proj", "v_proj", "o_proj"])).toBe(
      "Did you mean v_proj, k_proj or q_proj?",
    );
    expect(didYouMean("x".repeat(1000), ["x"])).toBeUndefined();
  });

  it("are found whatever is typed", () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 40 }),
        fc.array(fc.string({ maxLength: 40 }), { maxLength: 8 }),
        (given, names) => {
          const near = nearNames(given, names);
          expect(near.length).toBeLessThanOrEqual(3);
          for (const name of near) expect(names).toContain(name);
        },
      ),
    );
  });
});
