import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cruise, type IConfiguration, type ICruiseResult } from "dependency-cruiser";
import { describe, expect, it } from "vitest";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const config = createRequire(import.meta.url)("../.dependency-cruiser.cjs") as IConfiguration;

/** The folders of the table of arrows, which makes one rule for each. */
const folders = (config.forbidden ?? [])
  .map((rule) => rule.name ?? "")
  .filter((name) => name.startsWith("arrows-of-"))
  .map((name) => name.slice("arrows-of-".length));
const maximumLines = 400;
const maximumReadmeLines = 20;

/** The names of the rules that a tree of these files (path -> text) breaks. */
async function brokenRules(files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), "loratwin-arrows-"));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(folder, dirname(path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    const { tsConfig: _, ...options } = config.options ?? {};
    const tops = [...new Set(Object.keys(files).map((path) => path.split("/")[0] ?? path))];
    const { output } = await cruise(tops, {
      ...options,
      baseDir: folder,
      validate: true,
      ruleSet: { forbidden: config.forbidden ?? [] },
    });
    return (output as ICruiseResult).summary.violations.map((violation) => violation.rule.name);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The project's files as git knows them: tracked, or new and not ignored. */
function projectFiles(): readonly string[] {
  const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
  });
  return listed.split("\n").filter((path) => path !== "" && existsSync(join(root, path)));
}

/** Folders that have to give the same wherever and whenever they run. */
const PURE = ["core", "plan", "traces", "calibration", "sim", "studies", "capacity"];

function countLines(path: string): number {
  return readFileSync(join(root, path), "utf8").trimEnd().split("\n").length;
}

