import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { caseKey } from "../../bench/case-record.ts";
import { parseResults } from "../../bench/results-file.ts";

const FOLDER = path.join(import.meta.dirname, "..", "..", "bench", "results");
const DOCS = readFileSync(path.join(FOLDER, "../../docs/reference/results.md"), "utf8");

const files = readdirSync(FOLDER, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== "local")
  .flatMap(({ name }) => readdirSync(path.join(FOLDER, name)).map((file) => `${name}/${file}`));

test.each(files)(
  "the published results %s read back, each case once, of one machine, and the docs cite them",
  (name) => {
    const records = parseResults(readFileSync(path.join(FOLDER, name), "utf8"), name);
    expect(new Set(records.map(caseKey)).size).toBe(records.length);
    expect(new Set(records.map(({ suite, case: of }) => `${suite} ${of}`)).size).toBe(records.length);
    expect(new Set(records.map(({ suite }) => `${suite}.jsonl`))).toEqual(new Set([path.basename(name)]));
    expect(new Set(records.map(({ machine }) => machine.processor)).size).toBe(1);
    expect(DOCS.includes(`(../../bench/results/${name})`)).toBe(true);
  },
);
