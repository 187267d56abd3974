import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import { quantile } from "../../core/index.ts";
import { DigestSet } from "../../workbench/data/digest-set.ts";
import { LengthCounts } from "../../workbench/data/length-counts.ts";

it("knows which digests it was given before, however many there are", () => {
  const digests = Array.from({ length: 5000 }, (_, index) => createHash("sha256").update(`${index}`).digest("hex"));
  const set = new DigestSet();
  expect(digests.filter((digest) => set.add(digest))).toEqual([]);
  expect(digests.filter((digest) => set.add(digest))).toEqual(digests);
});

it("tells digests apart that begin alike, and knows one of zeros", () => {
  const set = new DigestSet();
  const alike = ["0".repeat(64), `${"0".repeat(31)}2${"0".repeat(32)}`, `${"0".repeat(8)}1${"0".repeat(55)}`];
  expect(alike.map((digest) => set.add(digest))).toEqual([false, false, false]);
  expect(alike.map((digest) => set.add(digest))).toEqual([true, true, true]);
});

it("has the quantiles that the lengths have as a list", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20)), fc.double({ min: 0, max: 1, noNaN: true }), (lengths, share) => {
      const counts = new LengthCounts();
      for (const length of lengths) counts.add(length);
      expect(counts.quantiles([share])[0]).toBeCloseTo(quantile(lengths, share), 9);
    }),
  );
});

it("draws the lengths of most rows, to the cutoff, and counts those that are far longer", () => {
  const counts = new LengthCounts();
  for (let length = 1; length <= 100; length += 1) counts.add(length);
  counts.add(1e6);
  const all = counts.histogram();
  expect([all.width, all.counts[0], all.counts.length <= 40, all.numLonger]).toEqual([10, 9, true, 1]);
  expect(all.counts.reduce((sum, count) => sum + count)).toBe(100);
  expect(counts.histogram(2000).width).toBe(100);
  expect(new LengthCounts().histogram()).toEqual({ width: 1, counts: [], numLonger: 0 });
});
