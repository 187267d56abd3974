import { describe, test } from "vitest";
import { nativeInfo } from "../../../exec/index.ts";
import { FAMILIES, HAS_FAMILIES } from "../family-case.ts";
import { expectAnswers } from "./family-answers.ts";

describe.skipIf(!HAS_FAMILIES).each(FAMILIES)("%s", (name) => {
  test("answers with the tokens of transformers, base and adapter side by side", async () => {
    await expectAnswers(name, { name: "cpu:0", cores: nativeInfo().cores.slice(0, 2) });
  });
});
