import { z } from "zod";
import { calibrationSchema } from "./calibration.ts";
import { catalogSchema } from "./catalog.ts";
import { clusterSchema } from "./cluster.ts";
import { planDocumentSchema } from "./plan.ts";
import { writtenWorkloadSchema } from "./written-workload.ts";

/** The JSON Schema (draft 7, which editors know best) of a document as it is written. */
export function jsonSchema(title: string, schema: z.ZodType): object {
  return { title, ...z.toJSONSchema(schema, { io: "input", target: "draft-7" }) };
}

/** JSON Schemas of the documents that plans are made from, and of the plan, by kind. */
export function planningSchemas(): Readonly<Record<string, object>> {
  return {
    workload: jsonSchema("loratwin workload", writtenWorkloadSchema),
    cluster: jsonSchema("loratwin cluster", clusterSchema),
    calibration: jsonSchema("loratwin calibration", calibrationSchema),
    catalog: jsonSchema("loratwin catalog", catalogSchema),
    plan: jsonSchema("loratwin plan", planDocumentSchema),
  };
}
