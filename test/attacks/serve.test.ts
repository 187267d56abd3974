// @module-tag slow
import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../cli/run-cli.ts";
import { writeSmallInputs } from "../cli/small-inputs.ts";
import { ask, attack, type Listener, REFERENCE_MS, startReference, startServe, writeTokens } from "./attacked-serve.ts";
import { type AttackedFiles, serveAttacks } from "./serve-attacks.ts";

/**
 * The most that somebody else waits for the status while a server is attacked, in processor time: as long as the
 * machine takes for so much work at the same time. Tests run on machines that others use. One of some tries has to be
 * as quick, since a processor may be taken from either process.
 */
const MOST_MS = 100;
const TRIES = 3;
/** Between tries, in which a server sees that connections are gone. */
const PAUSE_MS = 500;
const LONG = 120_000;

const root = temporaryFolder();
const at = (...names: readonly string[]): string => path.join(root, ...names);
const FILES: AttackedFiles = {
  dataRoot: at("data"),
  secret: at("secret.jsonl"),
  secretAdapter: at("secret-adapter"),
  policy: at("evil.mjs"),
};
const TOKENS = writeTokens(at("token"));
const open: Listener[] = [];

beforeAll(async () => {
  await writeSmallInputs(root);
  mkdirSync(at("data/links"), { recursive: true });
  mkdirSync(at("secret-adapter"));
  for (const name of ["secret.jsonl", "data/rows.jsonl"]) cpSync(at("rows.jsonl"), at(name));
  for (const name of ["data/link.jsonl", "data/links/rows.jsonl"]) symlinkSync(FILES.secret, at(name));
  symlinkSync(at("data/links"), at("way-in"));
  for (const file of [FILES.policy, at("data/policy.mjs")])
    writeFileSync(file, `import fs from "node:fs"; fs.writeFileSync(${JSON.stringify(at("run-by-policy"))}, "");`);
  const defaults = {
    data: { path: "rows.jsonl", format: "tokens" },
    steps: 1_000_000,
    batchSize: 2,
    microBatchSize: 2,
  };
  const jobs = [{ name: "first", adapter: { rank: 2 } }];
  const workload = { kind: "workload", version: 1, model: { path: "model" }, defaults, jobs };
  writeFileSync(at("jobs.json"), JSON.stringify(workload));
  const seconds = { F: 0.001, B: 0.002, transfer: 0, update: 0 };
  writeFileSync(at("costs.json"), JSON.stringify({ kind: "calibration", version: 1, model: "constant", seconds }));
  const on = ["--devices", "cpu:0", "--calibration", "costs.json", "--no-cache", "--data-root", "data"];
  const server = await startServe(root, ["jobs.json", "-o", "run", "--token-file", "token", ...on]);
  open.push(server, await startReference());
  // It is the attacks that are measured here, and not its training.
  const paused = await ask(server, TOKENS, { method: "POST", target: "/v1/jobs/first/pause", as: "other" });
  expect(paused.status).toBe(200);
}, LONG);
afterAll(async () => {
  for (const each of open) await each[Symbol.asyncDispose]();
});

describe("a server that is attacked", () => {
  it.each(serveAttacks(FILES).map((each) => [each.name, each] as const))(
    "withstands %s, and serves others meanwhile",
    async (_, tried) => {
      const [server, reference] = open as [Listener, Listener];
      const waits: (readonly [waitedMs: number, referenceMs: number])[] = [];
      const isLate = ([waitedMs, referenceMs]: (typeof waits)[number]): boolean =>
        waitedMs > ((tried.mostMs ?? MOST_MS) / REFERENCE_MS) * referenceMs;
      while (waits.length < TRIES && waits.every(isLate)) {
        const { answers, waitedMs, referenceMs } = await attack(server, reference, TOKENS, tried);
        answers.forEach(({ status, text }, index) => {
          const [wanted, says] = tried.expected[index]!;
          expect(text).toMatch(says);
          expect([index, status]).toEqual([index, wanted]);
        });
        expect(answers).toHaveLength(tried.expected.length);
        expect(server.isAlive(), server.output()).toBe(true);
        waits.push([Math.round(waitedMs), Math.round(referenceMs)]);
        await sleep(PAUSE_MS);
      }
      expect(waits.every(isLate), `ms waited, and for the reference: ${JSON.stringify(waits)}`).toBe(false);
    },
    LONG,
  );

  it("has run no program, and has no fault", () => {
    expect(existsSync(at("run-by-policy"))).toBe(false);
    expect(open[0]!.output()).not.toMatch(/Error/);
  });
});
