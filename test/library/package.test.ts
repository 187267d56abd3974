import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";

const root = path.join(import.meta.dirname, "../..");

/** What a file with types names: files beside it, and packages. */
function namedIn(file: string): readonly string[] {
  const text = readFileSync(file, "utf8");
  return [...text.matchAll(/\b(?:from|import) ?\(?"([^"]+)"/g)].map(([, name]) => name!);
}

/** All that the types of a file stand on. */
function reached(entry: string): { readonly files: ReadonlySet<string>; readonly packages: ReadonlySet<string> } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const visit = (file: string): void => {
    if (files.has(file)) return;
    files.add(file);
    for (const name of namedIn(file)) {
      if (!name.startsWith(".")) packages.add(name);
      else {
        expect(name, file).toMatch(/\.js$/);
        visit(path.join(path.dirname(file), name.replace(/\.js$/, ".d.ts")));
      }
    }
  };
  visit(entry);
  return { files, packages };
}

describe("the types of the package", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "loratwin-consumer-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("name scripts, packages that come with loratwin, and the pure folders alone", () => {
    const { files, packages } = reached(path.join(root, "dist/types/library/index.d.ts"));
    const folders = new Set(
      [...files].map((file) => path.relative(path.join(root, "dist/types"), file).split(path.sep)[0]),
    );
    expect([...folders].sort()).toEqual(["core", "library", "plan", "traces"]);
    const { dependencies } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as {
      readonly dependencies: Readonly<Record<string, string>>;
    };
    expect([...packages].filter((name) => dependencies[name] === undefined)).toEqual([]);
  });

  it("are checked by another program's compiler, libraries included, without Node's types", () => {
    mkdirSync(path.join(folder, "node_modules"));
    symlinkSync(root, path.join(folder, "node_modules/loratwin"));
    writeFileSync(path.join(folder, "package.json"), JSON.stringify({ type: "module", private: true }));
    const compilerOptions = {
      ...{ strict: true, noEmit: true, module: "nodenext", moduleResolution: "nodenext", target: "es2022" },
      ...{ skipLibCheck: false, types: [], exactOptionalPropertyTypes: true },
    };
    writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["use.ts"] }));
    writeFileSync(
      path.join(folder, "use.ts"),
      `import { compare, InputError, plan, type Plan, simulate, train, type WorkloadDocument } from "loratwin";
const workload: WorkloadDocument = {
  kind: "workload",
  version: 1,
  model: { path: "model" },
  jobs: [{ name: "a", steps: 3, data: { path: "a.jsonl" }, adapter: { rank: 4, alpha: 8 } }],
};
export async function run(signal: AbortSignal): Promise<number> {
  const planned: Plan = await plan(workload, { devices: ["cpu:0"], cwd: undefined });
  const folder: string = planned.jobs[0]!.name;
  const { trace, summary } = await simulate(planned);
  const result = await train(planned, { folder, signal, onStep: ({ loss }) => loss.toFixed(2) });
  const seconds: number = summary.makespanSeconds + result.makespanSeconds;
  return compare(planned, trace, result.trace).makespanError + seconds;
}
// @ts-expect-error: no such schedule
export const wrong = plan(workload, { schedule: "fastest" });
export const said = (error: unknown): string => (error instanceof InputError ? error.facts.expected : "");
`,
    );
    const compiler = createRequire(import.meta.url).resolve("typescript/bin/tsc");
    const { stdout, status } = spawnSync(process.execPath, [compiler, "-p", folder], { encoding: "utf8" });
    expect(stdout).toBe("");
    expect(status).toBe(0);
    // A quarter of a minute where the machine is not shared.
  }, 400_000);
});

describe("examples/library", () => {
  const programs = readdirSync(path.join(root, "examples/library")).filter((name) => name !== "example-model.mjs");
  const folder = mkdtempSync(path.join(tmpdir(), "loratwin-examples-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function runExample(name: string, ...args: readonly string[]): string {
    return execFileSync(process.execPath, [path.join(root, "examples/library", name), ...args], {
      cwd: folder,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, TMPDIR: folder },
    });
  }

  it("are those that are run here", () => {
    expect(programs).toEqual(["plan-and-simulate.mjs", "train.mjs", "watch-losses.mjs"]);
  });

  it("plan-and-simulate says how long the example run will take", () => {
    const text = runExample("plan-and-simulate.mjs");
    expect(text).toMatch(
      /^plan sha256:\w+: 4 jobs in 2 groups\n[\d.]+ s, \d+ tokens\/s\n90 % of runs: [\d.]+ to [\d.]+ s\n/,
    );
    expect(text.match(/^cpu:\d: busy [\d.]+ s, at most [\d.]+ MiB$/gm)).toHaveLength(2);
  });

  it("train trains two adapters and compares", () => {
    const text = runExample("train.mjs", path.join(folder, "run"));
    for (const name of ["arithmetic", "dates"]) {
      const [, first, last] = text.match(new RegExp(`^${name}: loss ([\\d.]+) to ([\\d.]+), adapter in`, "m"))!;
      expect(Number(last)).toBeLessThan(Number(first));
      expect(existsSync(path.join(folder, "run/adapters", name, "adapter_model.safetensors"))).toBe(true);
    }
    expect(text).toMatch(/^simulated against executed: -?[\d.]+ %$/m);
  });

  it("watch-losses ends its run once every job is good enough", () => {
    const text = runExample("watch-losses.mjs", "4");
    expect(text).toContain("ended early: every job is good enough");
    expect(text.match(/^[\w-]+: [0-3]\.\d+ after \d+ steps$/gm)).toHaveLength(4);
  });
});
