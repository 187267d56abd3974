import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";

const root = path.join(import.meta.dirname, "../..");
const read = (name: string): string => readFileSync(path.join(root, name), "utf8");

/** Lines of a Dockerfile, joined where one goes on in the next. */
const steps = read("Containerfile")
  .replace(/^\s*#.*\n/gm, "")
  .replace(/\\\n\s*/g, "")
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)] as const);

function ofKind(kind: string): readonly string[] {
  return steps.filter(([each]) => each === kind).map(([, rest]) => rest);
}

it("the image starts the command line as somebody who is not root", () => {
  expect(ofKind("ENTRYPOINT")).toEqual(['["loratwin"]']);
  expect(ofKind("USER").at(-1)).toBe("loratwin");
  const [image] = ofKind("RUN").slice(-2);
  expect(image).toContain("useradd");
  // The addon is linked with it by this name.
  expect(image).toMatch(/\blibdnnl3\.6\b/);
});

it("what is copied from the project is there", () => {
  for (const copied of ofKind("COPY")) {
    const words = copied.split(" ").slice(0, -1);
    if (words[0]!.startsWith("--from=")) continue;
    for (const word of words) expect(existsSync(path.join(root, word)), word).toBe(true);
  }
});

it("what the image is built from leaves out no source", () => {
  const patterns = read(".dockerignore")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  const excludes = patterns.map((line) => new RegExp(`^${line.replaceAll(".", "\\.").replaceAll("*", "[^/]*")}(/|$)`));
  const tracked = execFileSync("git", ["ls-files"], { cwd: root, encoding: "utf8" }).trim().split("\n");
  const leftOut = tracked.filter((file) => excludes.some((exclude) => exclude.test(file)));
  const unused = /^(\.github|\.devcontainer|bench\/results)\//;
  expect(leftOut.filter((file) => !unused.test(file))).toEqual([]);
  expect(leftOut.length).toBeGreaterThan(0);
});
