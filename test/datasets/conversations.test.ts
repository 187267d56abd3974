import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type DataSource, type FileSource, initModel, loadTokenizer, readDataset } from "../../datasets/index.ts";
import { temporaryFile } from "./shared.ts";

/** ChatML with an end token that is special, thoughts of the last answer alone, and tools where there are some. */
const TEMPLATE = `{%- if tools %}<tools>{{ tools | tojson }}</tools>
{%- endif %}{%- for m in messages %}[{{ m.role }}]
{%- if m.reasoning_content and loop.last %}<think>{{ m.reasoning_content }}</think>{% endif %}{{ m.content }}
{%- for call in m.tool_calls or [] %}<call>{{ call.function.arguments | tojson }}</call>{% endfor %}</s>
{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}`;

/** Of the whole file: models are made once. */
const made = fs.mkdtempSync(path.join(os.tmpdir(), "loratwin-"));
afterAll(() => fs.rmSync(made, { recursive: true, force: true }));
const folder = path.join(made, "model");
initModel({ folder, hiddenSize: 8, layers: 1, heads: 1, seed: 0 });

function tokenizerOf(template: string) {
  const own = fs.mkdtempSync(path.join(made, "tokenizer-"));
  fs.cpSync(folder, own, { recursive: true });
  fs.writeFileSync(path.join(own, "chat_template.jinja"), template);
  return loadTokenizer(own);
}
const tokenizer = tokenizerOf(TEMPLATE);
const MARKS = ["<s>", "</s>", "<pad>"];
const decode = (ids: readonly number[]): string =>
  Buffer.from(ids.flatMap((id) => (id < 256 ? [id] : [...Buffer.from(MARKS[id - 256]!)]))).toString();

async function read(records: readonly object[], source: Partial<FileSource> = {}) {
  const file = temporaryFile("r.jsonl", records.map((record) => JSON.stringify(record)).join("\n"));
  return await readDataset({ path: file, ...source } as DataSource, { tokenizer });
}

/** What is trained of a record: runs of scored tokens. */
async function trained(record: object, source: Partial<FileSource> = {}): Promise<readonly string[]> {
  const { rows } = await read([record], source);
  const { labels } = rows[0]!;
  const runs: number[][] = [];
  labels.forEach((label, at) => {
    if (label === -100) return;
    if (at === 0 || labels[at - 1] === -100) runs.push([]);
    runs.at(-1)!.push(label);
  });
  return runs.map(decode);
}

const say = (role: string, content: unknown, more: object = {}) => ({ role, content, ...more });
const TALK = [say("user", "1?"), say("assistant", "one"), say("user", "2?"), say("assistant", "two")];

