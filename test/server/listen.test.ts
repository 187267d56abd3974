import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { DeviceError, InputError } from "../../core/index.ts";
import { createFleetClient, ensureTokens, openServer, readToken } from "../../server/index.ts";
import { createFleetDouble } from "./fleet-double.ts";
import { ASSETS, ask, freshFolder, serve } from "./served.ts";

const modeOf = (file: string): string => (statSync(file).mode & 0o777).toString(8);
const TCP = { host: "127.0.0.1", port: 0, tokenFile: "control.token" };

describe("the socket", () => {
  it("is for its user only, whatever the umask, and goes when the server goes", async () => {
    const before = process.umask(0);
    try {
      const { server } = await serve();
      expect(modeOf(server.address.socket)).toBe("600");
      expect(process.umask(0)).toBe(0);
      await server.close();
      expect(existsSync(server.address.socket)).toBe(false);
    } finally {
      process.umask(before);
    }
  });

  it("that a process left behind is replaced", async () => {
    const socket = path.join(freshFolder(), "control.sock");
    const leave = `require("net").createServer().listen(${JSON.stringify(socket)}, () => process.kill(process.pid, 9))`;
    expect(() => execFileSync(process.execPath, ["-e", leave], { stdio: "ignore" })).toThrow();
    expect(statSync(socket).isSocket()).toBe(true);
    const { server } = await serve({ socket });
    expect((await ask(server.address.socket, "GET", "/v1/status")).status).toBe(200);
  });

  it("of a server that is alive is left to it", async () => {
    const { server } = await serve();
    await expect(serve({ socket: server.address.socket })).rejects.toThrow(/a socket on which nobody listens/);
    expect((await ask(server.address.socket, "GET", "/v1/status")).status).toBe(200);
  });

  it("does not take the place of a file", async () => {
    const file = path.join(freshFolder(), "data");
    writeFileSync(file, "precious");
    await expect(serve({ socket: file })).rejects.toThrow(InputError);
    expect(readFileSync(file, "utf8")).toBe("precious");
  });

  it("whose path is longer than the system takes is named, with the way out", async () => {
    const socket = path.join(freshFolder(), "n".repeat(100), "control.sock");
    await expect(serve({ socket })).rejects.toThrow(/a socket's path of at most \d+ bytes.*\nHint: .*--socket/s);
  });

  it("in a folder that is not there is an environment that lacks something", async () => {
    await expect(serve({ socket: "none/control.sock" })).rejects.toThrow(DeviceError);
  });
});

describe("TCP", () => {
  it("asks for the token of the token file, which it makes for its user only", async () => {
    const { server } = await serve({ tcp: TCP });
    const { url, tokenFile } = server.address;
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(modeOf(tokenFile!)).toBe("600");
    const token = readFileSync(tokenFile!, "utf8").trim();
    const get = (authorization?: string, target = "/v1/jobs") =>
      ask(url!, "GET", target, authorization === undefined ? {} : { headers: { authorization } });
    expect((await get(`Bearer ${token}`)).status).toBe(200);
    for (const wrong of [
      undefined,
      "Bearer ",
      `Bearer ${token}x`,
      `Bearer ${token.slice(1)}`,
      `Basic ${token}`,
      token,
    ]) {
      const answer = await get(wrong);
      expect(answer.status).toBe(401);
      expect(answer.headers["www-authenticate"]).toBe("Bearer");
      expect(answer.text).not.toContain(token);
    }
    for (const target of ["/v1/events", "/v1/openapi.json", "/v1/status", "/elsewhere", "//"])
      expect((await get(undefined, target)).status).toBe(401);
    // The page holds nothing and asks for the token itself; the socket's mode is its guard.
    expect((await get(undefined, "/")).status).toBe(200);
    expect((await ask(server.address.socket, "GET", "/v1/jobs")).status).toBe(200);
  });

  it("looks at the token before the body", async () => {
    const { server } = await serve({ tcp: TCP });
    expect((await ask(server.address.url!, "POST", "/v1/jobs", { body: "{" })).status).toBe(401);
  });

  it.each(["0.0.0.0", "::", "192.168.0.1", "example.com"])("does not listen on %s", async (host) => {
    await expect(serve({ tcp: { ...TCP, host } })).rejects.toThrow(/an address of this machine only/);
  });

  it("leaves nothing open where it cannot listen", async () => {
    const folder = freshFolder();
    const socket = path.join(folder, "control.sock");
    await expect(serve({ socket, tcp: { ...TCP, host: "0.0.0.0" } })).rejects.toThrow();
    expect(existsSync(socket)).toBe(false);
  });
});

describe("a server that has no fleet yet", () => {
  it("listens, and answers everybody that it loads, until it has one", async () => {
    const folder = freshFolder();
    const place = { cwd: folder };
    await using server = await openServer({ place, socket: "control.sock", tcp: TCP });
    const { socket, url } = server.address;
    for (const where of [socket, url!]) {
      const { status, headers, body } = await ask(where, "POST", "/v1/jobs", { body: { name: "a" } });
      expect([status, headers["retry-after"]]).toEqual([503, "1"]);
      expect(body).toMatchObject({ error: { got: "one that loads its model" } });
    }
    const client = createFleetClient({ socket, name: "run" });
    await expect(client.jobs()).rejects.toThrow(DeviceError);
    await server.serve(createFleetDouble(), { assets: ASSETS, onFault: () => {} });
    expect((await client.jobs()).jobs).toEqual([]);
    expect((await ask(url!, "GET", "/v1/jobs")).status).toBe(401);
  });

  it("says of an address in use that it is, and leaves nothing", async () => {
    const { server } = await serve({ tcp: TCP });
    const folder = freshFolder();
    const port = Number(new URL(server.address.url!).port);
    const listens = { place: { cwd: folder }, socket: "control.sock", tcp: { ...TCP, port } };
    await expect(openServer(listens)).rejects.toThrow(/an address to listen on at .*, got "one that is in use"/);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("a token file", () => {
  const token = "t".repeat(43);
  const written = (text: string, mode: number): string => {
    const file = path.join(freshFolder(), "token");
    writeFileSync(file, text, { mode });
    chmodSync(file, mode);
    return file;
  };

  it("is kept where it is there", () => {
    const file = path.join(freshFolder(), "token");
    const [made] = ensureTokens({ cwd: "/" }, file);
    expect(made!.length).toBeGreaterThanOrEqual(43);
    expect(ensureTokens({ cwd: "/" }, file)).toEqual([made]);
    expect(readToken({ cwd: "/" }, file)).toBe(made);
  });

  it.each([0o640, 0o604, 0o660, 0o644, 0o620])("of mode %o is refused, by server and client", async (mode) => {
    const file = written(token, mode);
    expect(() => readToken({ cwd: "/" }, file)).toThrow(/a token file of mode 0600.*got "0/);
    await expect(serve({ tcp: { ...TCP, tokenFile: file } })).rejects.toThrow(InputError);
  });

  it.each(["", "short", "with spaces and more than thirty-two letters", "t".repeat(5000)])(
    "needs a token: %.20s",
    (text) => {
      expect(() => readToken({ cwd: "/" }, written(text, 0o600))).toThrow(/a token of 32 letters/);
    },
  );

  it("may have a token a line, each of which is taken, and is refused with a line that is none", async () => {
    const other = "o".repeat(43);
    const file = written(`${token}\n${other}\n`, 0o600);
    expect(readToken({ cwd: "/" }, file)).toBe(token);
    const { server } = await serve({ tcp: { ...TCP, tokenFile: file } });
    for (const [sent, status] of [
      [token, 200],
      [other, 200],
      ["x".repeat(43), 401],
      [`${token}${other}`, 401],
    ] as const) {
      const answer = await ask(server.address.url!, "GET", "/v1/status", {
        headers: { authorization: `Bearer ${sent}` },
      });
      expect(answer.status).toBe(status);
    }
    expect(() => readToken({ cwd: "/" }, written(`${token}\nshort\n`, 0o600))).toThrow(/32 letters and digits/);
  });

  it("is no link, and no folder", () => {
    const file = written(token, 0o600);
    const link = `${file}-link`;
    symlinkSync(file, link);
    expect(() => readToken({ cwd: "/" }, link)).toThrow(/got "a link"/);
    expect(() => ensureTokens({ cwd: "/" }, link)).toThrow(/got "a link"/);
    expect(() => readToken({ cwd: "/" }, path.dirname(file))).toThrow(InputError);
  });
});
