import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { shortNames } from "../../reports/client/short-names.ts";

describe("names where there is little room", () => {
  it("are whole where they fit, and lose their middle where they do not", () => {
    expect(shortNames(["dates", "nightly-regression-of-everything"], 12)).toEqual(["dates", "nig…erything"]);
    expect(shortNames([], 5)).toEqual([]);
  });

  it("keep what tells points of a sweep apart, from the begin of a part on", () => {
    const points = ["lr0.0001", "lr0.0002", "lr0.001"].map((lr) => `instruction-following-${lr}-rank8-seed1`);
    expect(shortNames(points, 16)).toEqual(["…lr0.0001-rank8…", "…lr0.0002-rank8…", "…lr0.001-rank8-…"]);
  });

  it("are told apart by their numbers where they differ in too many places", () => {
    const names = [0, 1].flatMap((first) => [0, 1].map((last) => `a-long-name-${first}-of-a-sweep-with-more-${last}`));
    const short = shortNames([...names, "b"], 9);
    expect(new Set(short).size).toBe(5);
    for (const name of short) expect([...name].length).toBeLessThanOrEqual(9);
  });

  it("never are alike, nor longer than there is room, nor end within a character", () => {
    const letter = fc.constantFrom("a", "b", "-", ".", "🚀");
    const name = fc.array(letter, { minLength: 1, maxLength: 40 }).map((letters) => letters.join(""));
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 60 }), fc.integer({ min: 7, max: 20 }), (names, most) => {
        const short = shortNames(names, most);
        expect(new Set(short).size).toBe(names.length);
        for (const each of short) {
          expect([...each].length).toBeLessThanOrEqual(most);
          expect(each).not.toMatch(/\p{Cs}/u);
        }
      }),
    );
  });
});
