import { expect } from "vitest";
import { type Decoder, GREEDY, type NamedAdapter, openGenerator } from "../../../exec/index.ts";
import type { DeviceOptions } from "../../../native/index.ts";
import type { Dtype } from "../../../plan/index.ts";
import { readFamily, readFamilyAdapter } from "../family-case.ts";

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

/** Greedy answers of a family's base and of its adapter, side by side, are those of transformers. */
export async function expectAnswers(
  name: string,
  device: DeviceOptions,
  { dtype = "float32", look }: { readonly dtype?: Dtype; readonly look?: (decoder: Decoder) => void } = {},
): Promise<void> {
  const family = readFamily(name);
  const { generation } = family.expected as unknown as Expected;
  const adapters: readonly NamedAdapter[] = [{ name: "attention", ...readFamilyAdapter(family, "attention") }];
  using open = await openGenerator({
    ...{ model: family.model, dtype, adapters, sequences: 3, cacheTokens: 200, device },
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
  look?.(open.decoder);
}
