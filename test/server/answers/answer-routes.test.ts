import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { DeviceError } from "../../../core/index.ts";
import { LIMITS } from "../../../server/index.ts";
import { ask, freshFolder } from "../served.ts";
import { answering, begin, refusedOf } from "./answering.ts";
import { choiceOf, tinyAnswers } from "./tiny-answers.ts";

const tiny = tinyAnswers();
const HI = { model: "base", messages: [{ role: "user", content: "Hi" }] };
const CHAT = "/v1/chat/completions";
const PATH = "/v1/completions";
const SOON = { timeout: 10_000, interval: 10 };

describe("models", () => {
  it("are the base, and what jobs have trained so far", async () => {
    const { get } = await answering(tiny.answers([choiceOf("ann"), choiceOf("ann@20", { writtenMs: 5000 })]));
    const { body } = await get("/v1/models");
    expect((body as { data: { id: string }[] }).data.map(({ id }) => id)).toEqual(["base", "ann", "ann@20"]);
    const one = { id: "ann@20", object: "model", created: 5, owned_by: "loratwin" };
    expect((await get("/v1/models/ann@20")).body).toEqual(one);
    expect((await get("/v1/models/ann%4020")).body).toEqual(one);
  });

  it("that are not there are told beside those that are", async () => {
    const { get, post } = await answering(tiny.answers([choiceOf("ann")]));
    for (const answer of [
      await get("/v1/models/bob"),
      await post(CHAT, { ...HI, model: "bob" }),
      await post(PATH, { model: "bob", prompt: "a", stream: true }),
    ]) {
      expect([answer.status, refusedOf(answer).code, refusedOf(answer).param]).toEqual([
        404,
        "model_not_found",
        "model",
      ]);
      expect(refusedOf(answer).message).toContain("base, ann");
    }
  });

  it("that are put away between two looks are not found, too", async () => {
    const adapters = [choiceOf("ann@20")];
    const live = tiny.answers(adapters);
    const { ask } = live;
    live.ask = async (name, use) => {
      adapters.pop();
      return (await ask.call(live, name, use)) as never;
    };
    const { post } = await answering(live);
    const gone = await post(PATH, { model: "ann@20", prompt: "a" });
    expect([gone.status, refusedOf(gone).code]).toEqual([404, "model_not_found"]);
  });

  it("answer nothing where the server was told so", async () => {
    const { get, post } = await answering(undefined);
    for (const answer of [
      await get("/v1/models"),
      await post(CHAT, HI),
      await post(PATH, { model: "base", prompt: "" }),
    ]) {
      expect(answer.status).toBe(400);
      expect(refusedOf(answer).message).toContain("--no-answers");
    }
  });

  it("without a tokenizer, or a chat template, are said to be so", async () => {
    const folder = freshFolder();
    const empty = tiny.answers([], {
      source: () => ({ folder, modelFolder: folder, dtype: "float32", adapters: [], specs: [], weights: undefined }),
    });
    const { post } = await answering(empty);
    expect(refusedOf(await post(CHAT, HI)).message).toContain("a chat template");
    expect(refusedOf(await post(PATH, { model: "base", prompt: "a" })).message).not.toContain(folder);
    const templateless = tiny.answers([choiceOf("ann")]);
    Object.defineProperty(templateless, "chatTemplate", { value: undefined });
    const bare = await answering(templateless);
    const refused = await bare.post(CHAT, HI);
    expect([refused.status, refusedOf(refused).message]).toEqual([400, expect.stringContaining("a chat template")]);
  });
});

