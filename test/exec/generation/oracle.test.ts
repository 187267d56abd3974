import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { answer, baseFolder, EXPORT_ORACLE, generatorOf, idsOf, storedAdapter, storedAnswers } from "./answers.ts";

const HAS_ORACLE = existsSync(EXPORT_ORACLE);
const LOG_PROBABILITY = 1e-4;

function nearness(got: readonly number[], wanted: readonly number[]): number {
  return Math.max(...wanted.map((value, i) => Math.abs(value - got[i]!)));
}

describe.skipIf(!HAS_ORACLE).each(["tinystories-260k", "tiny-qwen3", "tiny-llama-untied"])("%s", (base) => {
  test("answers with the tokens and log-probabilities of transformers and PEFT, all at once", async () => {
    const cases = Object.entries(storedAnswers()).filter(([, each]) => each.base === base);
    using open = await generatorOf(
      baseFolder(base),
      cases.map(([name]) => storedAdapter(name, base)),
    );
    await Promise.all(
      cases.flatMap(([name, { prompts }]) =>
        prompts.flatMap((prompt) =>
          ([undefined, name] as const).map(async (adapter) => {
            const wanted = adapter === undefined ? prompt.base : prompt.adapter;
            const got = await answer(open, prompt.input_ids, adapter);
            expect(idsOf(got)).toEqual(wanted.tokens);
            const own = got.tokens.map(({ logProbability }) => logProbability);
            expect(nearness(own, wanted.log_probabilities)).toBeLessThan(LOG_PROBABILITY);
          }),
        ),
      ),
    );
  });

  test("scores a prompt's tokens as it would have drawn them", async () => {
    const [name, { prompts }] = Object.entries(storedAnswers()).find(([, each]) => each.base === base)!;
    using open = await generatorOf(baseFolder(base), [storedAdapter(name, base)]);
    const [first] = prompts;
    const whole = [...first!.input_ids, ...first!.adapter.tokens];
    const { promptLogProbabilities, tokens } = await answer(open, whole, name, { scoresPrompt: true, maxTokens: 0 });
    expect(tokens).toEqual([]);
    expect(promptLogProbabilities).toHaveLength(whole.length - 1);
    const scored = promptLogProbabilities.slice(first!.input_ids.length - 1);
    expect(nearness(scored, first!.adapter.log_probabilities)).toBeLessThan(LOG_PROBABILITY);
  });
});
