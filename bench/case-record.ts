import { z } from "zod";
import { canonicalJson } from "../core/index.ts";
import { measurementSchema } from "./measurement.ts";
import { SCALES } from "./suite.ts";

/**
 * What has to be the same for a result to stand for one that would be measured now. Nothing names the machine or its
 * folders.
 */
const conditionsSchema = z.strictObject({
  /** In UTC. */
  date: z.iso.date(),
  /** Of the sources; with `+` and a digest of the changes where there are some; "unknown" outside a checkout. */
  commit: z.string(),
  machine: z.strictObject({
    /** As the system names it. Virtual machines often name less than there is, so family and model stand beside it. */
    processor: z.string(),
    isa: z.string(),
    cores: z.int().positive(),
    /** null where it was not noted. */
    memoryBytes: z.int().positive().nullable(),
  }),
  /** Of loratwin, Node, oneDNN and what else takes part in the suite. */
  versions: z.record(z.string(), z.string()),
});

export type Conditions = z.infer<typeof conditionsSchema>;

/** One line of a results file: a case with all that it came to. */
export const caseRecordSchema = z.strictObject({
  kind: z.literal("benchmark"),
  version: z.literal(2),
  suite: z.string().min(1),
  case: z.string().min(1),
  /** A digest of the data that the case reads, where its name does not say which. */
  input: z.string().optional(),
  scale: z.enum(SCALES),
  command: z.string(),
  ...conditionsSchema.shape,
  /** The machine's load average over the last minute, before the case began. */
  loadBefore: z.number().min(0),
  /** How long the case took; null where it was not noted. */
  seconds: z.number().min(0).nullable(),
  measurements: z.array(measurementSchema),
});

export type CaseRecord = z.infer<typeof caseRecordSchema>;

/** What is measured, and under which conditions. */
export type CaseIdentity = Pick<CaseRecord, "suite" | "case" | "input" | "scale"> & Conditions;

/** Equal for two results of which one may stand for the other. */
export function caseKey({ suite, case: name, input, scale, date, commit, machine, versions }: CaseIdentity): string {
  return canonicalJson({ suite, case: name, input: input ?? null, scale, date, commit, machine, versions });
}
