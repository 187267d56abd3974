import { mkdtempSync, rmSync } from "node:fs";
import { type IncomingHttpHeaders, request } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { text as wholeText } from "node:stream/consumers";
import { afterEach } from "vitest";
import { type LiveServer, type ServeOptions, startServer } from "../../server/index.ts";
import { createFleetDouble, type FleetDouble } from "./fleet-double.ts";

export const ASSETS = { script: "/* script */", style: "/* style */" };

/** What a job leaves out in these tests. */
export const DEFAULTS = { batchSize: 2, steps: 3, data: { lengths: 64, samples: 8 } };

export interface Served {
  readonly fleet: FleetDouble;
  readonly server: LiveServer;
  readonly folder: string;
  readonly faults: readonly unknown[];
}

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

export function freshFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "loratwin-server-"));
  open.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A server over a fleet that trains nothing, on a socket in a folder of its own; closed after the test. */
export async function serve(options: Partial<ServeOptions> = {}): Promise<Served> {
  const folder = freshFolder();
  const fleet = createFleetDouble();
  const faults: unknown[] = [];
  const server = await startServer(fleet, {
    place: { cwd: folder },
    socket: "control.sock",
    defaults: DEFAULTS,
    assets: ASSETS,
    onFault: (error) => faults.push(error),
    ...options,
  });
  open.push(() => server.close());
  return { fleet, server, folder, faults };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: unknown;
}

export interface Raw {
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is; anything but a text as JSON. */
  readonly body?: unknown;
}

/** A request over the socket, or over TCP where a URL is given. */
export async function ask(
  where: string,
  method: string,
  target: string,
  { headers = {}, body }: Raw = {},
): Promise<Answer> {
  const content = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  const type = content === undefined ? {} : { "content-type": "application/json" };
  const to = where.startsWith("http")
    ? { host: new URL(where).hostname, port: new URL(where).port }
    : { socketPath: where };
  const sent = request({ ...to, method, path: target, headers: { host: "localhost", ...type, ...headers } });
  const response = await new Promise<import("node:http").IncomingMessage>((resolve, reject) => {
    sent.on("response", resolve).on("error", reject).end(content);
  });
  const text = await wholeText(response);
  const isJson = response.headers["content-type"]?.startsWith("application/json") === true;
  return {
    status: response.statusCode!,
    headers: response.headers,
    text,
    body: isJson ? (JSON.parse(text) as unknown) : undefined,
  };
}