describe("what is trained of a conversation", () => {
  it("is each of the assistant's turns with its end token, and no line break behind it", async () => {
    expect(await trained({ messages: TALK })).toEqual(["one</s>", "two</s>"]);
    expect(await trained({ messages: TALK }, { turns: "last" })).toEqual(["two</s>"]);
  });

  it.each([
    [
      "ShareGPT",
      {
        conversations: [
          { from: "human", value: "1?" },
          { from: "gpt", value: "one" },
        ],
      },
    ],
    ["JSON in a text", { messages: JSON.stringify(TALK.slice(0, 2)) }],
    [
      "a prompt and a completion of messages",
      { prompt: [TALK[0], say("assistant", "no")], completion: [say("assistant", "one")] },
    ],
    ["a system column", { system: "Be short.", messages: TALK.slice(0, 2) }],
    [
      "text parts",
      {
        messages: [
          TALK[0],
          say("assistant", [
            { type: "text", text: "o" },
            { type: "text", text: "ne" },
          ]),
        ],
      },
    ],
  ])("is the same of %s", async (_, record) => {
    expect(await trained(record)).toEqual(["one</s>"]);
  });

  it("is not what a row says is not trained: no token of it", async () => {
    for (const flag of [{ train: false }, { training: 0 }, { weight: "0" }, { weight: 0, train: true }])
      expect(await trained({ messages: [TALK[0], say("assistant", "one", flag), ...TALK.slice(2)] })).toEqual([
        "two</s>",
      ]);
    const parts = [
      { type: "text", text: "not ", train: false },
      { type: "text", text: "one" },
    ];
    expect(await trained({ messages: [TALK[0], say("assistant", parts)] })).toEqual(["one</s>"]);
  });

  it("is not a part of the answer that the thought or the role says too", async () => {
    const parts = [{ type: "text", text: "hm", train: false }];
    expect(await trained({ messages: [TALK[0], say("assistant", parts, { reasoning_content: "hm, hm" })] })).toEqual([
      "<think>hm, hm</think>",
      "</s>",
    ]);
  });

  it("is nothing of a row all of whose turns are not: it is left out and counted", async () => {
    const silent = { messages: [TALK[0], say("assistant", "one", { weight: 0 })] };
    expect(await read([silent, { messages: TALK }])).toMatchObject({ numUnscored: 1, rows: { length: 1 } });
    await expect(read([silent])).rejects.toThrow(/at least one scored token/);
  });

  it("is a call of a tool too, and the template is told of the tools", async () => {
    const call = { type: "function", function: { name: "add", arguments: '{"a": 1}' } };
    const tools = [{ type: "function", function: { name: "add" } }];
    const messages = [
      TALK[0],
      say("assistant", null, { tool_calls: [call] }),
      say("tool", "2"),
      say("assistant", "two"),
    ];
    const { rows } = await read([{ messages, tools }]);
    expect(decode([...rows[0]!.inputIds])).toContain('<tools>[{"type"');
    expect(await trained({ messages, tools: JSON.stringify(tools) })).toEqual(['<call>{"a": 1}</call></s>', "two</s>"]);
  });

  it("is told of where a message is left out, and refused where all are", async () => {
    const known = tokenizerOf(
      "{% for m in messages %}{% if m.role in ['user', 'assistant'] %}[{{ m.role }}]{{ m.content }}</s>{% endif %}{% endfor %}",
    );
    const readKnown = async (messages: readonly object[]) => {
      const file = temporaryFile("r.jsonl", JSON.stringify({ messages }));
      return await readDataset({ path: file }, { tokenizer: known });
    };
    const talk = [say("user", "Hi"), say("assistant", "Hi"), say("user", "So?"), say("assistant", "Yes")];
    expect((await readKnown(talk)).remarks).toEqual({});
    const { remarks } = await readKnown([...talk.slice(0, 3), say("asistant", "Hi"), ...talk.slice(2)]);
    expect(remarks).toEqual({
      'the chat template leaves out a message of role "asistant"': 1,
      'a message of role "asistant" is not an answer. Did you mean assistant?': 1,
    });
    await expect(readKnown([say("usr", "Hi"), say("asistant", "Hi")])).rejects.toThrow(
      /roles that the chat template writes at messages, got "usr, asistant"/,
    );
  });

  it("is found where the template writes a turn otherwise once others follow it", async () => {
    const thought = (content: string) => say("assistant", content, { reasoning_content: "hm" });
    expect(await trained({ messages: [TALK[0], thought("one"), TALK[2], thought("two")] })).toEqual([
      "one</s>",
      "<think>hm</think>two</s>",
    ]);
  });
});

describe("a conversation that cannot be trained as it is meant", () => {
  it.each([
    [
      "tools that the template does not write",
      { messages: TALK.slice(0, 2), tools: [{ name: "a" }] },
      /writes tools at tools/,
    ],
    ["two conversations", { messages: TALK, conversations: TALK }, /one conversation: messages or conversations/],
    ["two system texts", { system: "a", messages: [say("system", "b"), ...TALK] }, /one system text.* got "both"/],
    ["a system that is no text", { system: 5, messages: TALK }, /one system text.* got "?5/],
    [
      "a call without a name",
      { messages: [TALK[0], say("assistant", null, { tool_calls: [null] })] },
      /a call {function/,
    ],
    [
      "an old call",
      { messages: [TALK[0], say("assistant", "", { function_call: { name: "a" } })] },
      /"function_call" to be absent/,
    ],
    [
      "a picture that the user shows",
      { messages: [say("user", "?", { images: ["a.png"] }), TALK[1]] },
      /"images" to be absent/,
    ],
    [
      "a bad answer in messages that are a text",
      { messages: JSON.stringify([TALK[0], say("assistant", "no", { label: false })]) },
      /"label" to be true at messages\[1\]\.label/,
    ],
    [
      "a bad answer in a completion",
      { prompt: [TALK[0]], completion: [say("assistant", "no", { label: false })] },
      /"label" to be true at completion\[0\]\.label/,
    ],
    ["a mask of a conversation", { messages: TALK, loss_mask: [1, 0], labels: [1, 2] }, /"loss_mask" to be ones only/],
    [
      "a part that is no text",
      { messages: [say("assistant", [{ type: "image_url" }])] },
      /part of type text .* got "image_url"/,
    ],
    [
      "a speaker that nobody knows",
      { conversations: [{ from: "narrator", value: "a" }] },
      /one of human, .* got "narrator"/,
    ],
    ["an answer that is missing", { messages: [TALK[0], say("assistant", null)] }, /a text at messages\[1\]\.content/],
    ["a message that is none", { messages: ["hello"] }, /a message {role, content} at messages\[0\]/],
    ["tools that are no list", { messages: TALK, tools: { name: "a" } }, /a list of tools at tools/],
  ])("is refused: %s", async (what, record, message) => {
    const file = temporaryFile("r.jsonl", JSON.stringify(record));
    const own = what.startsWith("tools that the")
      ? tokenizerOf(TEMPLATE.replace(/{%- if tools.*?{%- endif %}/s, ""))
      : tokenizer;
    await expect(readDataset({ path: file }, { tokenizer: own })).rejects.toThrow(message);
  });
});
