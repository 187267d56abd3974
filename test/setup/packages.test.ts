import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "vitest";

const root = path.join(import.meta.dirname, "../..");
const scratch = mkdtempSync(path.join(tmpdir(), "loratwin-packages-"));
afterAll(() => rmSync(scratch, { recursive: true }));

describe("what npm packs", () => {
  const [packed] = JSON.parse(
    execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd: root, encoding: "utf8" }),
  ) as [{ readonly files: readonly { readonly path: string }[] }];
  const files = new Set(packed.files.map((file) => file.path));
  const below = (folder: string): readonly string[] => [...files].filter((file) => file.startsWith(`${folder}/`));

  it("is what is run, what the addon is built from, examples and notices", () => {
    const tops = new Set([...files].map((file) => file.split("/")[0]));
    expect([...tops].sort()).toEqual(
      [
        "CHANGELOG.md",
        "LICENSE",
        "README.md",
        "THIRD_PARTY_NOTICES.md",
        "calibration",
        "dist",
        "examples",
        "native",
        "package.json",
      ].sort(),
    );
    expect(below("calibration")).toEqual(["calibration/kernel_times.cu", "calibration/kernel_times.py"]);
    expect([...files].filter((file) => /\.map$|\.test\.|^dist\/(bench|gpu|peers|test)\//.test(file))).toEqual([]);
    expect([...below("native")].filter((file) => /^native\/(build|test|bench|emulation)\//.test(file))).toEqual([]);
  });

  it("has each source of the addon that CMake names", () => {
    const cmake = [...files].filter((file) => /CMakeLists\.txt$|\.cmake$/.test(file));
    expect(cmake.length).toBeGreaterThan(4);
    const named = cmake.flatMap((file) =>
      [
        ...readFileSync(path.join(root, file), "utf8").matchAll(
          /(?<=[\s(])(?:src\/[\w/.-]+|addon)\.(?:cc|cu|cmake)\b/g,
        ),
      ].map(([name]) => `native/${name}`),
    );
    expect(named.length).toBeGreaterThan(60);
    expect(named.filter((file) => !files.has(file))).toEqual([]);
  });
});

describe("the product's programs", () => {
  it("have the packages that they need in them, but for those that are named", async () => {
    const product = path.join(scratch, "product");
    const { PACKAGES_APART, bundleProduct } = (await import(
      new URL("../../setup/typescript-build.mjs", import.meta.url).href
    )) as {
      readonly PACKAGES_APART: readonly string[];
      readonly bundleProduct: (folder: string) => Promise<void>;
    };
    await bundleProduct(path.join(product, "dist"));
    for (const name of ["package.json", "examples"])
      cpSync(path.join(root, name), path.join(product, name), { recursive: true });
    const packages = path.join(product, "node_modules");
    for (const name of PACKAGES_APART)
      cpSync(path.join(root, "node_modules", name), path.join(packages, name), { recursive: true });
    const main = path.join(product, "dist/cli/main.js");
    const told = (...words: readonly string[]) =>
      spawnSync(process.execPath, [main, ...words], { cwd: product, encoding: "utf8" });
    // Every command is loaded for it.
    const help = told("--help");
    expect(help.stderr).toBe("");
    expect(help.stdout).toBe(
      spawnSync(process.execPath, [path.join(root, "dist/cli/main.js"), "--help"], { encoding: "utf8" }).stdout,
    );
    const plan = told("plan", "examples/unit-workload.yaml", "--devices", "unit*4", "--json", "--quiet");
    expect(plan.stderr).toBe("");
    expect(JSON.parse(plan.stdout)).toHaveProperty("devices");
    const library = pathToFileURL(path.join(product, "dist/library/index.js")).href;
    const names = `process.stdout.write(Object.keys(await import(${JSON.stringify(library)})).join())`;
    expect(execFileSync(process.execPath, ["--input-type=module", "-e", names], { encoding: "utf8" })).toContain(
      "simulate",
    );
  });
});

const hasPython = spawnSync("python3", ["--version"]).status === 0;

describe.skipIf(!hasPython)("a wheel", () => {
  it("has the records that pip compares, a command, and its licences", () => {
    const product = path.join(scratch, "loratwin", "product");
    mkdirSync(product, { recursive: true });
    for (const name of ["README.md", "LICENSE", "THIRD_PARTY_NOTICES.md"])
      writeFileSync(path.join(product, name), name);
    writeFileSync(path.join(product, "run"), "#!/bin/sh\n", { mode: 0o755 });
    const facts = JSON.stringify({ version: "1.2.3", description: "A tool", license: "MIT", tag: "py3-none-any" });
    const script = path.join(root, "setup/packages/write_wheel.py");
    const wheel = execFileSync("python3", [script, scratch, scratch, facts], { encoding: "utf8" }).trim();
    expect(path.basename(wheel)).toBe("loratwin-1.2.3-py3-none-any.whl");
    const check = `
import base64, hashlib, sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
names = archive.namelist()
for line in archive.read("loratwin-1.2.3.dist-info/RECORD").decode().splitlines():
    name, digest, size = line.rsplit(",", 2)
    names.remove(name)
    if digest:
        data = archive.read(name)
        found = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        assert digest == "sha256=" + found and int(size) == len(data), name
assert names == [], names
assert archive.getinfo("loratwin/product/run").external_attr >> 16 & 0o111
print(archive.read("loratwin-1.2.3.dist-info/entry_points.txt").decode())
`;
    expect(execFileSync("python3", ["-c", check, wheel], { encoding: "utf8" })).toContain(
      "loratwin = loratwin.__main__:main",
    );
  });
});
