import path from "node:path";
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { readToken } from "../../../server/index.ts";
import { freshFolder } from "../served.ts";
import { answering, refusedOf } from "./answering.ts";
import { choiceOf, tinyAnswers } from "./tiny-answers.ts";

const tiny = tinyAnswers();
const CHAT = "/v1/chat/completions";
const messages = [{ role: "user" as const, content: "Hi" }];
const TOOLS_TEMPLATE =
  "{% for tool in tools or [] %}{{ tool.function.name }}{% endfor %}{% for m in messages %}{{ m.content }}{% endfor %}<tool_call>";
const SCHEMA = {
  type: "object",
  properties: {
    name: { type: "string", maxLength: 5 },
    age: { type: "integer", minimum: 0, maximum: 150 },
    kinds: { type: "array", items: { enum: ["a", "bc"] }, minItems: 1, maxItems: 3 },
  },
  required: ["name", "age", "kinds"],
};
const FORMAT = { type: "json_schema" as const, json_schema: { name: "person", strict: true, schema: SCHEMA } };
const TOOL = { type: "function" as const, function: { name: "look_up", parameters: SCHEMA } };

async function connect() {
  const tokenFile = path.join(freshFolder(), "token");
  const adapters = [choiceOf("ann"), choiceOf("caller", { chatTemplate: TOOLS_TEMPLATE })];
  const live = tiny.answers(adapters, { context: 1024 });
  const tcp = { host: "127.0.0.1", port: 0, tokenFile };
  const { server, post, faults } = await answering(live, { tcp });
  const apiKey = readToken({ cwd: path.dirname(tokenFile) }, tokenFile);
  return { post, faults, client: new OpenAI({ baseURL: `${server.address.url}/v1`, apiKey, maxRetries: 0 }) };
}

function checkPerson(text: string): void {
  const { name, age, kinds } = JSON.parse(text) as { name: string; age: number; kinds: readonly string[] };
  expect([...name].length).toBeLessThanOrEqual(5);
  expect(Number.isInteger(age) && age >= 0 && age <= 150).toBe(true);
  expect(kinds.length > 0 && kinds.every((kind) => ["a", "bc"].includes(kind))).toBe(true);
}

describe("an answer in JSON", () => {
  it("keeps to its schema at every temperature, and others beside it say what they say alone", async () => {
    const { client, faults } = await connect();
    const asked = { model: "ann", messages, seed: 3, max_tokens: 300 };
    const alone = await client.chat.completions.create({ ...asked, n: 2 });
    const [plain, ...formed] = await Promise.all([
      client.chat.completions.create({ ...asked, n: 2 }),
      ...[0, 1, 2].map((temperature) =>
        client.chat.completions.create({ ...asked, temperature, n: 3, response_format: FORMAT }),
      ),
    ]);
    expect(plain!.choices).toEqual(alone.choices);
    for (const { choices } of formed)
      for (const { message, finish_reason } of choices) {
        checkPerson(message.content!);
        expect(finish_reason).toBe("stop");
      }
    expect(faults).toEqual([]);
  });

  it("comes as a stream, and parsed by the client's helper", async () => {
    const { client } = await connect();
    const asked = { model: "ann", messages, seed: 5, max_tokens: 300, response_format: FORMAT };
    const parsed = await client.chat.completions.parse(asked);
    expect(parsed.choices[0]!.message.parsed).toEqual(JSON.parse(parsed.choices[0]!.message.content!));
    const streamed = await client.chat.completions.stream(asked).finalChatCompletion();
    expect(streamed.choices[0]!.message.content).toBe(parsed.choices[0]!.message.content);
  });

  it("is an object in JSON mode, or the beginning of one", async () => {
    const { client } = await connect();
    const { choices } = await client.chat.completions.create({
      ...{ model: "base", messages, seed: 1, n: 8, max_tokens: 60, response_format: { type: "json_object" } },
    });
    for (const { message, finish_reason: reason } of choices) {
      expect(message.content!.trimStart()[0]).toBe("{");
      if (reason === "stop") expect(JSON.parse(message.content!)).toBeInstanceOf(Object);
      else expect(reason).toBe("length");
    }
  });

  it("is refused with a schema that is not supported, too large or without values, before and in no stream", async () => {
    const { post, faults } = await connect();
    const ask = async (schema: unknown, more: object = {}) => {
      const format = { ...FORMAT, json_schema: { name: "x", schema } };
      return await post(CHAT, { model: "ann", messages, max_tokens: 5, response_format: format, ...more });
    };
    const at = "response_format.json_schema.schema";
    for (const stream of [false, true]) {
      for (const [schema, param] of [
        [{ type: "object", patternProperties: {} }, `${at}.patternProperties`],
        [{ $ref: "#" }, null],
        [{ type: "string", maxLength: 1e12 }, null],
        [{ type: "string", pattern: "^(a|a)*(a*)*(a?){900}b$" }, null],
      ] as const) {
        const answer = await ask(schema, { stream });
        expect([schema, answer.status]).toEqual([schema, 400]);
        expect(refusedOf(answer).param).toBe(param);
      }
    }
    expect((await ask({ type: "string" }, { response_format: { type: "xml" } })).status).toBe(400);
    expect((await ask({ enum: ["x"] })).status).toBe(200);
    expect(faults).toEqual([]);
  });
});

