import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { maximum } from "../../core/index.ts";
import { CONTROL_SOCKET } from "../../server/index.ts";
import { printed, temporaryFolder } from "../cli/run-cli.ts";
import { type Answer, ask } from "../server/served.ts";

const MAIN = path.join(import.meta.dirname, "../../dist/cli/main.js");
const root = temporaryFolder();
const LONG = 120_000;

/** The most that anybody waits for the status; on a machine that is busy, as long as some times without an attack. */
const MOST_MS = 100;
const MOST_TIMES = 5;

/** A template that never ends where a message says so. */
const ENDLESS =
  "{% for m in messages %}{{ m.role + m.content + eos_token }}{% if 'loop' in m.content %}" +
  "{% for a in range(1000000) %}{% for b in range(1000000) %}{% endfor %}{% endfor %}{% endif %}{% endfor %}";

const CHAT = { messages: [{ role: "user", content: "loop" }], max_tokens: 2 };
const JOB = { steps: 2, batchSize: 1, adapter: { rank: 2 } };

let server: ChildProcess;
const post = (target: string, body: unknown): Promise<Answer> =>
  ask(path.join(root, "run", CONTROL_SOCKET), "POST", target, { body });

beforeAll(async () => {
  await printed(["init-model", "model", "--hidden-size", "64", "--layers", "2", "--heads", "2"], root);
  const messages = ["user", "assistant"].map((role) => ({ role, content: "a b ".repeat(50) }));
  writeFileSync(path.join(root, "chats.jsonl"), `${JSON.stringify({ messages })}\n`);
  writeFileSync(path.join(root, "rows.jsonl"), '{"question":"1","answer":"2"}\n');
  const job = { ...JOB, name: "ann", steps: 20_000, data: { path: "chats.jsonl", chatTemplate: ENDLESS } };
  const workload = { kind: "workload", version: 1, model: { path: "model" }, jobs: [job] };
  writeFileSync(path.join(root, "w.json"), JSON.stringify(workload));
  const argv = ["serve", "w.json", "-o", "run", "--devices", "cpu:0", "--checkpoint-steps", "300", "--no-cache"];
  server = spawn(process.execPath, [MAIN, ...argv], { cwd: root, stdio: "ignore" });
  const names = async (): Promise<string> => {
    if (!existsSync(path.join(root, "run", CONTROL_SOCKET))) return "";
    return (await ask(path.join(root, "run", CONTROL_SOCKET), "GET", "/v1/models")).text;
  };
  await vi.waitFor(async () => expect(await names()).toContain('"ann"'), { timeout: LONG, interval: 100 });
  // The model is loaded with the first question.
  expect(
    (await post("/v1/chat/completions", { model: "ann", ...CHAT, messages: [{ role: "user", content: "a" }] })).status,
  ).toBe(200);
}, LONG);

afterAll(() => void server.kill("SIGKILL"));

/** The longest that a second client waits for the status while the first one waits for what it asked. */
async function longestWait(asked: Promise<unknown>): Promise<number> {
  const waits: number[] = [];
  let isOver = false;
  void asked.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    const started = performance.now();
    expect((await ask(path.join(root, "run", CONTROL_SOCKET), "GET", "/v1/status")).status).toBe(200);
    waits.push(performance.now() - started);
    await wait(10);
  }
  return maximum(waits);
}

/** The answer to an attack, while which the server answers others as it does without it. */
async function withstood(asked: () => Promise<Answer>): Promise<Answer> {
  const calm = await longestWait(wait(5000));
  const answer = asked();
  expect(await longestWait(answer)).toBeLessThan(Math.max(MOST_MS, MOST_TIMES * calm));
  return await answer;
}

describe("a live fleet", { tags: ["slow"], timeout: LONG }, () => {
  it("goes on while a job comes whose prompt is open braces and spaces", async () => {
    const data = { path: path.join(root, "rows.jsonl"), prompt: `{{${" ".repeat(60_000)}`, response: "{{answer}}" };
    const { status, text } = await withstood(() => post("/v1/jobs", { ...JOB, name: "bob", data }));
    expect([status, text]).toEqual([422, expect.stringContaining("{{field}}")]);
  });

  it("goes on while a chat is asked whose template never ends", async () => {
    const { status, text } = await withstood(() => post("/v1/chat/completions", { model: "ann", ...CHAT }));
    expect([status, text]).toEqual([400, expect.stringContaining("need less time for this prompt")]);
  });

  it("goes on while a job comes with a sample whose template never ends", async () => {
    const data = { path: path.join(root, "chats.jsonl"), chatTemplate: ENDLESS };
    const sample = { prompts: ["loop"], everySteps: 1 };
    const { status, text } = await withstood(() => post("/v1/jobs", { ...JOB, name: "eve", data, sample }));
    expect([status, text]).toEqual([422, expect.stringContaining("need less time for this prompt")]);
  });

  it("ends when it is told to, also while such a chat is asked", async () => {
    void post("/v1/chat/completions", { model: "ann", ...CHAT }).catch(() => {});
    await wait(500);
    const [started, ended] = [performance.now(), once(server, "exit")];
    server.kill("SIGTERM");
    expect(await ended).not.toEqual([null, "SIGKILL"]);
    expect(performance.now() - started).toBeLessThan(20_000);
  });
});
