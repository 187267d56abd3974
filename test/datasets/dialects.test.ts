import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { CHAT_TEMPLATES, type FileSource, initModel, loadTokenizer } from "../../datasets/index.ts";
import { readEachRecord } from "../../datasets/read-dataset.ts";
import { temporaryFile, temporaryFolder } from "./shared.ts";

/** Of the whole file: models are made once. */
const made = fs.mkdtempSync(path.join(os.tmpdir(), "loratwin-"));
afterAll(() => fs.rmSync(made, { recursive: true, force: true }));
initModel({ folder: made, hiddenSize: 8, layers: 1, heads: 1, seed: 0 });
const MARKED = `{%- for m in messages %}[{{ m.role }}]
{%- if m.role == 'assistant' %}{% generation %}{{ m.content }}</s>{% endgeneration %}{% else %}{{ m.content }}{% endif %}
{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}`;
fs.writeFileSync(path.join(made, "chat_template.jinja"), MARKED);
const tokenizer = loadTokenizer(made);
const SPECIAL = ["<s>", "</s>", "<pad>"];
const decode = (ids: readonly number[]): string =>
  Buffer.from(ids.flatMap((id) => (id < 256 ? [id] : [...Buffer.from(SPECIAL[id - 256]!)]))).toString();

interface SeenText {
  readonly name: string | undefined;
  readonly text: string;
  /** Runs of scored tokens. */
  readonly scored: readonly string[];
}

/** The rows of a record, or why it is refused. */
async function seen(record: object, source: Partial<FileSource> = {}): Promise<readonly SeenText[] | string> {
  const file = temporaryFile("r.jsonl", JSON.stringify(record));
  for await (const one of readEachRecord({ path: file, ...source }, { tokenizer })) {
    if ("refused" in one) return one.refused.message;
    return one.rows.map(({ name, inputIds, labels }) => {
      const runs: number[][] = [];
      labels.forEach((label, at) => {
        if (label === -100) return;
        if (at === 0 || labels[at - 1] === -100) runs.push([]);
        runs.at(-1)!.push(label);
      });
      return { name, text: decode([...inputIds]), scored: runs.map(decode) };
    });
  }
  return "no record";
}

async function scored(record: object, source: Partial<FileSource> = {}): Promise<unknown> {
  const rows = await seen(record, source);
  return typeof rows === "string" ? rows : rows.map((row) => [row.name, ...row.scored]);
}

const say = (role: string, content: string, more: object = {}) => ({ role, content, ...more });
const TALK = [say("user", "1?"), say("assistant", "one"), say("user", "2?"), say("assistant", "two")];

