import { describe, expect, it } from "vitest";
import { type FileSource, initModel, loadTokenizer, readDataset } from "../../../datasets/index.ts";
import { temporaryFile, temporaryFolder } from "../shared.ts";

const folder = temporaryModel();

function temporaryModel() {
  let made: ReturnType<typeof loadTokenizer> | undefined;
  return () => {
    if (made !== undefined) return made;
    const where = temporaryFolder();
    initModel({ folder: where, hiddenSize: 8, layers: 1, heads: 1, seed: 0 });
    made = loadTokenizer(where);
    return made;
  };
}

/** The number of rows. */
async function read(records: readonly object[], source: Partial<FileSource> = {}, name = "r.jsonl"): Promise<number> {
  const file = temporaryFile(name, records.map((record) => JSON.stringify(record)).join("\n"));
  return (await readDataset({ path: file, ...source }, { tokenizer: folder() })).rows.length;
}

const PAIR = { prompt: "a", completion: "b" };
const talk = (more: object, user: object = {}) => ({
  messages: [
    { role: "user", content: "a", ...user },
    { role: "assistant", content: "b", ...more },
  ],
});

describe("a row that says how it is to be trained", () => {
  it.each([
    ["train", "no"],
    ["weight", "off"],
    ["label", false],
    ["label", 0],
    ["label", "False"],
    ["train", false],
    ["train", 0],
    ["training", false],
    ["weight", 0],
    ["weight", 0.5],
    ["weight", "0.0"],
    ["weight", 2],
    ["kto_tag", false],
    ["chosen", "c"],
    ["rejected", ["c"]],
    ["tools", [{ type: "function" }]],
    ["tools", '[{"type":"function"}]'],
    ["images", ["a.png"]],
    ["audio", "a.wav"],
    ["chat_template_kwargs", { enable_thinking: false }],
  ])("is refused by name where that is not understood: %s: %j", async (key, value) => {
    const reading = read([PAIR, { ...PAIR, [key]: value }]);
    await expect(reading).rejects.toThrow(new RegExp(`r\\.jsonl:2: Expected "${key}" to be .* at ${key}, got `));
    await expect(reading).rejects.toMatchObject({ name: "InputError" });
  });

  it.each([
    ["label", 1],
    ["label", "true"],
    ["label", null],
    ["label", 3],
    ["label", "positive"],
    ["train", true],
    ["train", "night train to the coast"],
    ["weight", 1],
    ["weight", "1.0"],
    ["weight", ""],
    ["tools", []],
    ["tools", "[]"],
    ["images", null],
    ["rejected", ""],
    ["source", "web"],
    ["id", 0],
    ["attention_mask", "none"],
  ])("is trained where it says what is done anyway, or is other data: %s: %j", async (key, value) => {
    expect(await read([{ ...PAIR, [key]: value }])).toBe(1);
  });

  it("is data where a template or the source's field names the key, or one that belongs to it", async () => {
    const review = { text: "dull", label: 0 };
    await expect(read([review])).rejects.toThrow(/Expected "label" to be true/);
    expect(await read([review], { prompt: "{{text}}", response: "{{label}}" })).toBe(1);
    const pair = { prompt: "a", chosen: "b", rejected: "c" };
    await expect(read([pair])).rejects.toThrow(
      /r\.jsonl:1: Expected rows that are trained on as they are, got "a pair of answers"/,
    );
    expect(await read([pair], { prompt: "{{prompt}}", response: "{{chosen}}" })).toBe(1);
    expect(await read([{ chosen: talk({}).messages, rejected: [] }], { field: "chosen" })).toBe(1);
    expect(await read([{ weight: "0" }], { field: "weight" })).toBe(1);
  });

  it("is refused in every format and form of file", async () => {
    await expect(read([{ text: "a", train: false }])).rejects.toThrow(/"train"/);
    await expect(read([{ input_ids: [1, 2], weight: 0 }])).rejects.toThrow(/"weight"/);
    await expect(read([talk({}), { ...talk({}), label: false }])).rejects.toThrow(/"label"/);
    const csv = temporaryFile("r.csv", "prompt,completion,label\na,b,True\na,b,False\n");
    await expect(readDataset({ path: csv }, { tokenizer: folder() })).rejects.toThrow(/r\.csv:3: Expected "label"/);
  });

  it("is understood where a mask of token rows takes out tokens", async () => {
    const ids = { input_ids: [1, 2, 3] };
    for (const key of ["completion_mask", "assistant_masks", "loss_mask"]) {
      const file = temporaryFile("r.jsonl", JSON.stringify({ ...ids, [key]: [0, true, 1] }));
      const { rows } = await readDataset({ path: file }, { tokenizer: folder() });
      expect([...rows[0]!.labels]).toEqual([-100, 2, 3]);
      await expect(read([{ ...ids, [key]: [0, 1] }])).rejects.toThrow(/Expected 3 times 0 or 1/);
    }
    await expect(read([{ ...ids, attention_mask: [0, 1, 1] }])).rejects.toThrow(/"attention_mask" to be ones only/);
    expect(await read([{ ...ids, attention_mask: [1, true, 1] }])).toBe(1);
    expect(await read([{ ...ids, attention_mask: [0, 1, 1], labels: [-100, 2, 3] }])).toBe(1);
  });

  it.each([
    [{ prompt: "a", completion: "b", label: true }, "an answer with a label"],
    [{ ...talk({}), label: false }, "an answer with a label"],
    [{ prompt: "a", chosen: "b", rejected: "c" }, "a pair of answers"],
  ])("is refused as rows of a preference, which have no loss yet: %j", async (record, what) => {
    await expect(read([record])).rejects.toThrow(`got "${what}"`);
  });
});

describe("a message that says how it is to be trained", () => {
  it.each([
    ["label", false],
    ["images", ["a.png"]],
  ])("is refused by name where that is not understood: %s: %j", async (key, value) => {
    await expect(read([talk({}), talk({ [key]: value })])).rejects.toThrow(
      new RegExp(`r\\.jsonl:2: Expected "${key}" to be .* at messages\\[1\\]\\.${key}, got `),
    );
  });

  it("is refused where it says of characters if they are trained, under whatever key", async () => {
    const detail = [{ begin_offset: 0, end_offset: 1, train: false }];
    for (const key of ["train_detail", "detail"])
      await expect(read([talk({ [key]: detail })])).rejects.toThrow(
        new RegExp(`no "${key}" that says of characters if they are trained at messages\\[1\\]\\.${key}`),
      );
  });

  it("is trained where it says so, and need not say that what is not trained is not", async () => {
    expect(await read([talk({ train: true, weight: 1 }, { train: false, weight: 0 })])).toBe(1);
  });

  it.each(["train", "training", "weight"])("is neither half trained nor by a word: %s", async (key) => {
    for (const value of [0.5, "no"])
      await expect(read([talk({ [key]: value })])).rejects.toThrow(
        new RegExp(`0, 1, true or false at messages\\[1\\]\\.${key}`),
      );
  });
});
