import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli, temporaryFolder } from "./run-cli.ts";
import { writeSmallInputs } from "./small-inputs.ts";

const root = temporaryFolder();
const at = (...names: readonly string[]): string => path.join(root, ...names);
const taken: Server = createServer();
let port = 0;

const JOB = {
  name: "one",
  data: { path: "rows.jsonl", format: "tokens" },
  steps: 2,
  batchSize: 2,
  adapter: { rank: 2 },
};
const SERVE = ["serve", "jobs.json", "--once", "--devices", "cpu:0", "--calibration", "costs.json", "--no-cache"];

beforeAll(async () => {
  await writeSmallInputs(root);
  writeFileSync(
    at("jobs.json"),
    JSON.stringify({ kind: "workload", version: 1, model: { path: "model" }, jobs: [JOB] }),
  );
  const seconds = { F: 0.001, B: 0.002, transfer: 0, update: 0 };
  writeFileSync(at("costs.json"), JSON.stringify({ kind: "calibration", version: 1, model: "constant", seconds }));
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  port = (taken.address() as { port: number }).port;
}, 60_000);
afterAll(() => taken.close());

describe("serve, where something is in its way", () => {
  it("says that a port is in use before it reads the workload, and leaves no folder", async () => {
    const argv = ["serve", "none.json", "-o", "runs/busy", "--port", `${port}`];
    const { code, stderr } = await runCli(argv, root);
    expect([code, stderr]).toEqual([3, expect.stringMatching(/an address to listen on at 127.*"one that is in use"/)]);
    expect(existsSync(at("runs"))).toBe(false);
  });

  it.each([
    [["--port", "70000"], /Expected a port of 0 to 65535 at --port, got 70000/],
    [["--port", "0", "--token-file", "jobs.json"], /Expected a token file of mode 0600/],
    [["--devices", "cpu:0,cuda:77"], /./],
  ])("refuses %j, and leaves no folder", async (wrong, says) => {
    const { code, stderr } = await runCli([...SERVE, "-o", "refused", ...wrong], root);
    expect(code).toBeGreaterThan(1);
    expect(stderr).toMatch(says);
    expect(existsSync(at("refused"))).toBe(false);
  });

  it("keeps a folder that was there, with what it had, and begins in it afterwards", async () => {
    mkdirSync(at("mine"));
    const { code } = await runCli([...SERVE, "-o", "mine", "--port", `${port}`], root);
    expect([code, readdirSync(at("mine"))]).toEqual([3, []]);
    expect((await runCli([...SERVE, "-o", "mine"], root)).code).toBe(0);
    const again = await runCli([...SERVE, "-o", "mine"], root);
    expect([again.code, again.stderr]).toEqual([
      2,
      expect.stringMatching(/`loratwin resume \S+ WORKLOAD` goes on with them/),
    ]);
  }, 60_000);

  it("begins in a folder in which a server was killed while it loaded", async () => {
    mkdirSync(at("killed"));
    writeFileSync(at("killed", "token"), `${"t".repeat(43)}\n`, { mode: 0o600 });
    writeFileSync(at("killed", "lock"), '{"process":999999999,"started":"1"}');
    expect((await runCli([...SERVE, "-o", "killed"], root)).code).toBe(0);
  }, 60_000);
});