describe("penalties and biases", () => {
  const ask = async (more: object): Promise<string> => {
    const { client } = await connect();
    const asked = { model: "base", prompt: "aaaa", temperature: 0, max_tokens: 40 };
    return (await client.completions.create({ ...asked, ...more })).choices[0]!.text;
  };

  it("make what has come rarer", async () => {
    const different = (text: string): number => new Set(text).size;
    const plain = await ask({});
    expect(await ask({ presence_penalty: 0, frequency_penalty: 0, repetition_penalty: 1, logit_bias: {} })).toBe(plain);
    for (const more of [{ presence_penalty: 2 }, { frequency_penalty: 2 }, { repetition_penalty: 50 }])
      expect([more, different(await ask(more)) > different(plain)]).toEqual([more, true]);
  });

  it("make a token certain, or impossible", async () => {
    expect(await ask({ logit_bias: { 65: 100 }, max_tokens: 5 })).toBe("AAAAA");
    const [first] = await ask({
      max_tokens: 1,
      logit_bias: Object.fromEntries([...Array(26)].map((_, i) => [97 + i, 100])),
    });
    expect(first).toMatch(/[a-z]/);
    expect(
      await ask({
        max_tokens: 1,
        logit_bias: Object.fromEntries(
          [...Array(26)].map((_, i) => [97 + i, 100]).concat([[first!.charCodeAt(0), -100]]),
        ),
      }),
    ).not.toBe(first);
  });

  it("are refused out of their range", async () => {
    const { post } = await connect();
    for (const [key, value] of [
      ["presence_penalty", 2.1],
      ["frequency_penalty", -3],
      ["repetition_penalty", 0],
      ["logit_bias", { 65: 101 }],
      ["logit_bias", { a: 1 }],
      ["logit_bias", { 259: 1 }],
      ["logit_bias", Object.fromEntries([...Array(301)].map((_, i) => [i, 1]))],
    ] as const) {
      const answer = await post("/v1/completions", { model: "base", prompt: "a", max_tokens: 1, [key]: value });
      expect([key, value, answer.status]).toEqual([key, value, 400]);
      expect(refusedOf(answer).param).toContain(key);
    }
  });
});

describe("tools", () => {
  it("are called where that is asked for, at once and as a stream", async () => {
    const { client } = await connect();
    const asked = { model: "caller", messages, seed: 2, max_tokens: 400, tools: [TOOL] };
    for (const tool_choice of ["required" as const, { type: "function" as const, function: { name: "look_up" } }]) {
      const { choices } = await client.chat.completions.create({ ...asked, tool_choice });
      const { message, finish_reason: reason } = choices[0]!;
      const [call] = message.tool_calls as OpenAI.ChatCompletionMessageFunctionToolCall[];
      expect([reason, message.content, call!.function.name]).toEqual(["tool_calls", null, "look_up"]);
      checkPerson(call!.function.arguments);
      const streamed = await client.chat.completions.stream({ ...asked, tool_choice }).finalChatCompletion();
      const [again] = streamed.choices[0]!.message.tool_calls!;
      expect([streamed.choices[0]!.finish_reason, again!.function]).toMatchObject(["tool_calls", call!.function]);
      // What was called is a message of the next request.
      const told = { role: "tool" as const, tool_call_id: call!.id, content: "found" };
      const next = await client.chat.completions.create({
        ...asked,
        messages: [...messages, message, told],
        max_tokens: 1,
      });
      expect(next.choices).toHaveLength(1);
    }
  });

  it("are not called where that makes no sense", async () => {
    const { post } = await connect();
    const ask = async (more: object) => await post(CHAT, { model: "caller", messages, max_tokens: 2, ...more });
    for (const more of [
      { tool_choice: "required" },
      { tools: [], tool_choice: "required" },
      { tools: [TOOL], tool_choice: { type: "function", function: { name: "other" } } },
      { tools: [TOOL], tool_choice: "required", model: "ann" },
      { tools: [TOOL], response_format: { type: "json_object" } },
      { tools: [{ type: "function", function: { name: "no name" } }] },
    ])
      expect([more, (await ask(more)).status]).toEqual([more, 400]);
    for (const more of [
      { tools: [TOOL] },
      { tools: [TOOL], tool_choice: "none", response_format: { type: "json_object" } },
    ])
      expect([more, (await ask(more)).status]).toEqual([more, 200]);
  });
});
