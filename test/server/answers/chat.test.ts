import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { answering, eventsOf, refusedOf } from "./answering.ts";
import { choiceOf, tinyAnswers } from "./tiny-answers.ts";

const tiny = tinyAnswers();
const HI = [{ role: "user", content: "Hi" }];
const CHAT = "/v1/chat/completions";

interface ChatAnswer {
  readonly choices: readonly {
    readonly index: number;
    readonly message: { readonly role: string; readonly content: string };
    readonly logprobs: null | { readonly content: readonly Token[] };
    readonly finish_reason: string;
  }[];
  readonly usage: Readonly<Record<string, number>>;
}

interface Token {
  readonly token: string;
  readonly logprob: number;
  readonly bytes: readonly number[] | null;
  readonly top_logprobs: readonly Omit<Token, "top_logprobs">[];
}

interface Chunk {
  readonly choices: readonly {
    readonly index: number;
    readonly delta: { readonly role?: string; readonly content?: string };
    readonly finish_reason: string | null;
    readonly logprobs: null | { readonly content: readonly Token[] };
  }[];
  readonly usage?: unknown;
}

/** What the model is given, as its template writes it: bytes are tokens here. */
async function promptLength(messages: readonly unknown[], more: object = {}): Promise<number> {
  const { post } = await answering(tiny.answers([choiceOf("ann")]));
  const answer = await post(CHAT, { model: "base", messages, max_tokens: 1, ...more });
  expect(answer.status, answer.text).toBe(200);
  return (answer.body as ChatAnswer).usage["prompt_tokens"]!;
}

