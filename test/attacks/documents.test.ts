import { beforeAll, expect, it } from "vitest";
import { temporaryFolder } from "../cli/run-cli.ts";
import { HOSTILE_LINES } from "./command-lines.ts";
import { HOSTILE_TEXTS, mutatedDocuments } from "./documents.ts";
import { numberAttacks } from "./numbers.ts";
import { SEED, TIMEOUT_MS, withstand, writeTargets } from "./withstand.ts";

const root = temporaryFolder();
const documents = mutatedDocuments(SEED);

beforeAll(async () => void (await writeTargets(root)));

it("texts that no reader of YAML or JSON should see", { tags: ["slow"], timeout: TIMEOUT_MS }, () =>
  withstand(root, "texts", HOSTILE_TEXTS),
);
it("documents with a hostile value", { tags: ["slow"], timeout: TIMEOUT_MS }, () =>
  withstand(root, "documents", documents),
);
it("numbers at the ends", () => withstand(root, "numbers", numberAttacks(SEED, 80)), TIMEOUT_MS);
it("command lines", { tags: ["slow"], timeout: TIMEOUT_MS }, () => withstand(root, "lines", HOSTILE_LINES));

it("are some three hundred", () => {
  expect(HOSTILE_TEXTS.length + documents.length + HOSTILE_LINES.length).toBeGreaterThan(280);
});
