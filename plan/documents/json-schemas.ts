import { z } from "zod";
import { calibrationSchema } from "./calibration.ts";
import { candidatesSchema } from "./candidates.ts";
import { capacityAnswerSchema } from "./capacity-answer.ts";
import { catalogSchema } from "./catalog.ts";
import { clusterSchema } from "./cluster.ts";
import { forecastSchema } from "./forecast.ts";
import { acceptedSchema, baselineSchema, goldensSchema } from "./goldens.ts";
import { planDocumentSchema } from "./plan.ts";
import { pricesSchema } from "./prices.ts";
import { writtenWorkloadSchema } from "./written-workload.ts";

/** The JSON Schema (draft 7, which editors know best) of a document as it is written. */
export function jsonSchema(title: string, schema: z.ZodType): object {
  return { title, ...z.toJSONSchema(schema, { io: "input", target: "draft-7" }) };
}

/** JSON Schemas of the documents that plans and answers are made from, and of the plan, by kind. */
export function planningSchemas(): Readonly<Record<string, object>> {
  return {
    workload: jsonSchema("loratwin workload", writtenWorkloadSchema),
    cluster: jsonSchema("loratwin cluster", clusterSchema),
    calibration: jsonSchema("loratwin calibration", calibrationSchema),
    catalog: jsonSchema("loratwin catalog", catalogSchema),
    plan: jsonSchema("loratwin plan", planDocumentSchema),
    forecast: jsonSchema("loratwin forecast", forecastSchema),
    candidates: jsonSchema("loratwin candidates", candidatesSchema),
    prices: jsonSchema("loratwin prices", pricesSchema),
    "capacity-answer": jsonSchema("loratwin capacity-answer", capacityAnswerSchema),
    goldens: jsonSchema("loratwin goldens", goldensSchema),
    "accepted-changes": jsonSchema("loratwin accepted-changes", acceptedSchema),
    "regress-baseline": jsonSchema("loratwin regress-baseline", baselineSchema),
  };
}
