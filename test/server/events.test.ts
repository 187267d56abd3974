import { type IncomingMessage, request } from "node:http";
import { describe, expect, it } from "vitest";
import { EventClients } from "../../server/event-clients.ts";
import { EventLog } from "../../server/event-log.ts";
import { eventParser, eventText, type StreamEvent } from "../../server/event-stream.ts";
import type { Notice } from "../../server/index.ts";
import { LossCurves } from "../../server/loss-curves.ts";
import { type Served, serve } from "./served.ts";

const step = (number: number): Notice => ({
  ...{
    kind: "step",
    name: "ann",
    step: number,
    loss: 1 / (number + 1),
    gradNorm: 1,
    learningRate: 1e-3,
    tokens: 8,
    seconds: 0.1,
  },
});

interface Listening {
  readonly response: IncomingMessage;
  readonly events: readonly StreamEvent[];
  readonly ids: readonly string[];
  close(): void;
}

async function listen({ server }: Served, lastId?: string): Promise<Listening> {
  const headers = { host: "localhost", ...(lastId === undefined ? {} : { "last-event-id": lastId }) };
  const sent = request({ socketPath: server.address.socket, path: "/v1/events", headers });
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    sent.on("response", resolve).on("error", reject).end();
  });
  const parse = eventParser();
  const events: StreamEvent[] = [];
  const ids: string[] = [];
  response.setEncoding("utf8").on("error", () => {});
  response.on("data", (piece: string) => {
    ids.push(...[...piece.matchAll(/^id: (.+)$/gm)].map(([, id]) => id!));
    events.push(...parse(piece));
  });
  return { response, events, ids, close: () => sent.destroy() };
}

async function until(isSo: () => boolean): Promise<void> {
  await expect.poll(isSo, { timeout: 5000, interval: 10 }).toBe(true);
}

const steps = ({ events }: Listening): readonly number[] =>
  events.map(({ data }) => (JSON.parse(data) as { readonly step: number }).step);

describe("events", () => {
  it("come as they happen, and after the id of the last one for who comes back", async () => {
    const served = await serve();
    const first = await listen(served);
    await until(() => first.ids.length === 1);
    for (const number of [0, 1, 2]) served.fleet.tell(step(number));
    await until(() => first.events.length === 3);
    expect(JSON.parse(first.events[2]!.data)).toEqual(step(2));
    first.close();
    served.fleet.tell(step(3));
    const second = await listen(served, first.events[1]!.id);
    await until(() => second.events.length === 2);
    served.fleet.tell(step(4));
    await until(() => second.events.length === 3);
    expect(steps(second)).toEqual([2, 3, 4]);
  });

  it("go on from the id that a stream without events began with", async () => {
    const served = await serve();
    served.fleet.tell(step(0));
    const first = await listen(served);
    await until(() => first.ids.length === 1);
    first.close();
    served.fleet.tell(step(1));
    const second = await listen(served, first.ids[0]!);
    await until(() => second.events.length === 1);
    expect(steps(second)).toEqual([1]);
  });

  it.each(["0-1", "nonsense", "-", "00"])(
    "that were missed before the server was there are said so: %s",
    async (id) => {
      const served = await serve();
      served.fleet.tell(step(0));
      const stream = await listen(served, id);
      await until(() => stream.events.length === 1);
      expect(stream.events[0]).toMatchObject({ event: "reset", data: "{}" });
    },
  );

  it("end for all when the server is closed, which hears no more of the fleet", async () => {
    const served = await serve();
    expect(served.fleet.numListeners).toBe(1);
    const stream = await listen(served);
    const ended = new Promise((resolve) => stream.response.on("end", resolve));
    await served.server.close();
    await ended;
    expect(served.fleet.numListeners).toBe(0);
  });

  it("are for so many connections at once", async () => {
    const served = await serve({ limits: { eventClients: 2 } });
    const open = [await listen(served), await listen(served)];
    expect((await listen(served)).response.statusCode).toBe(503);
    open[0]!.close();
    await expect.poll(async () => (await listen(served)).response.statusCode).toBe(200);
  });

  it("drop a connection that does not read", async () => {
    const served = await serve({ limits: { eventBacklogBytes: 2 ** 16 } });
    const slow = await listen(served);
    slow.response.pause();
    const quick = await listen(served);
    const closed = new Promise((resolve) => slow.response.on("close", resolve));
    const long = { kind: "end", name: "ann", standing: "failed", atSeconds: 1, adapter: null } as const;
    for (let sent = 0; sent < 1000; sent += 1) {
      served.fleet.tell({ ...long, why: "y".repeat(4000) });
      if (sent % 10 === 0) await until(() => quick.events.length >= sent);
    }
    slow.response.resume();
    await closed;
    expect(slow.events.length).toBeLessThan(1000);
    await until(() => quick.events.length === 1000);
  });
});

