import { describe, expect, it } from "vitest";
import { architectureFromConfig, CATALOG, huggingFaceConfigSchema, PRESETS } from "../../plan/index.ts";
import { allLayouts, DealtRows, layoutSeconds, stepAssumptions, stepMachine } from "../../studies/index.ts";
import { fitPlain, plainRows, predictedPlain } from "../../studies/observations/plain-rows.ts";
import { PLAIN_SOFTWARE } from "../../studies/observations/plain-software.ts";

const PRESET = architectureFromConfig(huggingFaceConfigSchema.parse(PRESETS["llama-3-8b"]));
const HOW = { precision: "bfloat16", hasGraphs: true, overlaps: false } as const;

describe("plain software", () => {
  it.each(Object.entries(PLAIN_SOFTWARE))(
    "%s is as its published rows have it",
    (software, { factor, hostSeconds }) => {
      const fit = fitPlain(plainRows().filter((row) => row.software === software));
      expect(fit.factor / factor).toBeCloseTo(1, 2);
      if (hostSeconds !== undefined) expect(fit.hostSeconds / hostSeconds).toBeCloseTo(1, 2);
    },
  );

  it("is predicted as near as it says, each model left out", () => {
    const rows = predictedPlain();
    for (const [software, { sigma }] of Object.entries(PLAIN_SOFTWARE)) {
      const own = rows.filter((row) => row.software === software);
      const square = own.map(({ predicted, measured }) => Math.log(predicted / measured) ** 2);
      const deviation = Math.sqrt(square.reduce((a, b) => a + b) / own.length);
      expect(deviation, software).toBeLessThanOrEqual(sigma);
      expect(deviation, software).toBeGreaterThan(sigma / 2);
    }
  });
});

describe("what plain software does", () => {
  const machine = (release: string, more = {}) =>
    stepMachine("H100 SXM", CATALOG, { ...HOW, release, count: 8, ...more });

  it("is copies of the model, whole or sharded, one job at a time", () => {
    const layouts = allLayouts(machine("transformers-peft"), PRESET);
    expect(layouts.every((each) => each.tensorParallel * each.contextParallel * each.pipelineParallel === 1)).toBe(
      true,
    );
    expect(new Set(layouts.map(({ sharded }) => sharded))).toEqual(new Set(["state", "weights"]));
    expect(allLayouts(machine("transformers-peft"), PRESET, { tensorParallel: 2 })[0]!.tensorParallel).toBe(2);
  });

  it("launches kernels one by one where it is not compiled, in 16 bits", () => {
    expect([machine("transformers-peft").hasGraphs, machine("torchtune").hasGraphs]).toEqual([false, true]);
    expect(() => machine("torchtune", { precision: "float8" })).toThrow(
      /Expected bfloat16 with torchtune, got "?float8/,
    );
    expect(stepAssumptions(machine("transformers-peft")).software).toMatch(/^Hugging Face transformers and PEFT/);
  });

  it("takes longer than the newest releases, most where rows are few", () => {
    const rows = (tokens: number) =>
      new DealtRows([
        { architecture: PRESET, trainedParameters: 4e7, targets: ["q_proj"], steps: [[tokens]], longestRow: tokens },
      ]);
    const layout = allLayouts(machine("newest", { count: 1 }), PRESET)[0]!;
    const ratio = (release: string, tokens: number): number => {
      const seconds = (of: string) => layoutSeconds(machine(of, { count: 1 }), layout, rows(tokens));
      return seconds(release) / seconds("newest");
    };
    expect(ratio("transformers-peft", 8192)).toBeCloseTo(1.137, 1);
    expect(ratio("transformers-peft", 128)).toBeGreaterThan(3);
    expect(ratio("torchtune", 8192)).toBeCloseTo(1.02, 2);
  });
});