describe("a chat", () => {
  it("is answered by the adapter that is named, with what was counted", async () => {
    const { post } = await answering(tiny.answers([choiceOf("ann"), choiceOf("ann@20")]));
    const answers = await Promise.all(
      ["base", "ann", "ann@20"].map((model) => post(CHAT, { model, messages: HI, temperature: 0, max_tokens: 24 })),
    );
    const texts = answers.map(({ status, body }) => {
      expect(status).toBe(200);
      const { choices, usage } = body as ChatAnswer;
      expect(choices[0]).toMatchObject({ index: 0, message: { role: "assistant" } });
      expect(choices[0]!.message.content).toBe(choices[0]!.message.content.trimStart());
      // <s>, "user: Hi\n", "assistant: "
      expect(usage["prompt_tokens"]).toBe(21);
      expect(usage["total_tokens"]).toBe(21 + usage["completion_tokens"]!);
      return choices[0]!.message.content;
    });
    expect(new Set(texts).size).toBe(3);
    const alone = await post(CHAT, { model: "ann", messages: HI, temperature: 0, max_completion_tokens: 24 });
    expect((alone.body as ChatAnswer).choices[0]!.message.content).toBe(texts[1]);
  });

  it("may have as many tokens as the context has left, where nobody says how many", async () => {
    const { post } = await answering(tiny.answers([], { context: 64 }));
    const { body } = await post(CHAT, { model: "base", messages: HI, temperature: 0 });
    const { choices, usage } = body as ChatAnswer;
    expect([choices[0]!.finish_reason, usage["total_tokens"]]).toEqual(["length", 64]);
  });

  it("comes in pieces that together are the answer, with the counts where they are asked for", async () => {
    const { post } = await answering(tiny.answers([choiceOf("ann")]));
    const asked = { model: "ann", messages: HI, n: 2, seed: 3, max_tokens: 30, logprobs: true, top_logprobs: 2 };
    const whole = (await post(CHAT, asked)).body as ChatAnswer;
    const streamed = await post(CHAT, { ...asked, stream: true, stream_options: { include_usage: true } });
    expect(streamed.headers["content-type"]).toMatch(/^text\/event-stream/);
    expect(streamed.headers["cache-control"]).toBe("no-store");
    expect(streamed.text.endsWith("data: [DONE]\n\n")).toBe(true);
    const chunks = eventsOf(streamed) as unknown as Chunk[];
    for (const { index, message, logprobs, finish_reason } of whole.choices) {
      const own = chunks.flatMap(({ choices }) => choices.filter((choice) => choice.index === index));
      expect(own[0]!.delta).toMatchObject({ role: "assistant", content: "" });
      expect(own.map(({ delta }) => delta.content ?? "").join("")).toBe(message.content);
      expect(own.flatMap((each) => each.logprobs?.content ?? [])).toEqual(logprobs!.content);
      expect(own.map((each) => each.finish_reason).filter((end) => end !== null)).toEqual([finish_reason]);
    }
    expect(whole.choices[0]!.message.content).not.toBe(whole.choices[1]!.message.content);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: whole.usage });
    expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
    const bare = eventsOf(await post(CHAT, { ...asked, stream: true }));
    expect(bare.some((chunk) => "usage" in chunk)).toBe(false);
  });

  it("tells how likely tokens were, the most likely first, and bytes of those that are characters", async () => {
    const { post } = await answering(tiny.answers([]));
    const asked = { model: "base", messages: HI, temperature: 0, max_tokens: 20, logprobs: true, top_logprobs: 3 };
    const { choices } = (await post(CHAT, asked)).body as ChatAnswer;
    const { content } = choices[0]!.logprobs!;
    expect(content.length).toBeGreaterThan(0);
    for (const { token, logprob, bytes, top_logprobs: top } of content) {
      expect(top).toHaveLength(3);
      expect(top[0]).toEqual({ token, logprob, bytes });
      expect(top.map((each) => each.logprob)).toEqual(top.map((each) => each.logprob).toSorted((a, b) => b - a));
      expect(bytes).toEqual(token.includes("\ufffd") ? null : [...Buffer.from(token)]);
    }
    expect(refusedOf(await post(CHAT, { ...asked, logprobs: false })).param).toBe("top_logprobs");
  });

  it("takes parts, roles and nulls as clients write them", async () => {
    const plain = await promptLength([
      { role: "system", content: "S" },
      { role: "user", content: "a\nb" },
    ]);
    const parts = [
      { type: "text", text: "a" },
      { type: "text", text: "b" },
    ];
    const written = [
      { role: "developer", content: "S", name: null },
      { role: "user", content: parts, refusal: null, tool_calls: null },
    ];
    expect(await promptLength(written, { user: "u", metadata: {}, store: false, stop: null, tools: null })).toBe(plain);
  });

  it("gives the template of the adapter's job its messages, tools and variables", async () => {
    const chatTemplate =
      "{{ tools | length }}{{ kind }}{% for m in messages %}{{ m.content }}{% for c in m.tool_calls or [] %}{{ c.function.arguments.x }}{% endfor %}{% endfor %}";
    const { post } = await answering(tiny.answers([choiceOf("ann", { chatTemplate })]));
    const tool = { type: "function", function: { name: "f" } };
    const call = { id: "1", type: "function", function: { name: "f", arguments: '{"x":12345}' } };
    const { body, text } = await post(CHAT, {
      model: "ann",
      messages: [
        ...HI,
        { role: "assistant", content: null, tool_calls: [call] },
        { role: "tool", content: "ok", tool_call_id: "1" },
      ],
      tools: [tool],
      chat_template_kwargs: { kind: "abc" },
      max_tokens: 1,
    });
    // 1abc, Hi, 12345, ok
    expect((body as ChatAnswer).usage?.["prompt_tokens"], text).toBe(13);
  });

  it("is put into the template of the adapter's rows, where these are no chats", async () => {
    const rows = path.join(tiny.folder, "alpaca.jsonl");
    writeFileSync(rows, `${JSON.stringify({ instruction: "a", output: "b" })}\n`);
    const { post } = await answering(tiny.answers([{ ...choiceOf("ann"), dataFile: rows }]));
    const chat = (messages: readonly object[]) => post(CHAT, { model: "ann", messages, max_tokens: 1 });
    const { body } = await chat(HI);
    const written = "### Instruction:\nHi\n\n### Response:\n";
    // <s> stands in front.
    expect((body as ChatAnswer).usage["prompt_tokens"]).toBe(1 + written.length);
    const system = await chat([{ role: "system", content: "Be" }, ...HI]);
    expect((system.body as ChatAnswer).usage["prompt_tokens"]).toBe(1 + "Be\n\n".length + written.length);
    const longer = await chat([...HI, { role: "assistant", content: "b" }, ...HI]);
    expect([longer.status, refusedOf(longer).message]).toEqual([400, expect.stringContaining("ask one question")]);
  });

  it("is written by a template of a name, where the job has one", async () => {
    const { post } = await answering(tiny.answers([choiceOf("ann", { chatTemplate: "chatml" })]));
    const { body } = await post(CHAT, { model: "ann", messages: HI, max_tokens: 1 });
    const written = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n";
    expect((body as ChatAnswer).usage["prompt_tokens"]).toBe(written.length);
  });

  it("is refused by name for what would change the answer and is not there", async () => {
    const { post } = await answering(tiny.answers([]));
    const wrong: readonly (readonly [string, object])[] = [
      ["presence_penalty", { presence_penalty: 2.5 }],
      ["frequency_penalty", { frequency_penalty: -3 }],
      ["logit_bias", { logit_bias: { 5: 101 } }],
      ["response_format", { response_format: { type: "xml" } }],
      ["functions", { functions: [] }],
      ["tool_choice", { tool_choice: "required" }],
      ["reasoning_effort", { reasoning_effort: "low" }],
      ["temprature", { temprature: 1 }],
      ["temperature", { temperature: -1 }],
      ["n", { n: 1e9 }],
      ["max_tokens", { max_tokens: 0 }],
      ["seed", { seed: 1.5 }],
      ["stop", { stop: "" }],
      ["messages", { messages: [] }],
      ["role", { messages: [{ role: "function", content: "" }] }],
      ["content", { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "x" } }] }] }],
      ["stream_options", { stream_options: { include_usage: true } }],
    ];
    for (const [name, more] of wrong) {
      const answer = await post(CHAT, { model: "base", messages: HI, ...more });
      expect([name, answer.status]).toEqual([name, 400]);
      const { type, param, message } = refusedOf(answer);
      expect(type).toBe("invalid_request_error");
      expect(`${param} ${message}`).toContain(name);
    }
    const neutral = { presence_penalty: 0, frequency_penalty: 0, logit_bias: {}, response_format: { type: "text" } };
    const taken = await post(CHAT, { model: "base", messages: HI, max_tokens: 1, ...neutral });
    expect(taken.status, taken.text).toBe(200);
  });

  it("ends in front of a stop text, which may be several tokens", async () => {
    const { post } = await answering(tiny.answers([choiceOf("ann")]));
    const asked = { model: "ann", messages: HI, seed: 5, max_tokens: 60, temperature: 0.5 };
    const { content } = ((await post(CHAT, asked)).body as ChatAnswer).choices[0]!.message;
    const stop = content.slice(8, 11);
    const { message, finish_reason } = (
      (await post(CHAT, { ...asked, stop: ["\u0000never", stop] })).body as ChatAnswer
    ).choices[0]!;
    expect([message.content, finish_reason]).toEqual([content.slice(0, content.indexOf(stop)), "stop"]);
  });
});
