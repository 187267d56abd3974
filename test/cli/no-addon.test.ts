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