describe("access", () => {
  it("needs the token of all other routes, and says so in the form of these", async () => {
    const { server } = await answering(tiny.answers([]), {
      tcp: { host: "127.0.0.1", port: 0, tokenFile: path.join(freshFolder(), "token") },
    });
    const { url } = server.address;
    for (const headers of [{}, { authorization: "Bearer wrong" }]) {
      const answer = await ask(url!, "POST", CHAT, { headers, body: HI });
      expect([answer.status, answer.headers["www-authenticate"]]).toEqual([401, "Bearer"]);
      expect(refusedOf(answer)).toMatchObject({ type: "authentication_error", code: "invalid_api_key" });
      expect((await ask(url!, "GET", "/v1/models", { headers })).status).toBe(401);
    }
    const foreign = await ask(url!, "POST", CHAT, { headers: { origin: "http://evil.example" }, body: HI });
    expect([foreign.status, refusedOf(foreign).type]).toEqual([403, "permission_error"]);
    const rebound = await ask(url!, "GET", "/v1/models", { headers: { host: "evil.example" } });
    expect(rebound.status).toBe(403);
  });

  it("is for so many requests at a time, and again when one has been answered", async () => {
    const live = tiny.answers([], { context: 2000 });
    const { post, server } = await answering(live, { limits: { answerRequests: 1 } });
    const stream = await begin(server.address.socket, PATH, {
      model: "base",
      prompt: "a",
      max_tokens: 1900,
      temperature: 0,
      stream: true,
    });
    const full = await post(CHAT, HI);
    expect([full.status, refusedOf(full).code]).toEqual([429, "rate_limit_exceeded"]);
    stream.destroy();
    await expect.poll(async () => (await post(CHAT, { ...HI, max_tokens: 1 })).status, SOON).toBe(200);
  });
});

describe("a client that leaves", () => {
  it.each([true, false])("frees its row, with stream: %s", async (stream) => {
    const live = tiny.answers([], { sequences: 1, context: 2000 });
    const { post, server, faults } = await answering(live);
    const asked = { model: "base", prompt: "a", max_tokens: 1900, temperature: 0, logit_bias: {} };
    await post(PATH, { ...asked, max_tokens: 1 });
    const controller = new AbortController();
    const headers = { host: "localhost", "content-type": "application/json" };
    const where = { socketPath: server.address.socket, method: "POST", path: PATH, headers };
    const sent = request({ ...where, signal: controller.signal }).on("error", () => {});
    sent.end(JSON.stringify({ ...asked, stream }));
    if (stream) {
      const [response] = (await once(sent, "response")) as [IncomingMessage];
      response.on("error", () => {});
      await once(response, "data");
    } else await new Promise((resolve) => setTimeout(resolve, 50));
    const before = Date.now();
    controller.abort();
    expect((await post(PATH, { ...asked, max_tokens: 1 })).status).toBe(200);
    const seconds = (Date.now() - before) / 1000;
    // The whole answer would have been 1900 runs of the model.
    const start = Date.now();
    await post(PATH, { ...asked, max_tokens: 400 });
    expect(seconds).toBeLessThan((Date.now() - start) / 1000);
    expect(faults).toEqual([]);
  });
});

describe("a client that does not read", () => {
  it("is dropped, and frees its rows", async () => {
    const live = tiny.answers([], { sequences: 32, context: 1000 });
    const { post, server, faults } = await answering(live, {
      limits: { eventBacklogBytes: 2 ** 16, answerRequests: 1 },
    });
    const long = { model: "base", prompt: "a", max_tokens: 900, n: 32, logprobs: 20, stream: true };
    const slow = await begin(server.address.socket, PATH, long);
    slow.pause();
    await expect.poll(async () => (await post(CHAT, { ...HI, max_tokens: 1 })).status, SOON).toBe(200);
    let text = "";
    slow.setEncoding("utf8").on("data", (piece: string) => {
      text += piece;
    });
    const closed = new Promise((resolve) => slow.on("close", resolve).on("error", resolve));
    slow.resume();
    await closed;
    expect([text.includes("data: {"), text.includes("[DONE]"), faults]).toEqual([true, false, []]);
  });
});

