import { createContext, Script } from "node:vm";
import { build } from "esbuild";
import { expect, test } from "vitest";
import { packageFile } from "../../workbench/package-file.ts";
import { someOf } from "../level.ts";
import { smallStudy } from "./small-study.ts";

/** A file as one script for a browser; esbuild refuses one that imports a module of Node. */
async function bundled(file: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [packageFile(file)],
    bundle: true,
    platform: "browser",
    format: "iife",
    globalName: "bundle",
    target: "es2022",
    write: false,
    logLevel: "silent",
  });
  return outputFiles[0]!.text;
}

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
