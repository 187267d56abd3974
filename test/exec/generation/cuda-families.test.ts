// @module-tag slow
import { describe, test } from "vitest";
import { useEmulatedAddon } from "../../native/emulated-addon.ts";
import { FAMILIES, HAS_FAMILIES } from "../family-case.ts";
import { expectAnswers } from "./family-answers.ts";

useEmulatedAddon();

describe.skipIf(!HAS_FAMILIES).each(FAMILIES)("%s on an emulated GPU", (name) => {
  test("answers with the tokens of transformers, base and adapter side by side", async () => {
    await expectAnswers(name, { kind: "cuda", name: "cuda:0", index: 0 });
  }, 120_000);
});
