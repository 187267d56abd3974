import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";

interface Part {
  readonly title: string;
  readonly text: string;
}

// setup/ is plain JavaScript, since it runs before there is a compiler; the types it has are stated here.
const { nativeParts, noticesText, packageParts } = (await import(
  new URL("../../setup/write-notices.mjs", import.meta.url).href
)) as {
  nativeParts: (folder: string) => readonly Part[];
  noticesText: () => string;
  packageParts: (lock: object, folderOf: (path: string) => string) => readonly Part[];
};

const root = path.join(import.meta.dirname, "../..");
const committed = readFileSync(path.join(root, "THIRD_PARTY_NOTICES.md"), "utf8");
const folder = mkdtempSync(path.join(tmpdir(), "loratwin-notices-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A package on the disk, and a lock file that has it alone. */
function packageOf(name: string, files: Readonly<Record<string, string>>, license?: string): readonly Part[] {
  const at = path.join(folder, "node_modules", name);
  mkdirSync(at, { recursive: true });
  writeFileSync(path.join(at, "package.json"), "{}");
  for (const [file, text] of Object.entries(files)) writeFileSync(path.join(at, file), text);
  const lock = { packages: { "": {}, [`node_modules/${name}`]: { version: "1.2.3", license } } };
  return packageParts(lock, (each) => path.join(folder, each));
}

describe("THIRD_PARTY_NOTICES.md", () => {
  it("is what the script writes", () => {
    expect(committed).toBe(noticesText());
  });

  it("names every package that the package depends on", () => {
    const { dependencies } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as {
      readonly dependencies: Readonly<Record<string, string>>;
    };
    for (const [name, version] of Object.entries(dependencies)) expect(committed).toContain(`- ${name} ${version} (`);
  });

  it("names every package that a page has code of", () => {
    const scripts = ["reports", "server", "explorer"].flatMap((name) =>
      readdirSync(path.join(root, "dist", name))
        .filter((file) => file.endsWith(".js"))
        .map((file) => readFileSync(path.join(root, "dist", name, file), "utf8")),
    );
    const named = scripts.flatMap((text) => [...text.matchAll(/^This page has code of (.*):$/gm)]);
    const parts = new Set(named.flatMap(([, list]) => list!.split(", ")));
    expect(parts.size).toBeGreaterThan(10);
    expect([...parts].filter((part) => !committed.includes(`- ${part} (`))).toEqual([]);
  });
});

describe("a package's notice", () => {
  it("has its licence and its notice, with equal ends of lines", () => {
    const parts = packageOf("good", { LICENSE: "MIT  \r\nas is\r\n", NOTICE: "by me\n", "README.md": "x" }, "MIT");
    expect(parts).toEqual([{ title: "good 1.2.3 (MIT)", text: "MIT\nas is\n\nby me" }]);
  });

  it.each([
    ["a licence that is not taken", { LICENSE: "copyleft" }, "GPL-3.0", /has the licence GPL-3.0/],
    ["no licence", { LICENSE: "text" }, undefined, /has the licence \(none\)/],
    ["no text", { NOTICE: "by me" }, "MIT", /without the text of its licence/],
  ])("is refused for %s", (why, files, license, message) => {
    expect(() => packageOf(why.replaceAll(" ", "-"), files, license)).toThrow(message);
  });
});

describe("a native part's notice", () => {
  it("has its first line as its title", () => {
    const native = path.join(folder, "native");
    mkdirSync(native);
    writeFileSync(path.join(native, "one.txt"), "one DNN 3.7 (Apache-2.0)\n\nthe text\n");
    expect(nativeParts(native)).toEqual([{ title: "one DNN 3.7 (Apache-2.0)", text: "the text" }]);
    writeFileSync(path.join(native, "two.txt"), "two 1.0 (LGPL-2.1)\n\nthe text\n");
    expect(() => nativeParts(native)).toThrow(/two.txt has the licence LGPL-2.1/);
    writeFileSync(path.join(native, "two.txt"), "two\n");
    expect(() => nativeParts(native)).toThrow(/has to begin with a line/);
  });
});

describe("installed packages", () => {
  it("have the bundler's binary on every Node 20", () => {
    // npm leaves an optional package out that asks for a newer Node. This one works without: its line is to be removed.
    const { packages } = JSON.parse(readFileSync(path.join(root, "package-lock.json"), "utf8")) as {
      readonly packages: Readonly<Record<string, { readonly engines?: object }>>;
    };
    const binaries = Object.keys(packages).filter((name) => name.startsWith("node_modules/@rolldown/binding-linux"));
    expect(binaries.length).toBeGreaterThan(1);
    expect(binaries.filter((name) => packages[name]?.engines !== undefined)).toEqual([]);
  });

  it("run nothing: none has a script for it, and scripts are switched off", () => {
    const { packages } = JSON.parse(readFileSync(path.join(root, "package-lock.json"), "utf8")) as {
      readonly packages: Readonly<Record<string, { readonly hasInstallScript?: boolean }>>;
    };
    const scripted = Object.entries(packages).filter(([, { hasInstallScript }]) => hasInstallScript === true);
    expect(scripted.map(([name]) => name)).toEqual([]);
    expect(readFileSync(path.join(root, ".npmrc"), "utf8")).toMatch(/^ignore-scripts=true$/m);
    expect(readFileSync(path.join(root, "setup/node-modules.mjs"), "utf8")).toContain('"--ignore-scripts"');
  });
});
