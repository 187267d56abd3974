import { afterEach, expect, it, vi } from "vitest";
import { runCli } from "./run-cli.ts";

afterEach(() => vi.unstubAllEnvs());

it("without the addon commands that need it end with exit code 3, and say what was tried and how to build it", async () => {
  vi.stubEnv("LORATWIN_ADDON", "/nowhere/loratwin.node");
  const { code, stdout, stderr } = await runCli(["devices"], "/");
  expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
  expect(stderr).toMatch(/^Expected the native addon loratwin\.node, got "none that loads"\.\n/);
  expect(stderr).toMatch(/tried \/nowhere\/loratwin\.node: no such file/);
  expect(stderr).toMatch(/npm run build/);
});

it("without the addon doctor says that, and the rest", async () => {
  vi.stubEnv("LORATWIN_ADDON", "/nowhere/loratwin.node");
  const { code, stdout } = await runCli(["doctor"], "/");
  expect(code).toBe(3);
  expect(stdout).toMatch(
    /^broken {3}addon: tried \/nowhere\/loratwin\.node: no such file\n {11}for: .*\n {11}get it: npm run build$/m,
  );
  expect(stdout).toMatch(/^ok {7}Node: v/m);
});