describe("the log of events", () => {
  it("keeps the latest by number and by bytes, and says when it cannot go on", () => {
    const log = new EventLog("e", { keptEvents: 3, keptEventBytes: 10_000 });
    const texts = [0, 1, 2, 3, 4].map((number) => log.add(step(number)));
    expect(log.after("e-2")).toEqual(texts.slice(2));
    expect(log.after("e-5")).toEqual([]);
    expect(log.after("e-1")).toBeUndefined();
    expect(log.after("e-6")).toBeUndefined();
    const small = new EventLog("e", { keptEvents: 100, keptEventBytes: 2 * texts[0]!.length });
    for (const number of [0, 1, 2, 3, 4]) small.add(step(number));
    expect(small.after("e-2")).toBeUndefined();
    expect(small.after("e-4")).toHaveLength(1);
  });

  it("has nothing to add for who has heard all, even where it holds nothing", () => {
    const log = new EventLog("e", { keptEvents: 0, keptEventBytes: 0 });
    expect(log.after("e-0")).toEqual([]);
    log.add(step(0));
    expect(log.after("e-0")).toBeUndefined();
    expect(log.after("e-1")).toEqual([]);
  });
});

describe("a stream of events", () => {
  it("is read whatever pieces it comes in", () => {
    const events = [0, 1, 2].map((number) => ({ id: `e-${number}`, event: "notice", data: `{"a: b":${number}}` }));
    const text = `id: e-9\n\n: \n\n${events.map(eventText).join("")}`;
    for (let size = 1; size < text.length; size += 1) {
      const parse = eventParser();
      const read: StreamEvent[] = [];
      for (let at = 0; at < text.length; at += size) read.push(...parse(text.slice(at, at + size)));
      expect(read).toEqual(events);
    }
  });

  it("has no clients left once it was closed", () => {
    const clients = new EventClients({ eventClients: 1, eventBacklogBytes: 1 }, 1);
    clients[Symbol.dispose]();
    expect(clients.size).toBe(0);
  });
});

describe("loss curves", () => {
  it("are thinned to means, and keep whoever trained last", () => {
    const curves = new LossCurves(2);
    for (let number = 0; number < 1000; number += 1) curves.add({ name: "long", loss: number });
    const { stride, points } = curves.all()[0]!;
    expect(stride).toBe(8);
    expect(points.length).toBe(125);
    expect(points).toEqual(points.map((_, i) => 8 * i + 3.5));
    curves.add({ name: "b", loss: null });
    curves.add({ name: "long", loss: 1 });
    curves.add({ name: "c", loss: 2 });
    expect(curves.all().map(({ name }) => name)).toEqual(["long", "c"]);
  });

  it("have gaps where no loss was a number", () => {
    const curves = new LossCurves(1);
    for (const loss of [null, 2]) curves.add({ name: "a", loss });
    expect(curves.all()[0]!.points).toEqual([null, 2]);
  });
});
