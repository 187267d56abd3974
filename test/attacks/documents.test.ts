import { beforeAll, expect, it } from "vitest";
import { temporaryFolder } from "../cli/run-cli.ts";
import { isNightly, someOf } from "../level.ts";
import { HOSTILE_LINES } from "./command-lines.ts";
import { HOSTILE_TEXTS, mutatedDocuments } from "./documents.ts";
import { numberAttacks } from "./numbers.ts";
import { SEED, TIMEOUT_MS, withstand, writeTargets } from "./withstand.ts";

const root = temporaryFolder();
/** Of each kind of attack. */
const MANY = { quick: 20, all: 50 };
const documents = mutatedDocuments(SEED);

beforeAll(async () => void (await writeTargets(root)));

it("texts that no reader of YAML or JSON should see", { tags: ["slow"], timeout: TIMEOUT_MS }, () =>
  withstand(root, "texts", someOf(HOSTILE_TEXTS, MANY)),
);
it("documents with a hostile value", { tags: ["slow"], timeout: TIMEOUT_MS }, () =>
  withstand(root, "documents", someOf(documents, MANY)),
);
it("numbers at the ends", () => withstand(root, "numbers", numberAttacks(SEED, isNightly ? 80 : 40)), TIMEOUT_MS);
it("command lines", { tags: ["slow"], timeout: TIMEOUT_MS }, () =>
  withstand(root, "lines", someOf(HOSTILE_LINES, MANY)),
);

it("are some three hundred", () => {
  expect(HOSTILE_TEXTS.length + documents.length + HOSTILE_LINES.length).toBeGreaterThan(280);
});
