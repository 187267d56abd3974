import { describe, expect, it } from "vitest";
import { answering, eventsOf, refusedOf } from "./answering.ts";
import { choiceOf, tinyAnswers } from "./tiny-answers.ts";

const tiny = tinyAnswers();
const PATH = "/v1/completions";

interface Choice {
  readonly index: number;
  readonly text: string;
  readonly finish_reason: string;
  readonly logprobs: null | {
    readonly tokens: readonly string[];
    readonly token_logprobs: readonly (number | null)[];
    readonly top_logprobs: readonly (Readonly<Record<string, number>> | null)[];
    readonly text_offset: readonly number[];
  };
}

interface Completion {
  readonly choices: readonly Choice[];
  readonly usage: Readonly<Record<string, number>>;
}

describe("a completion", () => {
  it("has sixteen tokens where nobody says how many", async () => {
    const { post } = await answering(tiny.answers([choiceOf("ann")]));
    const { choices, usage } = (await post(PATH, { model: "ann", prompt: "Once", temperature: 0 })).body as Completion;
    expect(choices).toHaveLength(1);
    expect(usage).toEqual({ prompt_tokens: 5, completion_tokens: 16, total_tokens: 21 });
    expect(choices[0]!.finish_reason).toBe("length");
  });

  it("is given for each prompt of a list, as texts and as tokens, n times", async () => {
    const { post } = await answering(tiny.answers([choiceOf("ann")]));
    const ask = async (prompt: unknown, more: object = {}): Promise<readonly string[]> => {
      const answer = await post(PATH, { model: "ann", prompt, temperature: 0, max_tokens: 8, ...more });
      expect(answer.status, answer.text).toBe(200);
      return (answer.body as Completion).choices.map(({ text }) => text);
    };
    const [first, second] = [await ask("ab"), await ask("xyz")];
    expect(await ask(["ab", "xyz"])).toEqual([...first, ...second]);
    // The tokenizer puts nothing in front of tokens that are given as such.
    const [bare] = await ask([97, 98]);
    expect(await ask([[97, 98]])).toEqual([bare]);
    expect(await ask(["ab", "xyz"], { n: 2 })).toEqual([...first, ...first, ...second, ...second]);
  });

  it("is the same for the same seed, and another one for another", async () => {
    const { post } = await answering(tiny.answers([]));
    const ask = async (more: object): Promise<readonly string[]> => {
      const { body } = await post(PATH, { model: "base", prompt: "a", max_tokens: 24, n: 2, ...more });
      return (body as Completion).choices.map(({ text }) => text);
    };
    const once = await ask({ seed: 7 });
    expect(once[0]).not.toBe(once[1]);
    expect(await ask({ seed: 7 })).toEqual(once);
    expect(await ask({ seed: 70 })).not.toEqual(once);
    expect(await ask({})).not.toEqual(await ask({}));
    const greedy = await ask({ temperature: 0 });
    for (const most of [{ top_k: 1 }, { top_p: 1e-9 }, { min_p: 1 }]) expect(await ask(most)).toEqual(greedy);
    expect(await ask({ seed: 7, top_k: -1, top_p: 1, min_p: 0 })).toEqual(once);
  });

  it("repeats the prompt, and tells how likely its tokens were", async () => {
    const { post } = await answering(tiny.answers([choiceOf("ann")]));
    const asked = { model: "ann", prompt: "Once", temperature: 0, max_tokens: 4, echo: true, logprobs: 2 };
    const [choice] = ((await post(PATH, asked)).body as Completion).choices;
    const { tokens, token_logprobs: likely, top_logprobs: top, text_offset: offsets } = choice!.logprobs!;
    expect(choice!.text.startsWith("Once")).toBe(true);
    expect(tokens.slice(0, 5)).toEqual(["<s>", "O", "n", "c", "e"]);
    expect([likely[0], likely.slice(1).every((each) => each! < 0)]).toEqual([null, true]);
    expect(top.slice(0, 5)).toEqual([null, null, null, null, null]);
    expect(offsets.slice(0, 6)).toEqual([0, 0, 1, 2, 3, 4]);
    expect([tokens.length, likely.length, top.length, offsets.length]).toEqual([9, 9, 9, 9]);
    for (const each of top.slice(5)) expect(Object.keys(each!).length).toBeGreaterThan(0);
    const scored = await post(PATH, { ...asked, max_tokens: 0 });
    const [only] = (scored.body as Completion).choices;
    expect([only!.text, only!.logprobs!.token_logprobs]).toEqual(["Once", likely.slice(0, 5)]);
    expect((await post(PATH, { ...asked, stream: true })).status).toBe(400);
  });

  it("comes in pieces that together are the answer", async () => {
    const { post } = await answering(tiny.answers([choiceOf("ann")]));
    const asked = { model: "ann", prompt: ["ab", "cd"], seed: 1, max_tokens: 20, logprobs: 0 };
    const whole = ((await post(PATH, asked)).body as Completion).choices;
    const streamed = await post(PATH, { ...asked, stream: true });
    const chunks = eventsOf(streamed) as unknown as Completion[];
    for (const { index, text, logprobs } of whole) {
      const own = chunks.flatMap(({ choices }) => choices.filter((each) => each.index === index));
      expect(own.map((each) => each.text).join("")).toBe(text);
      expect(own.flatMap((each) => each.logprobs?.tokens ?? [])).toEqual(logprobs!.tokens);
      expect(own.flatMap((each) => each.logprobs?.text_offset ?? [])).toEqual(logprobs!.text_offset);
    }
    const echoed = await post(PATH, { ...asked, logprobs: undefined, echo: true, stream: true });
    const first = (eventsOf(echoed) as unknown as Completion[]).flatMap(({ choices }) => choices);
    expect(first.slice(0, 2).map(({ text }) => text)).toEqual(["ab", "cd"]);
  });

  it("is refused for prompts that are none, too long, or have tokens that the model has not", async () => {
    const { post } = await answering(tiny.answers([], { context: 32 }));
    const ask = (prompt: unknown, more: object = {}) => post(PATH, { model: "base", prompt, ...more });
    for (const stream of [false, true]) {
      const long = await ask("x".repeat(31), { stream });
      expect([long.status, refusedOf(long).code]).toEqual([400, "context_length_exceeded"]);
      for (const wrong of [
        [5, 259],
        [[1], [2, 1e9]],
      ]) {
        const answer = await ask(wrong, { stream });
        expect([answer.status, refusedOf(answer).message]).toEqual([400, expect.stringContaining("from 0 to 258")]);
      }
    }
    for (const wrong of [[], [[]], [-1], [1.5], [1, "a"], 5, undefined, { a: 1 }, [null], Array(33).fill("a")])
      expect([wrong, (await ask(wrong)).status]).toEqual([wrong, 400]);
    expect((await ask(["a", "b"], { n: 17 })).status).toBe(400);
    const cut = (await ask("x".repeat(20), { max_tokens: 1000, temperature: 0 })).body as Completion;
    expect(cut.usage["total_tokens"]).toBe(32);
  });
});
