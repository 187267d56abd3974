import { describe, expect, test } from "vitest";
import type { NamedAdapter } from "../../../exec/index.ts";
import type { AdapterSpec, Dtype } from "../../../plan/index.ts";
import { HAS_FAMILIES, readFamily, readFamilyAdapter } from "../family-case.ts";
import { answer, generatorOf, idsOf } from "./answers.ts";

const DTYPES = ["float32", "bfloat16", "int8", "nf4"] as const satisfies readonly Dtype[];

/** Prompts of different lengths, some longer than what one run takes of a prompt. */
function promptOf(index: number, vocabulary: number): readonly number[] {
  const length = [5, 1, 200, 17, 129, 64, 3, 300][index % 8]!;
  return Array.from({ length }, (_, i) => 1 + ((i * 7 + index * 31) % (vocabulary - 1)));
}

/** Eight adapters: those of the family's case, each a little other than the one before. */
function eightAdapters(name: string): readonly NamedAdapter[] {
  const family = readFamily(name);
  return Array.from({ length: 8 }, (_, index) => {
    const { spec, pairs } = readFamilyAdapter(family, index % 2 === 0 ? "all" : "attention");
    const own: AdapterSpec = { ...spec };
    return {
      name: `a${index}`,
      spec: own,
      pairs: pairs.map((pair) => ({ ...pair, b: pair.b.map((value) => value * (1 + index / 16)) })),
    };
  });
}

describe.skipIf(!HAS_FAMILIES).each(["qwen3", "qwen3-moe", "gpt-oss", "gemma3"])("%s", (family) => {
  test.each(DTYPES)("a row has the same tokens and bits alone and beside seven others, %s", async (dtype) => {
    const { folder, model } = readFamily(family);
    const { vocabularySize } = model.architecture;
    const adapters = eightAdapters(family);
    using together = await generatorOf(folder, adapters, dtype, 8);
    const names = [undefined, ...adapters.slice(1).map(({ name }) => name)];
    const prompts = names.map((_, index) => promptOf(index, vocabularySize));
    const all = await Promise.all(
      names.map((name, index) => answer(together, prompts[index]!, name, { maxTokens: 12, scoresPrompt: true })),
    );
    using alone = await generatorOf(folder, adapters, dtype, 1);
    for (const [index, name] of names.entries()) {
      const own = await answer(alone, prompts[index]!, name, { maxTokens: 12, scoresPrompt: true });
      expect(own.tokens).toEqual(all[index]!.tokens);
      expect(own.promptLogProbabilities).toEqual(all[index]!.promptLogProbabilities);
    }
  });
});

describe.skipIf(!HAS_FAMILIES)("a generator", () => {
  test("answers more prompts than it has places for, each when there is room", async () => {
    const { folder } = readFamily("qwen3");
    using open = await generatorOf(folder, [], "float32", 2);
    const wide = Array.from({ length: 9 }, (_, i) => answer(open, [1 + i, 5, 9], undefined, { maxTokens: 300 }));
    const all = await Promise.all(wide);
    const again = await answer(open, [1, 5, 9], undefined, { maxTokens: 300 });
    expect(all.map(({ tokens }) => tokens.length)).toEqual(wide.map(() => 300));
    expect(idsOf(all[0]!)).toEqual(idsOf(again));
  });

  test("answers who asks little beside who asks much", async () => {
    using open = await generatorOf(readFamily("qwen3").folder, [], "float32", 2);
    const ended: string[] = [];
    const ask = async (asker: string, index: number): Promise<void> => {
      await answer(open, [1 + index, 5, 9], undefined, { maxTokens: 20, asker });
      ended.push(asker);
    };
    await Promise.all([...Array.from({ length: 12 }, (_, index) => ask("much", index)), ask("little", 20)]);
    expect(ended.indexOf("little")).toBeLessThan(4);
  });

  test("ends at a stop token, when somebody says so, and when it is aborted", async () => {
    const { folder } = readFamily("qwen3");
    using open = await generatorOf(folder, []);
    const free = idsOf(await answer(open, [4, 26, 69]));
    const stop = free[5]!;
    const stopped = await answer(open, [4, 26, 69], undefined, { stopTokens: new Set([stop]) });
    expect(stopped).toMatchObject({ end: "stop", stopToken: stop });
    expect(idsOf(stopped)).toEqual(free.slice(0, free.indexOf(stop)));
    let heard = 0;
    const told = await answer(open, [4, 26, 69], undefined, {
      onToken() {
        heard += 1;
        return heard === 3;
      },
    });
    expect(told).toMatchObject({ end: "stop", stopToken: undefined });
    expect(idsOf(told)).toEqual(free.slice(0, 3));
    const abort = new AbortController();
    const aborted = answer(open, [4, 26, 69], undefined, {
      signal: abort.signal,
      maxTokens: 900,
      onToken: () => {
        abort.abort();
        return false;
      },
    });
    expect((await aborted).end).toBe("aborted");
    expect((await aborted).tokens.length).toBeLessThan(5);
  });

  test("has the adapters of all forms: magnitudes, patterns, the head, experts", async () => {
    const family = readFamily("qwen3-moe");
    const adapters = (["all", "head", "attention"] as const).map((set) => ({
      name: set,
      ...readFamilyAdapter(family, set),
    }));
    using open = await generatorOf(family.folder, adapters);
    const prompt = family.expected.sequences[1]!.input_ids;
    // The loss of the case's own sequence under each adapter, as training has it.
    for (const { name } of adapters) {
      const sequence = family.expected.sequences[1]!;
      const { promptLogProbabilities } = await answer(open, prompt, name, { scoresPrompt: true, maxTokens: 0 });
      const scored = promptLogProbabilities.filter((_, at) => sequence.labels[at + 1] !== -100);
      const loss = -scored.reduce((sum, each) => sum + each, 0) / scored.length;
      expect(loss / family.expected.adapters[name]!.sequences[1]!.loss_mean).toBeCloseTo(1, 5);
    }
  });

  test("takes an adapter later, and gives it back", async () => {
    const family = readFamily("qwen3");
    const { spec, pairs } = readFamilyAdapter(family, "all");
    using open = await generatorOf(family.folder, [{ name: "first", spec, pairs }]);
    const before = idsOf(await answer(open, [4, 26, 69], "first"));
    expect(open.decoder.hasRoomFor(spec)).toBe(true);
    expect(open.decoder.hasRoomFor({ ...spec, rank: 64 })).toBe(false);
    open.decoder.add({ name: "second", spec, pairs });
    open.decoder.remove("first");
    expect(idsOf(await answer(open, [4, 26, 69], "second"))).toEqual(before);
    await expect(answer(open, [4], "first")).rejects.toThrow(/adapter of the device/);
    // What went wrong for one is over for it alone.
    expect(idsOf(await answer(open, [4, 26, 69], "second"))).toEqual(before);
  });
});
