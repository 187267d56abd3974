import { EventEmitter } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { run } from "../../cli/run.ts";
import { CONTROL_SOCKET, type JobStatus } from "../../server/index.ts";
import { type Answer, ask, type Raw } from "../server/served.ts";
import { runCli, temporaryFolder } from "./run-cli.ts";
import { writeSmallInputs } from "./small-inputs.ts";

const root = temporaryFolder();
const SOON = { timeout: 60_000, interval: 20 };
/** Time for a model to be loaded and jobs to train, on a machine that does other things too. */
const LONG = 120_000;

beforeAll(async () => {
  await writeSmallInputs(root);
  const data = { path: "rows.jsonl", format: "tokens" };
  const optimizer = { learningRate: 0.02 };
  const defaults = { data, optimizer, steps: 8000, batchSize: 2, microBatchSize: 2 };
  const jobs = [
    { name: "ann", adapter: { rank: 2 } },
    { name: "bob", adapter: { rank: 4 } },
  ];
  const workload = { kind: "workload", version: 1, model: { path: "model" }, defaults, jobs };
  writeFileSync(path.join(root, "jobs.json"), JSON.stringify(workload));
  const seconds = { F: 0.001, B: 0.002, transfer: 0, update: 0 };
  writeFileSync(
    path.join(root, "costs.json"),
    JSON.stringify({ kind: "calibration", version: 1, model: "constant", seconds }),
  );
}, LONG);

interface Training {
  ask(method: string, target: string, raw?: Raw): Promise<Answer>;
  /** Ends it as Ctrl-C does; gives the exit code. */
  end(): Promise<number>;
}

/** A fleet that trains meanwhile. */
async function serve(name: string, ...more: readonly string[]): Promise<Training> {
  const signals = new EventEmitter();
  let told = "";
  const argv = [
    "serve",
    "jobs.json",
    "-o",
    name,
    "--devices",
    "cpu:0",
    "--calibration",
    "costs.json",
    "--no-cache",
    ...more,
  ];
  const ended = run(argv, {
    ...{ stdout: () => {}, isTty: false, cwd: root, signals },
    stderr: (text) => {
      told += text;
    },
  });
  void ended.then((code) => {
    told += `ended with ${code}`;
  });
  const socket = path.join(root, name, CONTROL_SOCKET);
  await expect.poll(() => told, SOON).toMatch(/serves on|ended with/);
  expect(told).not.toContain("ended with");
  return {
    ask: (method, target, raw) => ask(socket, method, target, raw),
    async end() {
      signals.emit("SIGINT");
      return await ended;
    },
  };
}

function namesOf({ body }: Answer): readonly string[] {
  return (body as { data: readonly { id: string }[] }).data.map(({ id }) => id);
}

function textOf({ status, text, body }: Answer): string {
  expect(status, text).toBe(200);
  return (body as { choices: readonly { text: string }[] }).choices[0]!.text;
}

describe("a fleet that trains", () => {
  it("answers with its base, and with checkpoints as they come", { tags: ["slow"], timeout: LONG }, async () => {
    const fleet = await serve("run", "--checkpoint-steps", "40", "--keep-checkpoints", "1000");
    const complete = (model: string) => {
      const body = { model, prompt: [10, 15, 20, 25], max_tokens: 24, temperature: 0 };
      return fleet.ask("POST", "/v1/completions", { body });
    };
    try {
      const [base] = await Promise.all([complete("base"), fleet.ask("GET", "/v1/status")]);
      expect(base.status, base.text).toBe(200);
      const names = async () => namesOf(await fleet.ask("GET", "/v1/models"));
      await expect.poll(names, SOON).toEqual(expect.arrayContaining(["ann", "bob", expect.stringMatching(/^ann@/)]));
      await expect
        .poll(async () => (await names()).filter((name) => name.startsWith("bob@")).length, SOON)
        .toBeGreaterThan(1);
      const later = await names();
      const of = (job: string): readonly string[] => later.filter((name) => name.startsWith(`${job}@`));
      const asked = [of("ann")[0]!, of("bob")[0]!, of("bob").at(-1)!, "base"];
      const alone: string[] = [];
      for (const name of asked) alone.push(textOf(await complete(name)));
      const together = await Promise.all(asked.map(complete));
      expect(together.map(textOf)).toEqual(alone);
      expect([alone[3], new Set(alone).size > 1]).toEqual([textOf(base), true]);
      await fleet.ask("POST", "/v1/jobs/bob/pause");
      const isPaused = async () => ((await fleet.ask("GET", "/v1/jobs/bob")).body as JobStatus).standing === "paused";
      await expect.poll(isPaused, SOON).toBe(true);
      const before = (await names()).filter((name) => name.startsWith("ann@")).length;
      const anns = async () => (await names()).filter((name) => name.startsWith("ann@")).length;
      await expect.poll(anns, SOON).toBeGreaterThan(before + 2);
      const paused = await names();
      expect(paused).toEqual([...new Set(paused)]);
      const { jobs } = (await fleet.ask("GET", "/v1/jobs")).body as { jobs: JobStatus[] };
      expect(jobs.map(({ standing }) => standing)).toEqual(["running", "paused"]);
    } finally {
      expect(await fleet.end()).toBe(130);
    }
    expect(existsSync(path.join(root, "run", CONTROL_SOCKET))).toBe(false);
  });

  it(
    "ends while it answers, as if it did not",
    async () => {
      const fleet = await serve("cut");
      const body = { model: "base", prompt: "a", max_tokens: 2000, temperature: 0, logit_bias: {} };
      const cut = fleet.ask("POST", "/v1/completions", { body }).catch((error: unknown) => error);
      await fleet.ask("POST", "/v1/completions", { body: { ...body, max_tokens: 1 } });
      expect(await fleet.end()).toBe(130);
      await cut;
      expect(readFileSync(path.join(root, "cut/journal.jsonl"), "utf8")).toContain("ended");
    },
    LONG,
  );

  it(
    "answers nothing with --no-answers, and to no more tokens than it is told",
    async () => {
      const silent = await serve("silent", "--no-answers");
      const off = await silent.ask("GET", "/v1/models");
      expect([off.status, off.text]).toEqual([400, expect.stringContaining("--no-answers")]);
      await silent.end();
      const short = await serve("short", "--answers-context", "16");
      const body = { model: "base", prompt: "a text that is too long" };
      expect((await short.ask("POST", "/v1/completions", { body })).text).toContain("context_length_exceeded");
      await short.end();
    },
    LONG,
  );
});

describe("serve", () => {
  it.each([
    [["--answers-device", "gpu"], /Expected cpu, or cuda:0, cuda:1, ... at --answers-device, got "gpu"/],
    [["--answers-context", "1"], /at --answers-context, got 1/],
    [["--answers-context", "64", "--no-answers"], /--answers-context/],
  ])("refuses %j, and leaves no folder", async (wrong, says) => {
    const { code, stderr } = await runCli(
      ["serve", "jobs.json", "-o", "refused", "--devices", "cpu:0", ...wrong],
      root,
    );
    expect([code, stderr]).toEqual([2, expect.stringMatching(says)]);
    expect(existsSync(path.join(root, "refused"))).toBe(false);
  });
});
