import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { ReportAssets } from "../reports/index.ts";
import { absolute, type Place } from "../workbench/index.ts";
import { admitJob } from "./admit-job.ts";
import { createApp } from "./create-app.ts";
import { EventClients } from "./event-clients.ts";
import type { FleetControl } from "./fleet-control.ts";
import { LIMITS, type Limits } from "./limits.ts";
import { listenOnLoopback, listenOnSocket } from "./listen.ts";
import { observeFleet } from "./observe-fleet.ts";
import { fleetPage } from "./page.ts";
import { fleetRoutes } from "./routes.ts";
import { type Spool, watchSpool } from "./spool.ts";
import { ensureToken } from "./token-file.ts";

export interface ServeOptions {
  /** Relative paths start there. */
  readonly place: Place;
  /** Of a Unix socket. */
  readonly socket: string;
  /** Where it listens beside that; `tokenFile` is made where it is not there. Port 0: any that is free. */
  readonly tcp?: { readonly host: string; readonly port: number; readonly tokenFile: string };
  /** A folder whose files are submitted. */
  readonly spool?: string;
  /** `defaults` of the fleet's workload, with absolute paths: what a job that is submitted leaves out. */
  readonly defaults?: unknown;
  readonly limits?: Partial<Limits>;
  /** The browser code of the page. */
  readonly assets: ReportAssets;
  /** Says what happens, for people. */
  readonly tell: (text: string) => void;
  /** Is told of a fault of the server, which goes on. */
  readonly onFault: (error: unknown) => void;
}

export interface LiveServer extends AsyncDisposable {
  readonly address: {
    readonly socket: string;
    readonly url: string | null;
    readonly tokenFile: string | null;
  };
  /** Takes nothing more, and ends every connection. The fleet itself goes on. */
  close(): Promise<void>;
}

/** Headers and body of a request have to be there by then. */
const REQUEST_MS = 30_000;

async function end(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeIdleConnections();
  // What is being answered has a moment to get to its end.
  const timer = setTimeout(() => server.closeAllConnections(), 500);
  await closed;
  clearTimeout(timer);
}

/** Serves a fleet until it is closed. @throws InputError, DeviceError where it cannot listen */
export async function startServer(control: FleetControl, options: ServeOptions): Promise<LiveServer> {
  const { place, tcp, assets, tell, onFault, defaults } = options;
  const limits = { ...LIMITS, ...options.limits };
  const token = tcp && ensureToken(place, tcp.tokenFile);
  const clients = new EventClients(limits);
  const observed = observeFleet(control, randomBytes(6).toString("hex"), limits, (text) => clients.send(text));
  const admission = { control, defaults, limits };
  const guarded = new WeakSet<IncomingMessage>();
  const app = createApp(fleetRoutes({ ...admission, observed, clients, page: fleetPage(assets) }), {
    limits,
    tokenFor: ({ raw }) => (guarded.has(raw) ? token : undefined),
    onFault,
  });
  const servers: Server[] = [];
  let spool: Spool | undefined;
  const close = async (): Promise<void> => {
    await spool?.close();
    clients[Symbol.dispose]();
    await Promise.all(servers.splice(0).map(end));
    await app.close();
    observed[Symbol.dispose]();
  };
  const serverOf = (isGuarded: boolean): Server => {
    const server = createServer({ requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS }, (request, response) => {
      if (isGuarded) guarded.add(request);
      app.routing(request, response);
    });
    server.maxConnections = limits.connections;
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
    await app.ready();
    await open(false, (server) => listenOnSocket(server, socket));
    const url = tcp === undefined ? null : await open(true, (server) => listenOnLoopback(server, tcp.host, tcp.port));
    if (options.spool !== undefined)
      spool = watchSpool({
        folder: absolute(place, options.spool),
        mostBytes: limits.bodyBytes,
        submit: (job) => admitJob(admission, job),
        tell,
        onFault,
      });
    return {
      address: { socket, url, tokenFile: tcp === undefined ? null : absolute(place, tcp.tokenFile) },
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
