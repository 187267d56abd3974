import path from "node:path";
import OpenAI, { APIUserAbortError, AuthenticationError, BadRequestError, NotFoundError } from "openai";
import { describe, expect, it } from "vitest";
import { readToken } from "../../../server/index.ts";
import { freshFolder } from "../served.ts";
import { answering } from "./answering.ts";
import { choiceOf, tinyAnswers } from "./tiny-answers.ts";

const tiny = tinyAnswers();
const messages = [{ role: "user" as const, content: "Hi" }];

interface Client {
  readonly client: OpenAI;
  readonly baseURL: string;
}

/** OpenAI's own client, which talks to a server over TCP. */
async function connect(): Promise<Client> {
  const tokenFile = path.join(freshFolder(), "token");
  const live = tiny.answers([choiceOf("ann"), choiceOf("ann@20"), choiceOf("bob", { rank: 3 })], { context: 1024 });
  const { server } = await answering(live, { tcp: { host: "127.0.0.1", port: 0, tokenFile } });
  const baseURL = `${server.address.url}/v1`;
  const apiKey = readToken({ cwd: path.dirname(tokenFile) }, tokenFile);
  return { baseURL, client: new OpenAI({ baseURL, apiKey, maxRetries: 0 }) };
}

describe("OpenAI's client", () => {
  it("lists and looks up models", async () => {
    const { client } = await connect();
    const names: string[] = [];
    for await (const { id } of client.models.list()) names.push(id);
    expect(names).toEqual(["base", "ann", "ann@20", "bob"]);
    expect((await client.models.retrieve("ann@20")).id).toBe("ann@20");
  });

  it("chats at once and as a stream, with the same words", async () => {
    const { client } = await connect();
    const asked = { model: "ann", messages, temperature: 0.7, seed: 4, max_completion_tokens: 40 };
    const whole = await client.chat.completions.create({ ...asked, logprobs: true, top_logprobs: 2 });
    const [choice] = whole.choices;
    expect(choice!.logprobs!.content).toHaveLength(whole.usage!.completion_tokens);
    const stream = await client.chat.completions.create({
      ...asked,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    let usage: unknown;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      usage = chunk.usage ?? usage;
    }
    expect([text, usage]).toEqual([choice!.message.content, whole.usage]);
    // What it was answered is a message of the next request.
    const next = await client.chat.completions.create({
      ...asked,
      messages: [...messages, choice!.message, { role: "user", content: [{ type: "text", text: "And?" }] }],
    });
    expect(next.usage!.prompt_tokens).toBeGreaterThan(whole.usage!.prompt_tokens);
  });

  it("gathers a stream with its helper, and completes texts", async () => {
    const { client } = await connect();
    const asked = { model: "bob", messages, temperature: 0, max_tokens: 20 };
    const gathered = await client.chat.completions.stream(asked).finalChatCompletion();
    const whole = await client.chat.completions.create(asked);
    expect(gathered.choices[0]!.message.content).toBe(whole.choices[0]!.message.content);
    const completed = { model: "ann@20", prompt: "Once", temperature: 0, max_tokens: 20 };
    const { choices } = await client.completions.create(completed);
    let text = "";
    for await (const chunk of await client.completions.create({ ...completed, stream: true }))
      text += chunk.choices[0]!.text;
    expect(text).toBe(choices[0]!.text);
  });

  it("breaks off a stream, and is answered again", async () => {
    const { client } = await connect();
    const asked = { model: "ann", prompt: "a", max_tokens: 1000, temperature: 0 };
    const stream = await client.completions.create({ ...asked, stream: true });
    for await (const _ of stream) break;
    const controller = new AbortController();
    const whole = client.completions.create(asked, { signal: controller.signal });
    setTimeout(() => controller.abort(), 30);
    await expect(whole).rejects.toThrow(APIUserAbortError);
    expect((await client.completions.create({ ...asked, max_tokens: 1 })).choices).toHaveLength(1);
  });

  it("throws its own errors for what is refused", async () => {
    const { client, baseURL } = await connect();
    const nobody = client.chat.completions.create({ model: "nobody", messages });
    await expect(nobody).rejects.toThrow(NotFoundError);
    await expect(nobody).rejects.toMatchObject({ code: "model_not_found", param: "model" });
    const penalized = client.chat.completions.create({ model: "ann", messages, presence_penalty: 3 });
    await expect(penalized).rejects.toThrow(BadRequestError);
    await expect(penalized).rejects.toMatchObject({ param: "presence_penalty" });
    const stranger = new OpenAI({ baseURL, apiKey: "wrong", maxRetries: 0 });
    await expect(stranger.models.list()).rejects.toThrow(AuthenticationError);
  });
});
