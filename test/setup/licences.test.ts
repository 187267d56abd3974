import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

// setup/ is plain JavaScript, since it runs before there is a compiler; the types it has are stated here.
const { licenceNotice } = (await import(new URL("../../setup/report-client.mjs", import.meta.url).href)) as {
  licenceNotice: (packages: readonly string[]) => string;
};

it("puts the licence of each package in front of a bundle, equal texts once", () => {
  const notice = licenceNotice(["d3-array", "d3-axis", "d3-ease"]);
  expect(notice.match(/Permission to use, copy, modify/g)).toHaveLength(1);
  expect(notice).toMatch(/code of d3-array [\d.]+, d3-axis [\d.]+:\n\nCopyright/);
  expect(notice).toMatch(/code of d3-ease [\d.]+:\n\nCopyright/);
});

it.each(["reports/client", "reports/fleet", "reports/paper", "server/client", "explorer/client"])(
  "%s.js carries d3's",
  (name) => {
    const script = readFileSync(new URL(`../../dist/${name}.js`, import.meta.url), "utf8");
    expect(script).toMatch(/^\/\*\nThis page has code of d3-array .*d3-scale [\d.]+/);
    expect(script).toContain("Mike Bostock");
  },
);

it("puts the licences of the planner's packages in front of the explorer's worker", () => {
  const script = readFileSync(new URL("../../dist/explorer/worker.js", import.meta.url), "utf8");
  const named = [...script.matchAll(/^This page has code of (.*):$/gm)].map(([, names]) => names).join(", ");
  for (const name of ["zod", "yaml", "@noble/hashes", "highs"]) expect(named).toContain(`${name} `);
});
