import { describe, expect, it } from "vitest";
import { architectureFromConfig, huggingFaceConfigSchema, jobsOn, modulePattern, PRESETS } from "../../plan/index.ts";

const LLAMA = architectureFromConfig(huggingFaceConfigSchema.parse(PRESETS["llama-2-7b"]));

function ranked(rankPattern: Readonly<Record<string, number>>) {
  return jobsOn(LLAMA, [{ adapter: { rank: 4, alpha: 8, targets: ["q_proj", "v_proj"], rankPattern } }]);
}

describe("a key of a rank pattern", () => {
  it.each(["q_proj", "self_attn.v_proj", "layers.31.*", "layers\\.\\d+\\.self_attn\\.(q|v)_proj", "^model.*q_proj$"])(
    "%s names targets",
    (key) => {
      expect(ranked({ [key]: 2 })).toHaveLength(1);
    },
  );

  it.each(["k_proj", "layers.32.*", "proj", ""])("%j names none, and is refused", (key) => {
    expect(() => ranked({ [key]: 2 })).toThrow(/only keys that match a target at jobs\[0\]\.adapter\.rankPattern/);
  });

  // Each of them would take minutes or for ever on a name that it does not match.
  it.each([
    ["(a+)+b"],
    [`${"(.|.|.|.)".repeat(17)}#`],
    [`${".?".repeat(40)}${".".repeat(40)}q_proj`],
    [`${".*".repeat(12)}#`],
    [`${"[a-z.]{1,40}".repeat(6)}#`],
    ["("],
    ["(?P<name>q)_proj"],
  ])("%s is refused at once", (key) => {
    expect(modulePattern(key)).toBeUndefined();
    expect(() => ranked({ [key]: 2 })).toThrow(
      /regular expressions of JavaScript, .* at jobs\[0\]\.adapter\.rankPattern/,
    );
  });

  it("that is let in takes no long time, whatever it is", () => {
    const start = performance.now();
    const keys = [".*.*#", "(.|.)(.|.)(.|.)(.|.)(.|.)#", ".?.?.?.?.?.?.?.?#", "(0|1|2|3|4|5|6|7|8|9).*#"];
    for (const key of keys) expect(() => ranked({ [key]: 2 })).toThrow(/match a target|few choices/);
    expect(performance.now() - start).toBeLessThan(5000);
  });
});