describe("rows of answers that are compared", () => {
  const PAIR = [
    ["chosen", "good</s>"],
    ["rejected", "bad</s>"],
  ];

  it.each([
    ["texts", { prompt: "q ", chosen: "good", rejected: "bad" }],
    ["an instruction", { instruction: "q", input: "", chosen: "good", rejected: "bad" }],
    ["messages", { prompt: [TALK[0]], chosen: [say("assistant", "good")], rejected: [say("assistant", "bad")] }],
    ["a message each", { messages: [TALK[0]], chosen: say("assistant", "good"), rejected: say("assistant", "bad") }],
    ["ShareGPT's", { conversations: [{ from: "human", value: "q" }], chosen: "good", rejected: "bad" }],
    [
      "messages with the prompt in both",
      { chosen: [TALK[0], say("assistant", "good")], rejected: [TALK[0], say("assistant", "bad")] },
    ],
    [
      "messages with the prompt in both and as a text",
      { prompt: "1?", chosen: [TALK[0], say("assistant", "good")], rejected: [TALK[0], say("assistant", "bad")] },
    ],
    [
      "OpenAI's",
      {
        input: { messages: [TALK[0]] },
        preferred_output: [say("assistant", "good")],
        non_preferred_output: [say("assistant", "bad")],
      },
    ],
  ])("are two of a pair: %s", async (_, record) => {
    expect(await scored(record)).toEqual(PAIR);
  });

  it("begin where two texts differ, before a space, or where TRL lets them", async () => {
    const record = { chosen: "7 times 8 is 56.", rejected: "7 times 8 is 54." };
    expect(await scored(record)).toEqual([
      ["chosen", " 56.</s>"],
      ["rejected", " 54.</s>"],
    ]);
    expect(await scored(record, { like: "trl" })).toEqual([
      ["chosen", "6.</s>"],
      ["rejected", "4.</s>"],
    ]);
  });

  it("begin at one token where the prompt's last is part of one of them, if TRL reads them", async () => {
    const folder = temporaryFolder();
    for (const name of ["tokenizer.json", "tokenizer_config.json"]) {
      const json = JSON.parse(fs.readFileSync(path.join(made, name), "utf8"));
      if (name === "tokenizer.json") {
        json.model.vocab["Ġa"] = 300;
        json.model.merges.push(["Ġ", "a"]);
      }
      fs.writeFileSync(path.join(folder, name), JSON.stringify(json));
    }
    const file = temporaryFile("r.jsonl", JSON.stringify({ prompt: "q ", chosen: "a", rejected: "b" }));
    const labels = async (like?: "trl") => {
      const all: unknown[] = [];
      for await (const one of readEachRecord({ path: file, like }, { tokenizer: loadTokenizer(folder) }))
        if ("rows" in one) all.push(...one.rows.map((row) => [...row.labels.slice(1)]));
      return all;
    };
    const chosen = [-100, 300, tokenizer.eosId];
    const [space, b] = tokenizer.encode(" b");
    expect(await labels()).toEqual([chosen, [-100, -100, b, tokenizer.eosId]]);
    expect(await labels("trl")).toEqual([chosen, [-100, space, b, tokenizer.eosId]]);
  });

  it("are good or bad ones where a label says so", async () => {
    expect(await scored({ prompt: "q", completion: "a", label: false })).toEqual([["undesirable", "a</s>"]]);
    expect(await scored({ messages: TALK.slice(0, 2), kto_tag: true })).toEqual([["desirable", "one</s>"]]);
    expect(await scored({ prompt: "q", completion: "a", label: "maybe" }, { format: "unpaired" })).toMatch(
      /true or false at label, got "maybe"/,
    );
  });

  it.each([
    ["one is no text", { prompt: "q", chosen: "good", rejected: 5 }, /both texts or both messages/],
    [
      "they begin otherwise",
      { chosen: [TALK[0], TALK[1]], rejected: [TALK[2], TALK[3]] },
      /begin with the same messages/,
    ],
    [
      "the prompt is another text",
      { prompt: "x", chosen: [TALK[0], say("assistant", "a")], rejected: [TALK[0], say("assistant", "b")] },
      /the text that both answers begin with/,
    ],
  ])("are refused where %s", async (_, record, message) => {
    expect(await scored(record)).toMatch(message);
  });
});

