import { expect, it } from "vitest";
import { Shares } from "../../server/shares.ts";

function takenBy(shares: Shares, key: string): number {
  let count = 0;
  while (shares.take(key) !== undefined) count += 1;
  return count;
}

it("places are kept for each key, whoever takes the others, and there are never more", () => {
  const shares = new Shares(32, 4);
  expect(["a", "b", "c", "d"].map((key) => takenBy(shares, key))).toEqual([20, 4, 4, 4]);
});

it("one alone takes all, and what is given back is there once", () => {
  const shares = new Shares(2, 1);
  const leave = shares.take("a")!;
  expect(takenBy(shares, "a")).toBe(1);
  leave();
  leave();
  expect(takenBy(shares, "a")).toBe(1);
});

it("more keys than places have what there is", () => {
  const shares = new Shares(2, 9);
  expect(["a", "b", "c"].map((key) => takenBy(shares, key))).toEqual([2, 0, 0]);
});
