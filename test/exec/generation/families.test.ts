import { describe, expect, test } from "vitest";
import { GREEDY, type NamedAdapter, nativeInfo, openGenerator } from "../../../exec/index.ts";
import { FAMILIES, HAS_FAMILIES, readFamily, readFamilyAdapter } from "../family-case.ts";

interface Answer {
  readonly tokens: readonly number[];
}

interface Expected {
  readonly generation: {
    readonly prompt: readonly number[];
    readonly base: Answer;
    readonly attention: Answer;
    readonly across_switch?: { readonly prompt: readonly number[]; readonly base: Answer };
  };
}

/** Checkpoints in bfloat16, of which the stored tokens were made in float32. */
const NARROW = ["llama-llama3-bf16", "qwen3-bf16", "gemma2-bf16", "gpt-oss-bf16"] as const;

describe
  .skipIf(!HAS_FAMILIES)
  .each([
    ...FAMILIES.map((name) => [name, "float32"] as const),
    ...NARROW.flatMap((name) => [[name, "float32"] as const, [name, "bfloat16"] as const]),
  ])("%s in %s", (name, dtype) => {
  test("answers with the tokens of transformers, base and adapter side by side", async () => {
    const family = readFamily(name);
    const { generation } = family.expected as unknown as Expected;
    const adapters: readonly NamedAdapter[] = [{ name: "attention", ...readFamilyAdapter(family, "attention") }];
    using open = await openGenerator({
      ...{ model: family.model, dtype, adapters, sequences: 3, cacheTokens: 200 },
      device: { name: "cpu:0", cores: nativeInfo().cores.slice(0, 2) },
    });
    const answer = async (prompt: readonly number[], adapter?: string): Promise<readonly number[]> => {
      const { tokens } = await open.generator.generate({
        ...{ prompt, adapter, sampling: GREEDY, maxTokens: 12, stopTokens: new Set() },
      });
      return tokens.map(({ token }) => token);
    };
    const { across_switch: across } = generation;
    const [base, attention, switched] = await Promise.all([
      answer(generation.prompt),
      answer(generation.prompt, "attention"),
      across && answer(across.prompt),
    ]);
    expect(base).toEqual(generation.base.tokens);
    expect(attention).toEqual(generation.attention.tokens);
    expect(switched).toEqual(across?.base.tokens);
  });
});
