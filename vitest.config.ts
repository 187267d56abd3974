import { tmpdir } from "node:os";
import path from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    environment: "node",
    // The addon has threads of its own, so each test file gets a process; two, since the devices share the cores.
    pool: "forks",
    maxWorkers: 2,
    // What tests learn of this machine's speed is not kept for its user.
    env: { XDG_CACHE_HOME: path.join(tmpdir(), `loratwin-test-cache-${process.pid}`) },
    // On a machine that others share a command that takes seconds may take a minute.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
