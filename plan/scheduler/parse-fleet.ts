import { z } from "zod";
import { canonicalJson, type ErrorFacts, InputError } from "../../core/index.ts";
import { joinSegments, segmentHash, settingHash } from "../actions/segments.ts";
import { type FileLines, jsonLines } from "../documents/json-lines.ts";
import type { PlanBody } from "../documents/plan.ts";
import { checkDocument } from "../documents/read-document.ts";
import { readText } from "../documents/read-text.ts";
import { type Segment, segmentSchema } from "../documents/segment.ts";
import { type Setting, settingSchema } from "../documents/setting.ts";
import { type Job, jobSchema } from "../documents/workload.ts";
import { requireHash } from "../validate/plan-hash.ts";
import type { FleetWork } from "./fleet-work.ts";
import {
  WorkReader,
  type WorkWriter,
  type WrittenWork,
  writtenSizesSchema,
  writtenWorkFields,
} from "./written-work.ts";

/** A job that has come to a live fleet: its number, and what it is to train. */
export interface FleetComer extends FleetWork {
  /** In the order of arrival. */
  readonly number: number;
  /** As it was asked for, with what a fleet that goes on needs of it; absent in folders of earlier versions. */
  readonly given?: Job;
}

const comerSchema = z.strictObject({
  number: z.int().min(0),
  given: jobSchema.exactOptional(),
  ...writtenWorkFields,
});
const sizesLineSchema = z.strictObject({ sizes: writtenSizesSchema });

/** The setting of a fleet. @throws InputError */
export function parseSetting(text: string, file: string): Setting {
  return checkDocument(settingSchema, readText(text, file).value, readText(text, file));
}

const beginSchema = z.strictObject({
  segments: z.int().min(0),
  previous: z.string(),
  actions: z.array(z.int().min(0)),
});

/** Where the segments that are kept of a long fleet begin: so many came before, the hash of the last, actions by stage. */
export type SegmentsBegin = z.infer<typeof beginSchema>;

/** The line of a file of segments that goes on behind segments which are kept no longer. */
export function beginLine(begin: SegmentsBegin): string {
  return canonicalJson({ begin });
}

export interface KeptSegments {
  /** Of a fleet whose segments are all kept, nothing came before. */
  readonly begin: SegmentsBegin;
  readonly segments: readonly Segment[];
}

/** Nothing came before the first segment. */
export function firstBegin(setting: Setting): SegmentsBegin {
  return { segments: 0, previous: settingHash(setting), actions: setting.stages.map(() => 0) };
}

/**
 * The pieces of a fleet's plan that are kept, in order.
 * @throws InputError for a line that is none, or that does not follow on the one before it
 */
export function parseSegments(lines: FileLines, file: string, setting: Setting): KeptSegments {
  const segments: Segment[] = [];
  let begin = firstBegin(setting);
  let { previous } = begin;
  for (const source of jsonLines(lines, file)) {
    const { value } = source;
    if (source.line === 1 && typeof value === "object" && value !== null && "begin" in value) {
      begin = checkDocument(beginSchema, value.begin, source);
      ({ previous } = begin);
      continue;
    }
    const segment = checkDocument(segmentSchema, value, source);
    const at = { file, ...source.locate([]), hint: "The folder was changed after it was written." };
    requireHash(previous, "previous", segment.previous, at);
    requireHash(segmentHash(segment), "hash", segment.hash, at);
    previous = segment.hash;
    segments.push(segment);
  }
  return { begin, segments };
}

/** A fleet's plan as far as its segments go, as one. */
export function fleetPlanBody(setting: Setting, segments: readonly Segment[]): PlanBody {
  const none = { jobs: [], groups: [], microBatches: [], actions: setting.stages.map(() => []) };
  return { ...setting, ...(segments.length === 0 ? none : joinSegments(segments)), predicted: null };
}

/** The lines of a job that has come to a fleet: sizes of its rows, where they are told of for the first time, and the job. */
export function comerLines(writer: WorkWriter, { number, given, ...own }: FleetComer): readonly string[] {
  const { work, sizes } = writer.write(own);
  const comer = canonicalJson({ number, ...(given && { given }), ...work });
  return sizes === undefined ? [comer] : [canonicalJson({ sizes }), comer];
}

/** The jobs that came to a fleet, in the order of arrival. @throws InputError with the line that is none */
export function parseComers(lines: FileLines, file: string): readonly FleetComer[] {
  const reader = new WorkReader();
  const comers: FleetComer[] = [];
  for (const source of jsonLines(lines, file)) {
    const { value } = source;
    if (typeof value === "object" && value !== null && "sizes" in value) {
      reader.sizes(checkDocument(sizesLineSchema, value, source).sizes);
      continue;
    }
    const { number, given, ...written } = checkDocument(comerSchema, value, source);
    const at = { file, ...source.locate([]) };
    if (number !== comers.length)
      throw new InputError({ expected: `job ${comers.length}`, at: "number", got: number, ...at });
    const work = readWork(reader, written, at);
    if (work.steps.length !== work.job.steps)
      throw new InputError({
        expected: `the rows of ${work.job.steps} steps`,
        at: "steps",
        got: work.steps.length,
        ...at,
      });
    comers.push({ number, ...(given && { given }), ...work });
  }
  return comers;
}

function readWork(reader: WorkReader, written: WrittenWork, at: Pick<ErrorFacts, "file" | "line">): FleetWork {
  try {
    return reader.read(written);
  } catch (error) {
    throw error instanceof InputError ? new InputError({ ...error.facts, ...at }) : error;
  }
}