describe("what goes wrong", () => {
  it("while an answer streams is told in it", async () => {
    const live = tiny.answers([]);
    const { post, faults } = await answering(live);
    await live.ask("base", async (answerer) => {
      let left = 3;
      const { answer } = answerer;
      answerer.answer = async (asked) => {
        const onText: NonNullable<typeof asked.onText> = (text, tokens) => {
          asked.onText?.(text, tokens);
          left -= 1;
          if (left === 0) throw new DeviceError({ expected: "a device that works", got: "none" });
        };
        return await answer.call(answerer, { ...asked, onText });
      };
    });
    const { text } = await post(PATH, { model: "base", prompt: "a", max_tokens: 50, seed: 1, stream: true });
    const last = text.trimEnd().split("\n\n").at(-1)!;
    expect(JSON.parse(last.replace("data: ", ""))).toMatchObject({
      error: { type: "server_error", code: "device_failed", message: expect.stringContaining("a device that works") },
    });
    expect((await post(PATH, { model: "base", prompt: "a" })).status).toBe(200);
    expect(faults).toEqual([]);
  });

  it("before it is an answer of its own, and a fault is told to the server alone", async () => {
    const live = tiny.answers([]);
    const { post, faults } = await answering(live);
    live.ask = async () => {
      throw new DeviceError({ expected: "3 GiB of memory", got: "1 GiB" });
    };
    const short = await post(CHAT, { ...HI, stream: true });
    expect([short.status, refusedOf(short).code]).toEqual([503, "device_failed"]);
    live.ask = async () => {
      throw new Error("secret");
    };
    const fault = await post(CHAT, HI);
    expect([fault.status, fault.text.includes("secret"), faults.length]).toEqual([500, false, 1]);
    expect(refusedOf(fault).type).toBe("server_error");
  });

  it("in hostile bodies is refused, and nothing else happens", async () => {
    const { post, get, faults, server } = await answering(tiny.answers([]));
    const deep = (depth: number): string => `${"[".repeat(depth)}${"]".repeat(depth)}`;
    const bodies: readonly (readonly [string, number])[] = [
      ["", 400],
      ["{", 400],
      ["null", 400],
      ["[]", 400],
      ['"text"', 400],
      [`{"model":"base","prompt":"a","temperature":NaN}`, 400],
      [`{"model":"base","prompt":"a","temperature":1e999}`, 400],
      [`{"model":"base","prompt":"a","n":-1}`, 400],
      [`{"model":"base","prompt":"a","max_tokens":-1}`, 400],
      [`{"model":"base","prompt":"a","top_p":0}`, 400],
      [`{"model":"base","prompt":"a","seed":1e300}`, 400],
      [`{"model":"base","prompt":"a","__proto__":{"n":2}}`, 400],
      [`{"model":"base","prompt":${deep(50_000)}}`, 400],
      [`{"model":"base","prompt":"a","metadata":${deep(50_000)},"max_tokens":1}`, 400],
      [`{"model":"base","prompt":"a","unknown":${deep(50_000)}}`, 400],
      [`{"model":"../../etc/passwd","prompt":"a"}`, 404],
      [`{"model":"base","prompt":"${"a".repeat(10 * 2 ** 20)}"}`, 413],
    ];
    for (const [body, status] of bodies) {
      const answer = await ask(server.address.socket, "POST", PATH, { body }).catch((error: unknown) => error as Error);
      // A body of which no more is read may be cut off before the answer is.
      if (status === 413 && answer instanceof Error) continue;
      expect([body.slice(0, 70), (answer as { status: number }).status]).toEqual([body.slice(0, 70), status]);
    }
    const tools = `[{"type":"function","function":{"name":"f","parameters":${deep(20_000)}}}]`;
    const withTools = `${JSON.stringify(HI).slice(0, -1)},"max_tokens":1,"tools":`;
    expect((await ask(server.address.socket, "POST", CHAT, { body: `${withTools}${tools}}` })).status).toBe(400);
    expect((await post(PATH, { model: "base", prompt: "\ud800", max_tokens: 1 })).status).toBe(200);
    const full = `{"model":"base","prompt":"${"é".repeat(LIMITS.bodyBytes / 2 - 40)}"}`;
    expect(refusedOf(await ask(server.address.socket, "POST", PATH, { body: full })).code).toBe(
      "context_length_exceeded",
    );
    expect((await get(`/v1/models/${"%ff"}`)).status).toBe(400);
    expect(faults).toEqual([]);
  });
});
