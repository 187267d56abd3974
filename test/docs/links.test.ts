import path from "node:path";
import { expect, it } from "vitest";

// setup/ is plain JavaScript, since it runs before there is a compiler; the types it has are stated here.
const { anchorsOf, checkFiles, faultOf, linksOf, longLines } = (await import(
  new URL("../../setup/check-links.mjs", import.meta.url).href
)) as {
  anchorsOf: (text: string) => readonly string[];
  checkFiles: () => { readonly links: readonly unknown[]; readonly faults: readonly string[] };
  faultOf: (file: string, target: string) => string | undefined;
  linksOf: (text: string) => readonly { readonly target: string; readonly line: number }[];
  longLines: () => readonly string[];
};

const readme = path.join(import.meta.dirname, "../../README.md");

it("the documentation has no link between files that leads nowhere", () => {
  const { links, faults } = checkFiles();
  expect(faults).toEqual([]);
  expect(links.length).toBeGreaterThan(100);
});

it("the documentation's prose is wrapped at 120 characters", () => {
  expect(longLines()).toEqual([]);
});

it("links are found in prose alone, with their lines, also where one goes over the end of a line", () => {
  const text = 'see [a](a.md)\n```sh\n[b](b.md)\n```\n`[c](c.md)` and [two\nlines](d.md#e "title") <https://f.g>\n';
  expect(linksOf(text)).toEqual([
    { target: "a.md", line: 1 },
    { target: "d.md#e", line: 6 },
    { target: "https://f.g", line: 6 },
  ]);
});

it("headings have the names that GitHub gives them", () => {
  const text = "# What `serve` does, and why\n## A [link](x.md) - twice\n## A link - twice\n```\n# no heading\n```\n";
  expect(anchorsOf(text)).toEqual(["what-serve-does-and-why", "a-link---twice", "a-link---twice-1"]);
});

it.each([
  ["docs/nowhere.md", "no such file"],
  ["docs/how-to/capacity.md#nowhere", "no heading #nowhere"],
  ["../elsewhere.md", "outside of the project"],
  ["docs/how-to/capacity.md#what-one-run-costs", undefined],
  ["#limits", undefined],
  ["docs/", undefined],
])("of %s in the README is said: %s", (target, fault) => {
  expect(faultOf(readme, target)).toBe(fault);
});
