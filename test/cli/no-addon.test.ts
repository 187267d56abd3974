import { afterEach, beforeEach, expect, it, vi } from "vitest";

// Other files of this process may have loaded the addon.
beforeEach(() => vi.resetModules());
afterEach(() => {
  vi.unstubAllEnvs();
  vi.resetModules();
});

it("without the addon commands that need it end with exit code 3, and say what was tried and how to build it", async () => {
  vi.stubEnv("LORATWIN_ADDON", "/nowhere/loratwin.node");
  const { runCli } = await import("./run-cli.ts");
  const { code, stdout, stderr } = await runCli(["devices"], "/");
  expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
  expect(stderr).toMatch(/^Expected the native addon loratwin\.node, got "none that loads"\.\n/);
  expect(stderr).toMatch(/tried \/nowhere\/loratwin\.node: no such file/);
  expect(stderr).toMatch(/npm run build/);
});