describe("other dialects", () => {
  it("are segments, around which nothing is put", async () => {
    const segments = [
      { text: "<s>q: ", label: false },
      { text: "a", label: true },
      { text: "</s>", label: true },
    ];
    expect(await seen({ segments })).toEqual([{ name: undefined, text: "<s>q: a</s>", scored: ["a</s>"] }]);
    const flagged = [segments[0], { text: "a", label: true, train: false }, { text: "b", label: true }];
    expect(await scored({ segments: flagged }, { trainOnInputs: true })).toEqual([[undefined, "b"]]);
    expect(await scored({ segments: [{ text: "a" }] })).toMatch(/whose label is true or false at segments\[0\]/);
  });

  it("are instructions with a history, written by the chat template", async () => {
    const record = { instruction: "2?", input: "x", output: "two", history: [["1?", "one"]], system: "Be short." };
    const [row] = (await seen(record)) as readonly SeenText[];
    expect(row!.text).toBe("[system]Be short.[user]1?[assistant]one</s>[user]2?\nx[assistant]two</s>");
    expect(row!.scored).toEqual(["one</s>", "two</s>"]);
    expect(await scored({ ...record, history: ["1?"] })).toMatch(/a question and its answer at history\[0\]/);
    expect(await scored(record, { format: "instruction" })).toMatch(/Expected "history" to be absent/);
  });

  it("are columns and roles of other names", async () => {
    const source: Partial<FileSource> = {
      fields: { messages: "dialog", role: "speaker", content: "text", train: "learn" },
      roles: { user: ["customer"], assistant: ["agent", "boss"] },
    };
    const dialog = [
      { speaker: "customer", text: "1?" },
      { speaker: "agent", text: "one", learn: false },
      { speaker: "customer", text: "2?" },
      { speaker: "boss", text: "two" },
    ];
    expect(await scored({ dialog, messages: "another column" }, source)).toEqual([[undefined, "two</s>"]]);
    expect(await scored({ talk: dialog }, source)).toMatch(/the column "dialog" that data.fields names/);
    const asked = { fields: { instruction: "question", output: "reply" } };
    expect(await scored({ question: "q", reply: "a", instruction: "no" }, asked)).toEqual([[undefined, "a</s>"]]);
  });

  it("are token ids, beside which no column under another name is passed over", async () => {
    for (const name of ["assistant_mask", "label_mask", "Labels", "label_ids", "position_ids"])
      expect(await scored({ input_ids: [1, 2, 3], [name]: [0, 1, 1] })).toMatch(
        /of the columns beside input_ids one of/,
      );
  });

  it("are texts that begin with the token in front, which is not doubled", async () => {
    for (const text of ["a b", "<s>a b"]) expect(await seen({ text })).toMatchObject([{ text: "<s>a b</s>" }]);
  });
});

