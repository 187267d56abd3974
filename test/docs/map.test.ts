import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { packageFile } from "../../files/index.ts";

const ROWS = [
  ...readFileSync(packageFile("docs/internals/map.md"), "utf8").matchAll(/^\| .+ \| `(.+)` \| `(\w+)` \|$/gm),
].map(([, home, name]) => [home!, name!] as const);

const FOLDERS = [
  ...["core", "plan", "datasets", "native", "traces", "calibration", "sim", "exec", "reports", "studies"],
  ...["capacity", "files", "workbench", "runs", "inference", "server", "explorer", "library", "cli"],
];

/** All files of a folder but those of builds, which come and go while another test configures one. */
function filesOf(folder: string): readonly string[] {
  return readdirSync(packageFile(folder), { withFileTypes: true }).flatMap((entry) => {
    if (!entry.isDirectory()) return [`${folder}/${entry.name}`];
    return entry.name === "build" ? [] : filesOf(`${folder}/${entry.name}`);
  });
}

const SOURCES = FOLDERS.flatMap(filesOf)
  .filter((file) => file.endsWith(".ts"))
  .map((file) => [file, readFileSync(packageFile(file), "utf8")] as const);

/** Files that export a declaration of the name. */
function homesOf(name: string): readonly string[] {
  const declared = new RegExp(`^export (?:async )?(?:function|const|class|interface|type) ${name}\\b`, "m");
  return SOURCES.filter(([, text]) => declared.test(text)).map(([file]) => file);
}

describe("the map", () => {
  it("has twenty things or more, each once", () => {
    expect(ROWS.length).toBeGreaterThanOrEqual(20);
    expect(new Set(ROWS.map(([, name]) => name)).size).toBe(ROWS.length);
  });

  it.each(ROWS)("%s is the one home of %s", (home, name) => {
    expect(homesOf(name)).toEqual([home]);
  });
});
