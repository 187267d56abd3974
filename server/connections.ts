import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Headers of a request have to be there after so long. A connection that takes nothing of its answer lasts as long. */
const QUIET_MS = 10_000;
/** The same of the whole request. */
const REQUEST_MS = 30_000;

/** Options of a server that ends connections on which nothing comes. */
export const TIME_LIMITS = {
  requestTimeout: REQUEST_MS,
  headersTimeout: QUIET_MS,
  connectionsCheckingInterval: 1000,
};

interface Connection {
  /** Of who has asked; undefined for who has shown no token. */
  key: string | undefined;
  /** Whether a request is being answered. */
  isAsked: boolean;
}

/**
 * The connections of a server, of which there are so many at most: one more takes the place of another. Who has shown no
 * token takes that of another without one; who has, one of those who hold the most. Of those without a token there may be
 * more: whoever comes among many has to have the time to show it.
 */
export class Connections {
  /** The one that has been quiet the longest first. */
  readonly #open = new Map<Socket, Connection>();
  readonly #most: number;
  readonly #mostStrangers: number;

  constructor(server: Server, most: number) {
    this.#most = most;
    this.#mostStrangers = 2 * most;
    server.on("connection", (socket: Socket) => this.#add(socket));
    // An answer that is being made may take its time.
    server.setTimeout(QUIET_MS, (socket: Socket) => {
      if (this.#open.get(socket)?.isAsked !== true || socket.writableLength > 0) socket.destroy();
    });
  }

  #add(socket: Socket): void {
    this.#make(this.#mostStrangers, ({ key }) => key === undefined);
    this.#open.set(socket, { key: undefined, isAsked: false });
    socket.once("close", () => this.#open.delete(socket));
  }

  /**
   * A request has come. Returns whether it is to be answered: of those behind another one the answers would be held
   * for who reads none.
   */
  asked({ socket }: IncomingMessage, response: ServerResponse): boolean {
    const connection = this.#open.get(socket);
    if (connection === undefined) return false;
    if (connection.isAsked) {
      this.#open.delete(socket);
      socket.destroy();
      return false;
    }
    connection.isAsked = true;
    this.#moved(socket, connection);
    response.once("close", () => {
      connection.isAsked = false;
      if (this.#open.has(socket)) this.#moved(socket, connection);
    });
    return true;
  }

  /** Somebody has shown who asks. */
  known({ socket }: IncomingMessage, key: string): void {
    const connection = this.#open.get(socket);
    if (connection === undefined || connection.key === key) return;
    const counts = new Map<string, number>();
    for (const { key: each } of this.#open.values())
      if (each !== undefined) counts.set(each, (counts.get(each) ?? 0) + 1);
    const [greediest] = [...counts].sort(([, a], [, b]) => b - a)[0] ?? [];
    this.#make(this.#most, (other) => other.key !== undefined, greediest);
    connection.key = key;
  }

  #moved(socket: Socket, connection: Connection): void {
    this.#open.delete(socket);
    this.#open.set(socket, connection);
  }

  /** Ends one of some connections where there are `most`, of this key if one is given: one that is asked nothing, if any. */
  #make(most: number, isOne: (connection: Connection) => boolean, key?: string): void {
    const all = [...this.#open].filter(([, connection]) => isOne(connection));
    if (all.length < most) return;
    const those = all.filter(([, connection]) => key === undefined || connection.key === key);
    const [socket] = those.find(([, { isAsked }]) => !isAsked) ?? those[0] ?? [];
    if (socket === undefined) return;
    this.#open.delete(socket);
    socket.destroy();
  }
}
