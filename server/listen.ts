import { once } from "node:events";
import { chmodSync, lstatSync, rmSync } from "node:fs";
import type { Server } from "node:http";
import { connect } from "node:net";
import { DeviceError, InputError } from "../core/index.ts";

/** Bytes of a socket's path that the system takes: sun_path less its last byte (Linux 108, macOS 104). */
const MOST_PATH_BYTES = process.platform === "darwin" ? 103 : 107;
const LOOPBACK = ["127.0.0.1", "::1", "localhost"];

/** Why the system gives no address, in words, and what helps. */
const REFUSALS: Readonly<Record<string, { readonly got: string; readonly hint?: string }>> = {
  EADDRINUSE: {
    got: "one that is in use",
    hint: "Another program listens there: end it, or take another one; port 0 is any that is free.",
  },
  EACCES: { got: "no permission" },
};

async function listening(server: Server, where: string, listen: () => void): Promise<void> {
  try {
    const ready = once(server, "listening");
    listen();
    await ready;
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    const facts = REFUSALS[code] ?? { got: code };
    throw new DeviceError({ expected: "an address to listen on", at: where, ...facts }, { cause: error });
  }
}

/** Whether somebody listens on a socket. */
async function isAlive(file: string): Promise<boolean> {
  const socket = connect(file);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** @throws InputError for a path that is too long. */
export function checkSocketPath(file: string): void {
  const bytes = Buffer.byteLength(file);
  if (bytes > MOST_PATH_BYTES)
    throw new InputError({
      expected: `a socket's path of at most ${MOST_PATH_BYTES} bytes`,
      at: "--socket",
      got: file,
      hint: `It has ${bytes}. Name a shorter one with --socket, such as one in $XDG_RUNTIME_DIR.`,
    });
}

/** Removes the socket of a process that is no more. @throws InputError for one that is alive, or something else */
async function makeWay(file: string): Promise<void> {
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket())
    throw new InputError({ expected: "a new path, or a socket that was left behind", at: "--socket", got: file });
  if (await isAlive(file))
    throw new InputError({
      expected: "a socket on which nobody listens",
      at: "--socket",
      got: file,
      hint: "Another server is there: end it first, or take another folder.",
    });
  rmSync(file, { force: true });
}

/** Listens on a Unix socket that only its user may open. @throws InputError, DeviceError */
export async function listenOnSocket(server: Server, file: string): Promise<void> {
  checkSocketPath(file);
  await makeWay(file);
  await listening(server, file, () => {
    // The socket is made within this call, and has its mode from the first moment.
    const before = process.umask(0o177);
    try {
      server.listen(file);
    } finally {
      process.umask(before);
    }
  });
  chmodSync(file, 0o600);
}

/** Listens on this machine only; returns the address. Port 0 takes one that is free. @throws InputError, DeviceError */
export async function listenOnLoopback(server: Server, host: string, port: number): Promise<string> {
  if (!LOOPBACK.includes(host))
    throw new InputError({
      expected: `an address of this machine only (${LOOPBACK.join(", ")})`,
      at: "--listen",
      got: host,
      hint: "From another machine: ssh -L 8080:127.0.0.1:8080 to this one.",
    });
  await listening(server, `${host}:${port}`, () => server.listen(port, host));
  const { address, port: taken, family } = server.address() as { address: string; port: number; family: string };
  return `http://${family === "IPv6" ? `[${address}]` : address}:${taken}`;
}
