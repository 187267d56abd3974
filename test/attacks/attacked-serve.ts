import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { packageFile } from "../../files/index.ts";
import type { AttackRequest, Sender, ServeAttack } from "./serve-attacks.ts";

/** After so long without an answer a request has none. */
const PATIENCE_MS = 20_000;

export interface Answered {
  readonly status: number;
  /** Headers and body. */
  readonly text: string;
  readonly ms: number;
}

/** A process that listens on this machine. */
export interface Listener extends AsyncDisposable {
  readonly port: number;
  readonly output: () => string;
  readonly isAlive: () => boolean;
}

async function listens(child: ChildProcess, says: RegExp): Promise<Listener> {
  let told = "";
  for (const stream of [child.stdout!, child.stderr!]) stream.on("data", (text) => (told += `${text}`));
  const isAlive = (): boolean => child.exitCode === null && child.signalCode === null;
  while (!says.test(told) && isAlive()) await sleep(20);
  return {
    port: Number(says.exec(told)?.[1] ?? expect.unreachable(told)),
    output: () => told,
    isAlive,
    async [Symbol.asyncDispose]() {
      if (!isAlive()) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

/** `loratwin serve` in a process of its own, over TCP. */
export function startServe(cwd: string, argv: readonly string[]): Promise<Listener> {
  const args = [packageFile("dist", "cli", "main.js"), "serve", ...argv, "--port", "0"];
  return listens(spawn(process.execPath, args, { cwd }), /serves on .* and on http:\/\/127\.0\.0\.1:(\d+)/);
}

/** Processor time that the reference takes for an answer. */
export const REFERENCE_MS = 25;
/** From one answer to the next request: of the server, and of the reference, which is to take little of the machine. */
const RESTS_MS = [20, 250] as const;

/** A server that works `REFERENCE_MS` for each answer: how much longer it takes is the machine's doing. */
export function startReference(): Promise<Listener> {
  const program = `const used = () => { const { user, system } = process.cpuUsage(); return user + system; };
    const server = require("node:http").createServer((_, response) => {
      for (const begin = used(); used() - begin < ${1000 * REFERENCE_MS}; );
      response.end("{}");
    });
    server.listen(0, "127.0.0.1", () => console.log("port " + server.address().port));`;
  return listens(spawn(process.execPath, ["-e", program]), /port (\d+)/);
}

/** The tokens of a file, by who sends them. */
export function writeTokens(file: string): Readonly<Record<Sender, string>> {
  const tokens = { attacker: "a".repeat(40), other: "o".repeat(40) };
  writeFileSync(file, `${Object.values(tokens).join("\n")}\n`, { mode: 0o600 });
  return { ...tokens, nobody: "" };
}

function bytesOf(request: AttackRequest, tokens: Readonly<Record<Sender, string>>): Buffer {
  if (Buffer.isBuffer(request))
    return Buffer.from(request.toString("latin1").replaceAll("TOKEN", tokens.attacker), "latin1");
  const { method, target, headers = [], body, as = "attacker" } = request;
  const content = body === undefined ? "" : JSON.stringify(body);
  const lines = [
    `${method} ${target} HTTP/1.1`,
    ...["host: localhost", "connection: close", ...headers],
    ...(as === "nobody" ? [] : [`authorization: Bearer ${tokens[as]}`]),
    ...(content === "" ? [] : ["content-type: application/json", `content-length: ${Buffer.byteLength(content)}`]),
  ];
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n${content}`);
}

/** Sends bytes over a connection of their own; status 0 where it ends without an answer. Of events only the begin is read. */
async function exchange(port: number, bytes: Buffer): Promise<Answered> {
  const began = performance.now();
  const socket = connect(port, "127.0.0.1");
  socket.setTimeout(PATIENCE_MS, () => socket.destroy());
  let text = "";
  const done = new Promise<void>((resolve) => {
    socket.on("data", (piece) => {
      text += piece.toString("latin1");
      if (/^content-type: text\/event-stream/im.test(text) && text.includes("\r\n\r\n")) socket.destroy();
    });
    socket.on("error", () => socket.destroy()).on("close", () => resolve());
  });
  socket.write(bytes);
  await done;
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0), text, ms: performance.now() - began };
}

export function ask(
  { port }: Listener,
  tokens: Readonly<Record<Sender, string>>,
  request: AttackRequest,
): Promise<Answered> {
  return exchange(port, bytesOf(request, tokens));
}

/** Opens the connections of a crowd, which come anew, after a while, where they are sent away. */
function gather(
  port: number,
  { connections, sends, drips }: NonNullable<ServeAttack["crowd"]>,
  token: string,
): Disposable {
  let isOver = false;
  const open = new Set<Socket>();
  const enter = (): void => {
    if (isOver) return;
    const socket = connect(port, "127.0.0.1", () => socket.write(sends.replaceAll("TOKEN", token)));
    const drip = drips && setInterval(() => socket.write(drips.replaceAll("TOKEN", token)), 500);
    open.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      clearInterval(drip || undefined);
      open.delete(socket);
      setTimeout(enter, 2000);
    });
  };
  for (let each = 0; each < connections; each += 1) enter();
  return {
    [Symbol.dispose]() {
      isOver = true;
      for (const socket of open) socket.destroy();
    },
  };
}

/** Asks both again and again, until it is stopped; gives the longest waits in milliseconds. */
async function watch(asks: readonly (() => Promise<Answered>)[], signal: AbortSignal): Promise<readonly number[]> {
  return await Promise.all(
    asks.map(async (ask, index) => {
      let longest = 0;
      while (!signal.aborted) {
        const { status, ms, text } = await ask();
        expect(status, text).toBe(200);
        longest = Math.max(longest, ms);
        await sleep(RESTS_MS[index]);
      }
      return longest;
    }),
  );
}

export interface Outcome {
  readonly answers: readonly Answered[];
  /** The longest that the other one waited for the status meanwhile, and for the reference. */
  readonly waitedMs: number;
  readonly referenceMs: number;
}

/** Tries one attack, while somebody else asks for the status all the time. */
export async function attack(
  server: Listener,
  reference: Listener,
  tokens: Readonly<Record<Sender, string>>,
  { crowd, requests }: ServeAttack,
): Promise<Outcome> {
  const { port } = server;
  const stop = new AbortController();
  const asked = bytesOf({ method: "GET", target: "/v1/status", as: "other" }, tokens);
  const watched = watch([() => exchange(port, asked), () => exchange(reference.port, asked)], stop.signal);
  using _crowd = crowd && gather(port, crowd, tokens.attacker);
  if (crowd !== undefined) await sleep(1000);
  const answers: Answered[] = [];
  for (const request of requests) answers.push(await ask(server, tokens, request));
  stop.abort();
  const [waitedMs, referenceMs] = await watched;
  return { answers, waitedMs: waitedMs!, referenceMs: referenceMs! };
}
