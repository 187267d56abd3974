import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { absolute, type Place } from "../files/index.ts";
import type { LiveAnswers } from "../inference/index.ts";
import type { ReportAssets } from "../reports/index.ts";
import { Connections, TIME_LIMITS } from "./connections.ts";
import { EventClients } from "./event-clients.ts";
import type { FleetControl } from "./fleet-control.ts";
import { HEADERS } from "./headers.ts";
import { LIMITS, type Limits } from "./limits.ts";
import { listenOnLoopback, listenOnSocket } from "./listen.ts";
import { fleetPage } from "./page.ts";
import { RETRY_AFTER } from "./request-error.ts";
import { Shares } from "./shares.ts";
import { ensureTokens } from "./token-file.ts";

/** Where a server listens, and what it looks at. */
export interface ListenOptions {
  /** Relative paths start there. */
  readonly place: Place;
  /** Of a Unix socket. */
  readonly socket: string;
  /** Where it listens beside that; `tokenFile` is made where it is not there. Port 0: any that is free. */
  readonly tcp?: { readonly host: string; readonly port: number; readonly tokenFile: string };
  readonly limits?: Partial<Limits>;
}

/** What a server shows and tells, and of what it completes jobs. */
export interface ControlOptions {
  /** `defaults` of the fleet's workload, with absolute paths: what a job that is submitted leaves out. */
  readonly defaults?: unknown;
  /** The folder in which submitted jobs may read; anywhere when absent. */
  readonly dataRoot?: string | undefined;
  /** What answers prompts; nothing does when absent. Whoever made it ends it. */
  readonly answers?: LiveAnswers | undefined;
  /** The browser code of the page. */
  readonly assets: ReportAssets;
  /** Is told of a fault of the server, which goes on. */
  readonly onFault: (error: unknown) => void;
}

export interface ServeOptions extends ListenOptions, ControlOptions {}

export interface LiveServer extends AsyncDisposable {
  readonly address: {
    readonly socket: string;
    readonly url: string | null;
    readonly tokenFile: string | null;
  };
  /** Takes nothing more, and ends every connection. The fleet itself goes on. */
  close(): Promise<void>;
}

/** A server that listens, and answers that it loads until it has a fleet. */
export interface Listening extends Pick<LiveServer, "address" | "close">, AsyncDisposable {
  /** Serves a fleet from now on; once. */
  serve(control: FleetControl, options: ControlOptions): Promise<void>;
}

async function end(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeIdleConnections();
  // What is being answered has a moment to get to its end.
  const timer = setTimeout(() => server.closeAllConnections(), 500);
  await closed;
  clearTimeout(timer);
}

/** What everybody is told until the fleet is there. */
const LOADING = JSON.stringify({
  error: { expected: "a fleet that is ready", got: "one that loads its model", hint: "Ask again in a moment." },
});

function answerLoading(_: IncomingMessage, response: ServerResponse): void {
  const headers = { ...HEADERS, "content-type": "application/json; charset=utf-8", [RETRY_AFTER]: "1" };
  response.writeHead(503, headers).end(LOADING);
}

/**
 * Takes the addresses of a server, before anything is loaded that takes long. @throws InputError, DeviceError where it
 * cannot listen
 */
export async function openServer(options: ListenOptions): Promise<Listening> {
  // Large, and loaded by nobody else who asks what a server is.
  const [{ createApp }, { fleetRoutes }, { observeFleet }] = await Promise.all([
    import("./create-app.ts"),
    import("./routes.ts"),
    import("./observe-fleet.ts"),
  ]);
  const { place, tcp } = options;
  const limits = { ...LIMITS, ...options.limits };
  const guarded = new WeakSet<IncomingMessage>();
  const connectionsOf = new WeakMap<IncomingMessage, Connections>();
  const servers: Server[] = [];
  let answer: (request: IncomingMessage, response: ServerResponse) => void = answerLoading;
  /** What else is to be closed, the newest last. */
  const parts: (() => Promise<void> | void)[] = [];
  const close = async (): Promise<void> => {
    const [first, ...others] = parts.splice(0);
    await first?.();
    await Promise.all(servers.splice(0).map(end));
    for (const part of others) await part();
  };
  const serverOf = (isGuarded: boolean): Server => {
    const server = createServer(TIME_LIMITS, (request, response) => {
      if (isGuarded) guarded.add(request);
      connectionsOf.set(request, connections);
      if (connections.asked(request, response)) answer(request, response);
    });
    const connections = new Connections(server, limits.connections);
    return server;
  };
  /** Listens, and is closed with the others from then on. */
  const open = async <T>(isGuarded: boolean, listen: (server: Server) => Promise<T>): Promise<T> => {
    const server = serverOf(isGuarded);
    const listened = await listen(server);
    servers.push(server);
    return listened;
  };
  const socket = absolute(place, options.socket);
  try {
    const url = tcp === undefined ? null : await open(true, (server) => listenOnLoopback(server, tcp.host, tcp.port));
    await open(false, (server) => listenOnSocket(server, socket));
    const tokens = tcp && ensureTokens(place, tcp.tokenFile);
    return {
      address: { socket, url, tokenFile: tcp === undefined ? null : absolute(place, tcp.tokenFile) },
      async serve(control, { answers: live, assets, onFault, defaults, dataRoot }) {
        const numKeys = 1 + (tokens?.length ?? 0);
        const clients = new EventClients(limits, numKeys);
        const observed = observeFleet(control, randomBytes(6).toString("hex"), limits, (text) => clients.send(text));
        const answers = { live, limits, places: new Shares(limits.answerRequests, numKeys) };
        const page = fleetPage(assets);
        const app = createApp(fleetRoutes({ control, defaults, dataRoot, limits, observed, clients, answers, page }), {
          limits,
          tokensFor: ({ raw }) => (guarded.has(raw) ? tokens : undefined),
          places: new Shares(limits.requests, numKeys),
          onKnown: ({ raw }, key) => connectionsOf.get(raw)?.known(raw, key),
          onFault,
        });
        // Before connections end, those who are sent events; behind them, what they asked.
        parts.push(
          () => clients[Symbol.dispose](),
          () => app.close(),
          () => observed[Symbol.dispose](),
        );
        await app.ready();
        answer = (request, response) => app.routing(request, response);
      },
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Serves a fleet until it is closed. @throws InputError, DeviceError where it cannot listen */
export async function startServer(control: FleetControl, options: ServeOptions): Promise<LiveServer> {
  const server = await openServer(options);
  try {
    await server.serve(control, options);
    return server;
  } catch (error) {
    await server.close();
    throw error;
  }
}