describe("what is trained of a conversation", () => {
  it("is what the template marks, if that is asked for, but not what a row says is not", async () => {
    expect(await scored({ messages: TALK }, { turns: "marked" })).toEqual([[undefined, "one</s>", "two</s>"]]);
    const silent = [TALK[0], say("assistant", "one", { train: false }), ...TALK.slice(2)];
    expect(await scored({ messages: silent }, { turns: "marked" })).toEqual([[undefined, "two</s>"]]);
    expect(await scored({ messages: TALK }, { turns: "marked", chatTemplate: "chatml" })).toMatch(
      /generation %} marks/,
    );
  });

  it("is everything, if that is asked for, but not what a row says is not", async () => {
    const silent = [TALK[0], say("assistant", "one", { weight: 0 }), ...TALK.slice(2)];
    for (const source of [{ trainOnInputs: true }, { like: "trl" as const }])
      expect(await scored({ messages: silent }, source)).toEqual([
        [undefined, "[user]1?[assistant]", "[user]2?[assistant]two</s>"],
      ]);
  });

  it("is nothing of ShareGPT's turn that a row says is not, also where TRL keeps its speakers' names", async () => {
    const conversations = [
      { from: "human", value: "1?" },
      { from: "gpt", value: "one", weight: 0 },
    ];
    const [row] = (await seen({ conversations }, { like: "trl", chatTemplate: "chatml" })) as readonly SeenText[];
    expect(row!.text).toBe("<|im_start|>human\n1?<|im_end|>\n<|im_start|>gpt\none<|im_end|>\n");
    expect(row!.scored).toEqual(["<|im_start|>human\n1?<|im_end|>\n<|im_start|>gpt\n"]);
  });

  it("is not a role's line of a template that asks for nothing", async () => {
    const bare = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}";
    expect(await scored({ messages: TALK.slice(0, 2) }, { chatTemplate: bare })).toEqual([[undefined, " one\n"]]);
  });

  it("is not what another program's key says is not: such a key is refused, or read under its name", async () => {
    for (const flag of [{ loss: false }, { loss_weight: 0 }, { trainable: false }, { Train: false }, { mask: true }])
      expect(await scored({ messages: [TALK[0], say("assistant", "one", flag)] })).toMatch(/which is not read/);
    expect(await scored({ messages: [TALK[0], say("assistant", "one", { mask: false, loss: 1 })] })).toEqual([
      [undefined, "one</s>"],
    ]);
    const named = { fields: { train: "loss" } };
    expect(await scored({ messages: [TALK[0], say("assistant", "one", { loss: false })] }, named)).toEqual([
      [undefined],
    ]);
    const row = { fields: { instruction: "q", output: "a", train: "good" } };
    expect(await scored({ q: "Q", a: "A", good: false }, row)).toMatch(/Expected "train" to be true or 1/);
    expect(await scored({ q: "Q", a: "A", good: true }, row)).toEqual([[undefined, "A</s>"]]);
  });

  it("is the last answer alone, and nothing where the row says that it is not", async () => {
    const silent = [...TALK.slice(0, 3), say("assistant", "two", { weight: 0 })];
    expect(await scored({ messages: silent }, { turns: "last" })).toEqual([[undefined]]);
    await expect(seen({ messages: TALK }, { turns: "last", trainOnInputs: true })).rejects.toThrow(/either turns or/);
    expect(await scored({ messages: TALK }, { like: "trl", trainOnInputs: false })).toEqual([
      [undefined, "one</s>", "two</s>"],
    ]);
  });

  describe("if Axolotl reads it", () => {
    const read = (text: string, chatTemplate?: string, more: object = {}) =>
      scored(
        { messages: [TALK[0], say("assistant", text, more), ...TALK.slice(2)] },
        { like: "axolotl", chatTemplate },
      );

    it("is white space too, but not where the template leaves it out, nor an answer without text", async () => {
      expect(await read(" ")).toEqual([[undefined, " </s>", "two</s>"]]);
      expect(await read("")).toEqual([[undefined, "two</s>"]]);
      const trims = "{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}</s>{% endfor %}";
      expect(await read(" ", trims)).toEqual([[undefined, "two</s>"]]);
    });

    it("is a thought from where an answer without one is written otherwise", async () => {
      const write = (before: string, behind: string) => `{% for m in messages %}<{{ m.role }}>${before}
{%- if m.reasoning_content %}${behind}{{ m.reasoning_content }}{% endif %}.{{ m.content }}</s>{% endfor %}
{%- if add_generation_prompt %}<assistant>{% endif %}`;
      const more = { reasoning_content: "hm" };
      expect(await read("one", write("T:", ""), more)).toEqual([[undefined, "hm.one</s>", "two</s>"]]);
      expect(await read("one", write("", "T:"), more)).toEqual([[undefined, "T:hm.one</s>", "two</s>"]]);
    });
  });

  it("is an answer without text, too, whose thought the template drops when more is said", async () => {
    const template = `{% for m in messages %}<{{ m.role }}>
{%- if m.reasoning_content and loop.last %}({{ m.reasoning_content }}){% endif %}{{ m.content }}</s>{% endfor %}
{%- if add_generation_prompt %}<assistant>{% endif %}`;
    const messages = [TALK[0], say("assistant", "", { reasoning_content: "hm" }), ...TALK.slice(2)];
    expect(await scored({ messages }, { chatTemplate: template })).toEqual([[undefined, "</s>", "two</s>"]]);
  });

  it("is found in time that grows with the number of turns", async () => {
    const long = Array.from({ length: 1000 }, (_, at) => say(at % 2 === 0 ? "user" : "assistant", `${at}`));
    const [row] = (await seen({ messages: long })) as readonly SeenText[];
    expect(row!.scored).toHaveLength(500);
    expect(row!.scored.at(-1)).toBe("999</s>");
  });
});

describe.each(Object.keys(CHAT_TEMPLATES))("the chat template %s", (name) => {
  it("writes a conversation of which the assistant's turns are found", async () => {
    const rows = await seen({ messages: [say("system", "Be short."), ...TALK] }, { chatTemplate: name });
    const [row] = rows as readonly SeenText[];
    expect(row!.text).toContain("Be short.");
    expect(row!.scored.map((text) => text.replace(/<\W?\w+\W?>|\s/g, ""))).toEqual(["one", "two"]);
    expect(row!.scored[0]).toMatch(name === "gemma" ? /<end_of_turn>/ : /<.*>$/);
  });
});

/** A piece of text that nothing else has, so that it is known again among what is trained. */
const word = (kind: "yes" | "no", index: number): string => `${kind}${index}z`;

