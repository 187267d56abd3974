import { expect, test } from "vitest";
import {
  canonicalJson,
  contentHash,
  createRng,
  formatBytes,
  formatFacts,
  formatSeconds,
  InputError,
  InvariantError,
  maximum,
  mean,
  median,
  nanos,
  quantile,
  quantileOfNext,
  secondsToNanos,
  signedPercent,
  weightedMedian,
} from "../../core/index.ts";

test("nanoseconds are whole, not negative and rounded once", () => {
  expect(secondsToNanos(1.5e-9)).toBe(2);
  for (const value of [-1, 0.5, Number.NaN, 2 ** 53]) expect(() => nanos(value)).toThrow(InputError);
});

test("bytes and seconds have the unit that a person would choose", () => {
  expect([512, 1536, 3 * 2 ** 30].map(formatBytes)).toEqual(["512 B", "1.50 KiB", "3.00 GiB"]);
  expect([106 * 3600, 3900, 61, 1.25, 0.0134, 2e-6].map(formatSeconds)).toEqual([
    "4 d 10 h",
    "1 h 05 min",
    "1 min 01 s",
    "1.25 s",
    "13.40 ms",
    "2.0 us",
  ]);
  expect([0.999999, 0.99999, 9.999999e-4].map(formatSeconds)).toEqual(["1.00 s", "999.99 ms", "1.00 ms"]);
});

test("percents with a sign have none for what rounds to nothing below it", () => {
  expect([0.123, -0.013, -0.0004, 0].map(signedPercent)).toEqual(["+12.3 %", "-1.3 %", "+0.0 %", "+0.0 %"]);
});

test("equal data has equal canonical JSON whatever the order of its keys, and lists keep theirs", () => {
  expect(canonicalJson({ b: [2, 1], a: { d: undefined, c: "\u00e9" } })).toBe('{"a":{"c":"\u00e9"},"b":[2,1]}');
  expect(contentHash({ a: 1, b: 2 })).toBe(contentHash({ b: 2, a: 1 }));
  expect(contentHash({ a: 1 })).not.toBe(contentHash({ a: 2 }));
  expect(contentHash({})).toBe("sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, () => 1])
    expect(() => canonicalJson({ value })).toThrow(InvariantError);
});

test("equal seeds give equal numbers, other seeds others, within their range and about uniform", () => {
  const draw = (seed: number | string): readonly number[] => {
    const rng = createRng(seed);
    return Array.from({ length: 4000 }, () => rng.nextFloat());
  };
  expect(draw(1)).toEqual(draw(1));
  expect(draw("a")).not.toEqual(draw("b"));
  expect(draw(2).every((value) => value >= 0 && value < 1)).toBe(true);
  expect(Math.abs(mean(draw(2)) - 0.5)).toBeLessThan(0.02);
  const rng = createRng(3);
  const counts = [0, 0, 0];
  for (let i = 0; i < 3000; i += 1) counts[rng.nextInt(3)]! += 1;
  expect(counts.every((count) => Math.abs(count - 1000) < 120)).toBe(true);
  const normal = Array.from({ length: 4000 }, () => rng.nextNormal());
  expect(Math.abs(mean(normal))).toBeLessThan(0.06);
  expect(Math.abs(mean(normal.map((value) => value * value)) - 1)).toBeLessThan(0.1);
});

test("statistics interpolate between order statistics and are 0 for nothing", () => {
  expect([median([3, 1, 2]), median([4, 1, 2, 3]), quantile([0, 10], 0.9), mean([]), median([])]).toEqual([
    2, 2.5, 9, 0, 0,
  ]);
  expect(maximum([])).toBe(Number.NEGATIVE_INFINITY);
});

test.each([20, 100])("of %d draws, one more lies in their middle 90 percent as often as that says", (number) => {
  const rng = createRng(`next of ${number}`);
  const inside = Array.from({ length: 20_000 }, () => {
    const draws = Array.from({ length: number }, () => rng.nextFloat());
    const next = rng.nextFloat();
    return next >= quantileOfNext(draws, 0.05) && next <= quantileOfNext(draws, 0.95);
  });
  expect(Math.abs(mean(inside.map(Number)) - 0.9)).toBeLessThan(0.01);
});

test("a weighted median has half of the weight at or below it, whatever the order", () => {
  expect(weightedMedian([5, 1, 9], [1, 1, 1])).toBe(5);
  expect(weightedMedian([5, 1, 9], [1, 1, 3])).toBe(9);
  expect(weightedMedian([1, 2], [1, 1])).toBe(1);
  expect(weightedMedian([], [])).toBe(0);
});

test("an error says where, what was expected, what was there, then detail and hint", () => {
  const text = formatFacts({
    expected: "a whole number",
    at: "jobs[0].adapter.rank",
    got: "x",
    file: "w.yaml",
    line: 3,
    column: 7,
    detail: "table",
    hint: "Write 8.",
  });
  expect(text).toBe('w.yaml:3:7: Expected a whole number at jobs[0].adapter.rank, got "x".\n\ntable\nHint: Write 8.');
  expect(formatFacts({ expected: "a", got: "y".repeat(200) }).length).toBeLessThan(150);
});
