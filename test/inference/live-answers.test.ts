import { describe, expect, it } from "vitest";
import { DeviceError, InputError } from "../../core/index.ts";
import { GREEDY } from "../../exec/index.ts";
import type { AdapterChoice, LiveAnswers } from "../../inference/index.ts";
import { choiceOf, tinyAnswers } from "../server/answers/tiny-answers.ts";

const tiny = tinyAnswers();

const PROMPT = [256, 65, 66, 67, 68];

async function tokensOf(live: LiveAnswers, name: string, maxTokens = 12, signal?: AbortSignal) {
  const answer = await live.ask(name, (answerer, adapter) =>
    answerer.answer({
      ...{ prompt: PROMPT, adapter, sampling: GREEDY, maxTokens, stop: [], continues: true, ignoresEnd: true, signal },
    }),
  );
  return answer.tokens.map(({ token }) => token);
}

describe("answers while a run trains", () => {
  it("are the same for adapters that are asked at once as for each alone", async () => {
    const live = tiny.answers([choiceOf("ann"), choiceOf("bob", { rank: 3 })]);
    const names = ["base", "ann", "bob", "ann"];
    const alone = [];
    for (const name of names) alone.push(await tokensOf(live, name));
    expect(new Set(alone.map((tokens) => tokens.join())).size).toBe(3);
    expect(await Promise.all(names.map((name) => tokensOf(live, name)))).toEqual(alone);
  });

  it("are those of the file that a name stands for now", async () => {
    const adapters: AdapterChoice[] = [choiceOf("ann")];
    const live = tiny.answers(adapters);
    const before = await tokensOf(live, "ann");
    adapters[0] = choiceOf("ann", { writtenMs: 2000 });
    const after = await tokensOf(live, "ann");
    expect(after).not.toEqual(before);
    adapters[0] = choiceOf("ann");
    expect(await tokensOf(live, "ann")).toEqual(before);
  });

  it("load the model anew for an adapter of a rank for which there is no room, behind those that are answered", async () => {
    const adapters: AdapterChoice[] = [choiceOf("ann")];
    const live = tiny.answers(adapters);
    const before = await tokensOf(live, "ann", 40);
    adapters.push(choiceOf("large", { rank: 16 }));
    const [still, large] = await Promise.all([tokensOf(live, "ann", 40), tokensOf(live, "large", 40)]);
    expect(still).toEqual(before);
    expect(large).not.toEqual(before);
  });

  it("keep the model for the first adapter of a job that had none when the base was asked", async () => {
    const [late, adapters]: [AdapterChoice, AdapterChoice[]] = [choiceOf("late", { rank: 6 }), []];
    const { folder } = tiny;
    const of = { folder, modelFolder: folder, dtype: "float32" } as const;
    const live = tiny.answers([], {
      source: () => ({ ...of, adapters, specs: [late.job.adapter], weights: undefined }),
    });
    const before = await live.ask("base", async (answerer) => answerer);
    adapters.push(late);
    expect(await live.ask("late", async (answerer) => answerer)).toBe(before);
  });

  it("keep no more adapters on the device than they are to", async () => {
    const names = ["a", "b", "c", "d", "e"];
    const adapters = names.map((name) => choiceOf(name));
    const live = tiny.answers(adapters, { keptAdapters: 2 });
    const once = [];
    for (const name of names) once.push(await tokensOf(live, name));
    const again = [];
    for (const name of names) again.push(await tokensOf(live, name));
    expect(again).toEqual(once);
  });

  it("load the model anew after the device has failed", async () => {
    const live = tiny.answers([]);
    const before = await live.ask("base", async (answerer) => answerer);
    await expect(
      live.ask("base", async () => {
        throw new DeviceError({ expected: "a device that works", got: "none" });
      }),
    ).rejects.toThrow(DeviceError);
    expect(await live.ask("base", async (answerer) => answerer)).not.toBe(before);
  });

  it("give the memory back after a while without questions, and load the model with the next one", async () => {
    const live = tiny.answers([], { idleMs: 20 });
    const before = await live.ask("base", async (answerer) => answerer);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await live.ask("base", async (answerer) => answerer)).not.toBe(before);
  });

  it("say that an adapter has gone whose files another has removed meanwhile", async () => {
    const gone = Object.assign(new Error("ENOENT"), { code: "ENOENT", path: "adapter" });
    const read = () => {
      throw gone;
    };
    const live = tiny.answers([{ ...choiceOf("ann"), read }]);
    await expect(tokensOf(live, "ann")).rejects.toThrow(/Expected an adapter that is still there/);
    expect(await tokensOf(live, "base")).toHaveLength(12);
  });

  it("are those of a newer file where the one before was removed while it was read", async () => {
    const adapters: AdapterChoice[] = [];
    const read = () => {
      adapters[0] = choiceOf("ann", { writtenMs: 2000 });
      throw new InputError({ expected: "a file", got: "no such file" });
    };
    adapters.push({ ...choiceOf("ann"), read });
    const live = tiny.answers(adapters);
    const renewed = await tokensOf(live, "ann");
    expect(renewed).toEqual(await tokensOf(live, "ann"));
    expect(renewed).toEqual(await tokensOf(tiny.answers([choiceOf("ann", { writtenMs: 2000 })]), "ann"));
  });

  it("end for one that has left before its turn came, and go on for the others", async () => {
    const live = tiny.answers([], { sequences: 1 });
    const gone = new AbortController();
    const first = tokensOf(live, "base", 100);
    const left = tokensOf(live, "base", 100, gone.signal);
    gone.abort();
    expect(await left).toEqual([]);
    expect(await first).toHaveLength(100);
  });

  it("refuse tokens that the model has not", async () => {
    const live = tiny.answers([]);
    await live.ask("base", async (answerer) => {
      for (const wrong of [-1, 259, 1.5, Number.NaN, 2 ** 31])
        expect(() => answerer.checkPrompt([65, wrong])).toThrow(/Expected a token from 0 to 258 at prompt/);
      expect(() => answerer.checkPrompt([])).toThrow(/at least one token/);
    });
  });
});