/** By folder, what the check lets it import, in the order of the alphabet. */
function checkedImports(): Readonly<Record<string, readonly string[]>> {
  const texts = (config.forbidden ?? []).flatMap(({ name = "", comment = "" }) => {
    const [, imports] = /may import only: (.*) \(see/.exec(comment) ?? [];
    return name.startsWith("arrows-of-") && imports !== undefined ? [[name.slice("arrows-of-".length), imports]] : [];
  });
  return Object.fromEntries(texts.map(([folder, imports]) => [folder, listed(imports!)]));
}

function listed(text: string): readonly string[] {
  return text === "nothing" ? [] : text.split(", ").sort();
}

describe("the arrows between folders", () => {
  const core = { "core/index.ts": 'export { one } from "./one.ts";', "core/one.ts": "export const one = 1;" };

  it("are those of the table in CONTRIBUTING", () => {
    const told: Record<string, readonly string[]> = {};
    for (const [, folder, text] of readFileSync(join(root, "CONTRIBUTING.md"), "utf8").matchAll(
      /^\| `(\w+)\/` \|.*\| ([^|]+) \|$/gm,
    )) {
      const [, but] = /^all above but (.*)$/.exec(text!) ?? [];
      const above = Object.keys(told).filter((each) => but?.split(", ").includes(each) === false);
      told[folder!] = but === undefined ? listed(text!) : above.sort();
    }
    expect(told).toEqual(checkedImports());
  });

  it("allow an arrow of the table through the index", async () => {
    const plan = 'import { one } from "../core/index.ts";\nexport const two = one + 1;';
    expect(await brokenRules({ ...core, "plan/two.ts": plan })).toEqual([]);
  });

  it.each([
    [
      "sim importing exec",
      "arrows-of-sim",
      { "sim/a.ts": 'import "../exec/index.ts";', "exec/index.ts": "export {};" },
    ],
    [
      "exec importing sim",
      "arrows-of-exec",
      { "exec/a.ts": 'import "../sim/index.ts";', "sim/index.ts": "export {};" },
    ],
    [
      "cli importing native",
      "arrows-of-cli",
      { "cli/a.ts": 'import "../native/index.ts";', "native/index.ts": "export {};" },
    ],
    [
      "core importing a type of plan",
      "arrows-of-core",
      {
        "core/a.ts": 'import type { P } from "../plan/index.ts";\nexport type Q = P;',
        "plan/index.ts": "export type P = 1;",
      },
    ],
    [
      "memory importing the scheduler",
      "layers-of-plan-memory",
      { "plan/memory/a.ts": 'import "../scheduler/b.ts";', "plan/scheduler/b.ts": "export {};" },
    ],
    ["an import past the index", "through-the-index", { ...core, "plan/a.ts": 'import "../core/one.ts";' }],
    [
      "an import of one's own index",
      "no-way-back-through-the-index",
      { "core/a.ts": 'import "./index.ts";', "core/index.ts": "export {};" },
    ],
    [
      "two files that import each other",
      "no-cycles",
      { "plan/a.ts": 'import "./b.ts";', "plan/b.ts": 'import "./a.ts";' },
    ],
    [
      "a Node module in plan",
      "pure-core",
      { "plan/a.ts": 'import { readFileSync } from "node:fs";\nreadFileSync("x");' },
    ],
    ["a Node module in the browser code", "pure-core", { "reports/client/a.ts": 'import "node:os";' }],
    ["yargs outside cli", "home-of-yargs", { "plan/a.ts": 'import "yargs";' }],
    ["d3 outside reports", "home-of-d3", { "traces/a.ts": 'import "d3";' }],
    ["a tokenizer outside datasets", "home-of-huggingface", { "exec/a.ts": 'import "@huggingface/tokenizers";' }],
    ["a file that does not exist", "everything-resolves", { "sim/a.ts": 'import "./b.ts";' }],
    [
      "examples importing bench",
      "nobody-imports-bench",
      { "examples/a.mjs": 'import "../bench/b.ts";', "bench/b.ts": "export const b = 1;" },
    ],
    ["setup importing the product", "setup-stands-alone", { ...core, "setup/a.mjs": 'import "../core/index.ts";' }],
  ])("forbid %s", async (_, rule, files) => {
    expect(await brokenRules(files)).toContain(rule);
  });

  it("let tests import the inside of a folder", async () => {
    expect(await brokenRules({ ...core, "test/core/one.test.ts": 'import "../../core/one.ts";' })).toEqual([]);
  });
});

describe("the tree", () => {
  it(`has no TypeScript file above ${maximumLines} lines`, () => {
    const sources = projectFiles().filter((path) => path.endsWith(".ts"));
    expect(sources.filter((path) => countLines(path) > maximumLines)).toEqual([]);
  });

  it.each([...folders, "bench", "gpu", "peers", "setup", "test"])(
    `explains the folder %s in a README of at most ${maximumReadmeLines} lines`,
    (folder) => {
      expect(readdirSync(join(root, folder))).toContain("README.md");
      expect(countLines(join(folder, "README.md"))).toBeLessThanOrEqual(maximumReadmeLines);
    },
  );

  it("asks for no time and no chance where the same has to come out again", () => {
    const asks = /\bnew Date\b|\bDate\.now\b|\bMath\.random\b|\bperformance\.now\b/;
    const sources = projectFiles().filter((path) => PURE.includes(path.split("/")[0]!) && path.endsWith(".ts"));
    expect(sources.filter((path) => asks.test(readFileSync(join(root, path), "utf8")))).toEqual([]);
  });

  it("names no path of a developer's machine and no registry", () => {
    // Put together here, so that this file does not hold what it forbids.
    const paths = ["work", "home/[a-z][\\w-]*", "Users/\\w+"].map((name) => `(?<![\\w.$}~-])/${name}/`);
    const hosts = [
      ["registry", "npmjs", "org"],
      ["deb", "debian", "org"],
      ["archive", "ubuntu", "com"],
    ].map((name) => name.join("\\."));
    const forbidden = new RegExp([...paths, ...hosts].join("|"));
    expect(projectFiles().filter((path) => forbidden.test(readFileSync(join(root, path), "utf8")))).toEqual([]);
  });
});
