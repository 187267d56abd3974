import { statSync } from "node:fs";
import path from "node:path";
import { DeviceError, InputError } from "../core/index.ts";
import { absolute, type Place } from "../files/index.ts";
import { checkSocketPath } from "./listen.ts";
import { readToken } from "./token-file.ts";

/** Beside the files of a run. */
export const CONTROL_SOCKET = "control.sock";

/** Where a server is, and what it wants to see. */
export type ServerAddress =
  | { readonly socket: string; readonly name: string }
  | { readonly host: string; readonly port: number; readonly token: string; readonly name: string };

/** Nobody serves there. */
export function noServer(name: string, got: string, cause?: unknown): DeviceError {
  return new DeviceError(
    {
      expected: "a server of a live fleet",
      at: name,
      got,
      hint: "Start one with `loratwin serve WORKLOAD -o RUN`, and name that RUN.",
    },
    { cause },
  );
}

function isHttp(given: string): boolean {
  return /^https?:\/\//.test(given);
}

/**
 * What a person names a server by: the run folder with its socket, a socket, or `http://127.0.0.1:PORT` beside a token
 * file. @throws InputError, DeviceError where nothing can be there
 */
export function serverAddress(place: Place, given: string, tokenFile: string | undefined): ServerAddress {
  if (!isHttp(given)) {
    if (tokenFile !== undefined)
      throw new InputError({
        expected: "http://127.0.0.1:PORT for --token-file",
        got: given,
        hint: "A socket asks for no token.",
      });
    const full = absolute(place, given);
    const found = statSync(full, { throwIfNoEntry: false });
    if (found === undefined) throw noServer(given, "no such folder");
    const socket = found.isDirectory() ? path.join(full, CONTROL_SOCKET) : full;
    checkSocketPath(socket);
    return { socket, name: given };
  }
  const url = URL.parse(given);
  if (url === null || url.protocol !== "http:" || url.pathname !== "/" || url.username !== "" || url.search !== "")
    throw new InputError({ expected: "an address such as http://127.0.0.1:8080", got: given });
  if (tokenFile === undefined)
    throw new InputError({
      expected: "--token-file beside an address",
      got: given,
      hint: "It lies in the server's run folder: token.",
    });
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  return { host, port: Number(url.port || 80), token: readToken(place, tokenFile), name: given };
}
