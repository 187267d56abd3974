import { createContext, Script } from "node:vm";
import { expect, test } from "vitest";
import { packageFile } from "../../files/index.ts";
import { someOf } from "../level.ts";
import { smallStudy } from "./small-study.ts";

// setup/ is plain JavaScript, since it runs before there is a compiler; the types it has are stated here.
const { bundleForPage } = (await import(packageFile("setup", "bundler.mjs"))) as {
  readonly bundleForPage: (input: string, options: { readonly name: string }) => Promise<{ readonly code: string }>;
};

/** A file as one script for a browser; a file that imports a module of Node is refused. */
const bundled = async (file: string): Promise<string> => (await bundleForPage(file, { name: "bundle" })).code;

/** In a context that has the language and what of a browser is used: no process, no require, no Buffer. */
function inPage(script: string, expression: string): unknown {
  return new Script(`${script}; ${expression}`).runInContext(createContext({ TextEncoder }));
}

test.each(
  someOf(["core", "plan", "traces", "calibration", "sim", "studies", "capacity", "explorer"], { quick: 2, all: 8 }),
)("%s loads without Node", async (folder) => {
  const script = await bundled(`${folder}/index.ts`);
  expect(inPage(script, "typeof process")).toBe("undefined");
  expect(inPage(script, "Object.keys(bundle).length")).toBeGreaterThan(0);
});

test("a page plans, simulates and compares as Node does, from our catalog", { tags: ["slow"] }, async () => {
  const script = await bundled("test/studies/small-study.ts");
  expect(inPage(script, "bundle.smallStudy()")).toBe(smallStudy());
});
