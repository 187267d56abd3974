import { describe, test } from "vitest";
import { nativeInfo } from "../../../exec/index.ts";
import { FAMILIES, HAS_FAMILIES } from "../family-case.ts";
import { expectAnswers } from "./family-answers.ts";

/** Checkpoints in bfloat16, of which the stored tokens were made in float32. */
const NARROW = ["llama-llama3-bf16", "qwen3-bf16", "gemma2-bf16", "gpt-oss-bf16"] as const;

describe
  .skipIf(!HAS_FAMILIES)
  .each([
    ...FAMILIES.map((name) => [name, "float32"] as const),
    ...NARROW.flatMap((name) => [[name, "float32"] as const, [name, "bfloat16"] as const]),
  ])("%s in %s", (name, dtype) => {
  test("answers with the tokens of transformers, base and adapter side by side", async () => {
    await expectAnswers(name, { name: "cpu:0", cores: nativeInfo().cores.slice(0, 2) }, { dtype });
  });
});
