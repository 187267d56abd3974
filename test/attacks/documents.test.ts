import { beforeAll, expect, it } from "vitest";
import { temporaryFolder } from "../cli/run-cli.ts";
import { HOSTILE_LINES } from "./command-lines.ts";
import { HOSTILE_TEXTS, mutatedDocuments } from "./documents.ts";
import { numberAttacks } from "./numbers.ts";
import { SEED, TIMEOUT_MS, withstand, writeTargets } from "./withstand.ts";

const root = temporaryFolder();
const documents = mutatedDocuments(SEED);

beforeAll(async () => void (await writeTargets(root)));

it("texts that no reader of YAML or JSON should see", () => withstand(root, "texts", HOSTILE_TEXTS), TIMEOUT_MS);
it("documents with a hostile value", () => withstand(root, "documents", documents), TIMEOUT_MS);
it("numbers at the ends", () => withstand(root, "numbers", numberAttacks(SEED, 80)), TIMEOUT_MS);
it("command lines", () => withstand(root, "lines", HOSTILE_LINES), TIMEOUT_MS);

it("are some three hundred", () => {
  expect(HOSTILE_TEXTS.length + documents.length + HOSTILE_LINES.length).toBeGreaterThan(280);
});
