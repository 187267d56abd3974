import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { jsonSchema, planningSchemas } from "../../plan/index.ts";
import { traceDocumentSchema } from "../../traces/index.ts";

const FOLDER = path.join(import.meta.dirname, "../../docs/schemas");
const SCHEMAS = { ...planningSchemas(), trace: jsonSchema("loratwin trace", traceDocumentSchema) };

it("docs/schemas holds a schema for each kind of document and nothing else", () => {
  const names = Object.keys(SCHEMAS).map((kind) => `${kind}.schema.json`);
  expect(readdirSync(FOLDER).filter((name) => name.endsWith(".json"))).toEqual(names.sort());
});

it.each(Object.entries(SCHEMAS))("docs/schemas/%s.schema.json is what `npm run schemas` writes", (kind, schema) => {
  const file = path.join(FOLDER, `${kind}.schema.json`);
  expect(readFileSync(file, "utf8")).toBe(`${JSON.stringify(schema, null, 2)}\n`);
});
