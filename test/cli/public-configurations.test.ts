import { beforeAll, describe, expect, it } from "vitest";
import { imported, rows, trained, useImportInputs, write } from "./import-case.ts";
import { AXOLOTL_EXAMPLES, FACTORY_EXAMPLES, TRL_EXAMPLES } from "./public-configurations.ts";

const TOOLS = { Axolotl: AXOLOTL_EXAMPLES, "LLaMA-Factory": FACTORY_EXAMPLES, TRL: TRL_EXAMPLES } as const;

useImportInputs();

const user = (content: string) => ({ role: "user", content });
const assistant = (content: string) => ({ role: "assistant", content });

beforeAll(() => {
  const talk = (index: number) => [user(`${index}?`), assistant(`${index}.`)];
  const pair = (index: number) => ({ chosen: assistant(`${index}.`), rejected: assistant("No.") });
  rows("messages.jsonl", (index) => ({ messages: talk(index) }));
  rows("pairs.jsonl", (index) => ({ conversation: [user(`${index}?`)], ...pair(index) }));
  for (const split of ["train", "test"]) {
    rows(`capybara/${split}.jsonl`, (index) => ({ messages: talk(index) }));
    rows(`ultrafeedback/${split}.jsonl`, (index) => ({
      chosen: talk(index),
      rejected: [user(`${index}?`), assistant("No.")],
    }));
    rows(`kto-mix/${split}.jsonl`, (index) => ({
      prompt: [user(`${index}?`)],
      completion: [assistant(`${index}.`)],
      label: index % 3 > 0,
    }));
  }
  const instruction = (index: number) => ({ instruction: `Count ${index}.`, input: "", output: `${index + 1}` });
  rows("data/identity.jsonl", instruction, 6);
  rows("data/alpaca.jsonl", instruction);
  rows("data/dpo.jsonl", (index) => ({
    conversations: [{ from: "human", value: `${index}?` }],
    chosen: { from: "gpt", value: `${index}.` },
    rejected: { from: "gpt", value: "No." },
  }));
  rows("data/kto.jsonl", (index) => ({ messages: talk(index), label: index % 2 === 0 }));
  rows("data/c4.jsonl", (index) => ({ text: `A text of ${index}.` }));
  write(
    "data/dataset_info.json",
    JSON.stringify({
      identity: { file_name: "identity.jsonl" },
      alpaca_en_demo: { file_name: "alpaca.jsonl" },
      dpo_en_demo: {
        ...{ file_name: "dpo.jsonl", ranking: true, formatting: "sharegpt" },
        columns: { messages: "conversations", chosen: "chosen", rejected: "rejected" },
      },
      kto_en_demo: {
        ...{ file_name: "kto.jsonl", formatting: "sharegpt" },
        columns: { messages: "messages", kto_tag: "label" },
        tags: { role_tag: "role", content_tag: "content", user_tag: "user", assistant_tag: "assistant" },
      },
      c4_demo: { file_name: "c4.jsonl", columns: { prompt: "text" } },
    }),
  );
});

describe.each(Object.entries(TOOLS))("examples of %s", { tags: ["slow"] }, (_, examples) => {
  it("are ten, of which at least eight are taken over as they are", () => {
    expect([examples.length, examples.filter(({ lacks }) => lacks === undefined).length >= 8]).toEqual([10, true]);
  });

  it.each(examples.map((one) => [one.from, one] as const))("%s", async (_from, { text, options = [], lacks }) => {
    const { code, stderr, output, workload } = await imported(text, ...options);
    if (lacks !== undefined) {
      expect([code, stderr]).toEqual([1, expect.stringMatching(lacks)]);
      return;
    }
    expect([code, stderr]).toEqual([0, expect.not.stringContaining("Warning")]);
    expect(await trained(output)).toContain(workload!.jobs[0]!.name);
  });
});
