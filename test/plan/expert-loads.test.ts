import { describe, expect, test } from "vitest";
import { createRng } from "../../core/index.ts";
import { clusterSchema } from "../../plan/documents/cluster.ts";
import { type Architecture, assumedCalibration, CATALOG, resolveDevices } from "../../plan/index.ts";
import { EXPERT_CONCENTRATION, expertLoad, tiledRows } from "../../plan/kernels/expert-loads.ts";

const MIXTURE = { count: 16, perToken: 2, intermediateSize: 8, normalized: true } as const;

describe("the load of experts", () => {
  test("is every token's experts, of which more are touched the more tokens there are", () => {
    const touched = [0, 1, 4, 64, 4096].map((tokens) => expertLoad(MIXTURE, tokens).touched);
    expect(touched.slice(0, 2)).toEqual([0, 2]);
    expect(touched).toEqual([...touched].sort((a, b) => a - b));
    expect(touched[4]).toBeGreaterThan(15.9);
    expect(touched[4]).toBeLessThanOrEqual(16);
    expect(expertLoad(MIXTURE, 64).pairs).toBe(128);
  });

  test("is that of choices by shares that are drawn", () => {
    const rng = createRng("experts");
    // A gamma variable of a whole shape is a sum of exponential ones.
    const gamma = (): number =>
      Array.from({ length: EXPERT_CONCENTRATION }, () => -Math.log(1 - rng.nextFloat())).reduce((a, b) => a + b);
    const draws = 4000;
    let touched = 0;
    for (let draw = 0; draw < draws; draw += 1) {
      const weights = Array.from({ length: MIXTURE.count }, gamma);
      const total = weights.reduce((a, b) => a + b);
      const seen = new Set<number>();
      for (let pair = 0; pair < 20; pair += 1) {
        const at = rng.nextFloat() * total;
        let [expert, end] = [0, weights[0]!];
        while (end <= at) {
          expert += 1;
          end += weights[expert]!;
        }
        seen.add(expert);
      }
      touched += seen.size / draws;
    }
    expect(expertLoad(MIXTURE, 10).touched).toBeCloseTo(touched, 1);
  });

  test("fills a tile of each expert that is touched at least", () => {
    expect(tiledRows({ pairs: 4, touched: 4 }, 128)).toBe(512);
    expect(tiledRows({ pairs: 4096, touched: 16 }, 128)).toBe(4096 + 16 * 63.5);
  });
});

test("times that kernels predict of a model with experts are less sure, and say so", () => {
  const machines = [{ name: "only", devices: [{ name: "gpu", type: "H100 SXM" }] }];
  const cluster = clusterSchema.parse({ kind: "cluster", version: 1, machines });
  const host = { memoryBytes: 1, cores: () => 1 };
  const devices = resolveDevices(cluster, CATALOG, host);
  const of = (architecture: { readonly experts?: Architecture["experts"] }) => {
    const { calibration } = assumedCalibration(CATALOG, devices, "bfloat16", architecture);
    return calibration.model === "layers" ? calibration : undefined;
  };
  const [plain, mixed] = [of({})!, of({ experts: MIXTURE })!];
  expect(mixed.meanError).toBeCloseTo(Math.hypot(plain.meanError, 0.2), 12);
  expect(mixed.source).toBe(`${plain.source}; experts as single products`);
});
