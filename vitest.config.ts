import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { defineConfig } from "vitest/config";
import { isQuick, TAGS, tagsFilter } from "./test/level.ts";
import { PROJECTS, projectOf } from "./test/project-of.ts";

const files = readdirSync("test", { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".test.ts"))
  .map((name) => path.join("test", name));

// What C++ is built for takes longer than the quick level may.
const projects = PROJECTS.filter((name) => !isQuick || name !== "native");

export default defineConfig({
  test: {
    environment: "node",
    // The addon has threads of its own; two, since the devices share the cores.
    pool: "forks",
    maxWorkers: 2,
    // What tests learn of this machine's speed is not kept for its user.
    env: { XDG_CACHE_HOME: path.join(tmpdir(), `loratwin-test-cache-${process.pid}`) },
    // On a machine that others share a command that takes seconds may take a minute.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    tags: TAGS,
    tagsFilter,
    projects: projects.map((name) => ({
      extends: true,
      test: {
        name,
        include: files.filter((file) => projectOf(path.resolve(file)) === name),
        // The files of a project share two processes, and what these have loaded; a process has one addon.
        isolate: name === "alone" || name === "native",
      },
    })),
  },
});
