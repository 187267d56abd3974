import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  attentionSeconds,
  CATALOG,
  type CatalogDevice,
  collectiveSeconds,
  gpuKernels,
  productSeconds,
} from "../../plan/index.ts";

const H100 = gpuKernels(CATALOG, "H100 SXM")!;
const PEAKS = { flopsPerSecond: 989e12, bytesPerSecond: 3.35e12 };
const product = (...shape: readonly [number, number, number]): number => productSeconds(H100.products, PEAKS, shape);
const attention = (...lengths: readonly number[]): number =>
  attentionSeconds(H100.attention, H100.products.multiprocessors, PEAKS, { heads: 32, headDim: 128, lengths });

const size = fc.integer({ min: 1, max: 20_000 });

describe("products", () => {
  it("are those of one tile, by hand, where that is the best", () => {
    // 8192 x 8192 of 4096 inputs in tiles of 128 x 128: 4096 tiles on 132 multiprocessors, 31.03 waves.
    const waves = (64 * 64) / 132;
    const rounds = waves + 0.35 * (Math.ceil(waves) - waves);
    const compute = (rounds * 132 * 2 * 128 * 128 * (4096 + 90)) / (0.781 * 1.04 * 989e12);
    const memory = (2 * (8192 * 8192 + 2 * 8192 * 4096)) / (0.824 * 3.35e12);
    const power = 1 - 0.128 / (1 + Math.exp(41 - Math.log2(2 * 8192 * 8192 * 4096)));
    expect(product(8192, 8192, 4096)).toBeCloseTo((compute ** 4 + memory ** 4) ** 0.25 / power + 3.16e-6, 9);
  });

  it("take no less time for more rows, outputs or inputs", () => {
    fc.assert(
      fc.property(size, size, size, fc.integer({ min: 1, max: 500 }), (m, n, k, more) => {
        const seconds = product(m, n, k);
        expect(product(m + more, n, k)).toBeGreaterThanOrEqual(seconds * (1 - 1e-12));
        expect(product(m, n + more, k)).toBeGreaterThanOrEqual(seconds * (1 - 1e-12));
        expect(product(m, n, k + more)).toBeGreaterThanOrEqual(seconds * (1 - 1e-12));
      }),
    );
  });

  it("of few rows wait for memory", () => {
    expect(product(16, 8192, 8192)).toBeGreaterThan((2 * 8192 * 8192) / 3.35e12);
    expect(product(16, 8192, 8192)).toBeLessThan((1.5 * 2 * 8192 * 8192) / 3.35e12);
  });
});

describe("attention", () => {
  it("of a long row is near its share of the peak, and packed rows attend to themselves alone", () => {
    expect(attention(16_384)).toBeCloseTo((2 * 32 * 128 * 16_384 * (16_384 + 1130)) / (0.677 * 989e12), 4);
    expect(attention(4096, 4096)).toBeLessThan(0.6 * attention(8192));
    expect(attention()).toBe(0);
  });

  it("takes no less time for a longer row", () => {
    fc.assert(
      fc.property(size, (tokens) => {
        expect(attention(tokens + 1)).toBeGreaterThanOrEqual(attention(tokens) * (1 - 1e-12));
      }),
    );
  });
});

describe("collectives", () => {
  const figures = CATALOG.devices["H100 SXM"]!.kernels!.collectives!;
  it("of eight H100 take about what was measured: 16 us for 1 KB, 0.2 ms for 32 MB", () => {
    expect(collectiveSeconds(figures, "all-reduce", 8, 1024)).toBeCloseTo(15.6e-6, 5);
    expect(collectiveSeconds(figures, "all-reduce", 8, 2 ** 25)).toBeCloseTo(0.2e-3, 4);
    expect(collectiveSeconds(figures, "all-gather", 1, 2 ** 25)).toBe(0);
  });
});

describe("a GPU's kernels", () => {
  it("are its own, its generation's by board power, or between all that were timed by its generation's speed", () => {
    expect(H100.source).toBe("measured");
    const related = gpuKernels(CATALOG, "A100 PCIe 80")!;
    expect(related).toMatchObject({ source: "generation", of: "A100 SXM 80" });
    const own = gpuKernels(CATALOG, "A100 SXM 80")!;
    expect(related.products.computeShare / own.products.computeShare).toBeCloseTo(Math.sqrt(300 / 400), 9);
    const shares = ["A100 SXM 80", "L40S", "B200 SXM"].map((name) => gpuKernels(CATALOG, name)!.products.computeShare);
    const unknown = gpuKernels(CATALOG, "A10")!;
    expect(unknown.source).toBe("mean");
    expect(unknown.products.computeShare).toBeGreaterThan(Math.min(...shares));
    expect(unknown.products.computeShare).toBeLessThan(Math.max(...shares));
    const speed = gpuKernels(CATALOG, "MI300X")!.products.computeShare / unknown.products.computeShare;
    expect(speed).toBeCloseTo(CATALOG.generations!["CDNA 3"]!.speed!.value, 9);
  });

  it("are unknown to a catalog without times, and come no nearer to a peak by more power than any that was timed", () => {
    const { kernels: _, ...device } = CATALOG.devices["H100 SXM"]!;
    const bare = { ...CATALOG, devices: { "H100 SXM": device satisfies CatalogDevice } };
    expect(gpuKernels(bare, "H100 SXM")).toBeUndefined();
    const best = gpuKernels(CATALOG, "H100 SXM")!.products.computeShare;
    expect(gpuKernels(CATALOG, "L4")!.products.computeShare).toBeCloseTo(best, 9);
  });
});