/** A row of some dialect, whose words that begin with "no" are not to be trained. */
const anyRow: fc.Arbitrary<object> = fc.nat(9).chain((dialect) =>
  fc
    .array(fc.tuple(fc.boolean(), fc.constantFrom("train", "training", "weight"), fc.boolean()), {
      minLength: 1,
      maxLength: 4,
    })
    .map((turns) => {
      const flag = (key: string, is: boolean): object => ({ [key]: key === "weight" ? Number(is) : is });
      const messages = turns.flatMap(([is, key, hasParts], at) => {
        const said = word(is ? "yes" : "no", at);
        const parts = [
          { type: "text", text: `${word("no", 20 + at)} `, train: false },
          { type: "text", text: said },
        ];
        return [
          say("user", word("no", 10 + at), flag(key, true)),
          { ...say("assistant", said, flag(key, is)), ...(hasParts ? { content: parts } : {}) },
        ];
      });
      const shareGpt = messages.map(({ role, content, ...rest }) => ({
        from: role === "user" ? "human" : "gpt",
        value: content,
        ...rest,
      }));
      const segments = turns.map(([is], at) => ({ text: ` ${word(is ? "yes" : "no", at)}`, label: is }));
      const ids = [...Buffer.from(segments.map(({ text }) => text).join(""))];
      const mask = segments.flatMap(({ text, label }) => [...Buffer.from(text)].map(() => Number(label)));
      const rows: readonly object[] = [
        { messages },
        { conversations: shareGpt },
        { messages: JSON.stringify(messages), system: word("no", 40) },
        { prompt: messages.slice(0, 1), completion: messages.slice(1) },
        { segments },
        { input_ids: ids, labels: ids.map((id, at) => (mask[at] === 1 ? id : -100)) },
        { input_ids: ids, completion_mask: mask },
        { prompt: `${word("no", 30)}:`, completion: ` ${word("yes", 0)}` },
        { instruction: word("no", 30), input: word("no", 31), output: word("yes", 0), system: word("no", 32) },
        { question: word("no", 30), answer: word("yes", 0), source: word("no", 33) },
      ];
      return rows[dialect]!;
    }),
);

describe("500 random rows of mixed dialects", () => {
  const words = (text: string, kind: string): readonly string[] => text.match(new RegExp(`${kind}\\d+z`, "g")) ?? [];

  it("train no token that their dialect says not to, and all others that are answers", {
    timeout: 60_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(anyRow, fc.constantFrom(undefined, "trl" as const, "axolotl" as const), async (row, like) => {
        const rows = await seen(row, { like });
        if (typeof rows === "string") throw new Error(rows);
        const trained = rows.flatMap((one) => one.scored).join("|");
        // TRL trains what the row says nothing of, too; of what it says no, nothing.
        const no = words(trained, "no").filter((one) => like !== "trl" || /^no[0-4]z|^no2\dz/.test(one));
        expect(no).toEqual([]);
        // Joined pieces: a mask may end inside a token, which the bytes of this tokenizer have none of.
        expect(new Set(words(trained, "yes"))).toEqual(new Set(words(JSON.stringify(row) + rows[0]!.text, "yes")));
      }),
      { numRuns: 500, seed: 42 },
    );
  });

  it("have another mask with each flag turned round", async () => {
    for (const key of ["train", "training", "weight"])
      for (const at of [1, 3]) {
        const turned = TALK.map((own, index) => (index === at ? { ...own, [key]: key === "weight" ? 0 : false } : own));
        expect(await scored({ messages: turned })).not.toEqual(await scored({ messages: TALK }));
      }
    const ids = { input_ids: [65, 66, 67] };
    for (const key of ["completion_mask", "assistant_masks", "loss_mask"])
      expect(await scored({ ...ids, [key]: [1, 0, 1] })).not.toEqual(await scored({ ...ids, [key]: [1, 1, 1] }));
    const pieces = (label: boolean) => ({
      segments: [
        { text: "a", label },
        { text: "b", label: true },
      ],
    });
    expect(await scored(pieces(true))).not.toEqual(await scored(pieces(false)));
    const pair = { prompt: "q", completion: "a" };
    expect(await scored({ ...pair, label: true })).not.toEqual(await scored({ ...pair, label: false }));
  });
});
