import { expect, test } from "vitest";
import { createRng } from "../../../core/index.ts";
import { CacheRows } from "../../../exec/generation/cache-rows.ts";

test("ranges never overlap, and all rows come back", () => {
  const rng = createRng("cache rows");
  const cache = new CacheRows(3, 500);
  const taken = new Map<number, number>();
  for (let i = 0; i < 2000; i += 1) {
    const [first] = taken.keys();
    if (first !== undefined && rng.nextFloat() < 0.5) {
      cache.giveBack(first, taken.get(first)!);
      taken.delete(first);
      continue;
    }
    const count = 1 + rng.nextInt(60);
    const at = cache.take(count);
    if (at === undefined) continue;
    expect(at).toBeGreaterThanOrEqual(3);
    expect(at + count).toBeLessThanOrEqual(503);
    for (const [other, length] of taken) expect(at + count <= other || other + length <= at).toBe(true);
    taken.set(at, count);
  }
  for (const [first, count] of taken) cache.giveBack(first, count);
  expect(cache.take(501)).toBeUndefined();
  expect(cache.take(500)).toBe(3);
});
