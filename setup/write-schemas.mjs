// Writes docs/schemas from the built schemas: `npm run schemas`.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { jsonSchema, planningSchemas } from "../dist/plan/index.js";
import { traceDocumentSchema } from "../dist/traces/index.js";
import { inRoot } from "./root.mjs";

const folder = inRoot("docs", "schemas");
const schemas = { ...planningSchemas(), trace: jsonSchema("loratwin trace", traceDocumentSchema) };
mkdirSync(folder, { recursive: true });
for (const [kind, schema] of Object.entries(schemas))
  writeFileSync(join(folder, `${kind}.schema.json`), `${JSON.stringify(schema, null, 2)}\n`);
