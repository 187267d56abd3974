import { z } from "zod";
import { InputError } from "../../core/index.ts";
import { type FileLines, jsonLines } from "../documents/json-lines.ts";
import { maxCostSchema } from "../documents/money.ts";
import { checkDocument } from "../documents/read-document.ts";
import type { Decision, FleetEvent, JournalLine } from "./journal.ts";

const timeNs = z.number().min(0);
const count = z.int().min(0);

const requestSchema = z.strictObject({
  name: z.string(),
  user: z.string(),
  priority: z.number(),
  arrivalNs: timeNs,
  deadlineNs: z.number().nullable(),
  iterations: count,
  tokens: z.number().min(0),
  maxCost: maxCostSchema.exactOptional(),
  userMaxCost: maxCostSchema.exactOptional(),
});

const ofJob = { number: count };
const asked = { ...ofJob, askedNs: timeNs.exactOptional() };
/** Where it was not a person. */
const held = { ...asked, by: z.literal("halving").exactOptional(), why: z.string().exactOptional() };
/** A kind that has no entry does not compile. */
const EVENTS = {
  arrived: z.strictObject({ kind: z.literal("arrived"), ...ofJob, request: requestSchema, predicted: z.number() }),
  restored: z.strictObject({
    kind: z.literal("restored"),
    ...ofJob,
    request: requestSchema,
    predicted: z.number(),
    done: count,
  }),
  progress: z.strictObject({ kind: z.literal("progress"), ...ofJob, done: count, between: z.boolean() }),
  ended: z.strictObject({ kind: z.literal("ended"), ...ofJob }),
  stop: z.strictObject({
    kind: z.literal("stop"),
    ...asked,
    by: z.enum(["user", "early-stopping", "halving", "budget"]),
    why: z.string(),
  }),
  pause: z.strictObject({ kind: z.literal("pause"), ...held }),
  unpause: z.strictObject({ kind: z.literal("unpause"), ...held }),
  priority: z.strictObject({ kind: z.literal("priority"), ...asked, priority: z.number() }),
  measured: z.strictObject({ kind: z.literal("measured"), ...ofJob, bytes: z.array(z.number()) }),
  predicted: z.strictObject({ kind: z.literal("predicted"), ...ofJob, predicted: z.number() }),
} satisfies Readonly<Record<FleetEvent["kind"], z.ZodType<FleetEvent>>>;
const { arrived, ...others } = EVENTS;
const eventSchema: z.ZodType<FleetEvent> = z.discriminatedUnion("kind", [arrived, ...Object.values(others)]);

const decisionSchema: z.ZodType<Decision> = z.strictObject({
  kind: z.enum(["start", "resume", "leave", "stay", "preempt", "stop", "refuse"]),
  ...ofJob,
  name: z.string(),
  pipeline: count.exactOptional(),
  why: z.string(),
});

/** A line may hold more than what the scheduler said, as the time of day. */
const lineSchema = z.looseObject({
  line: count,
  atNs: timeNs,
  events: z.array(eventSchema),
  decisions: z.array(decisionSchema),
});

export interface ReadJournal {
  /** Lines of the scheduler. */
  readonly lines: readonly JournalLine[];
  /** What lines of other kinds hold: a run writes them into the same file. */
  readonly others: readonly unknown[];
  /** Number of a last line that was not written to its end, from 1; undefined where there is none. */
  readonly tornLine: number | undefined;
}

/** Whether a value of a line is of the job scheduler; a run writes lines of other kinds into the same file. */
function isOfScheduler(value: unknown): boolean {
  return typeof value === "object" && value !== null && "decisions" in value;
}

/**
 * The lines of a journal that are of the job scheduler, up to the last whole one.
 * @throws InputError with the line that is none, or tells of a job that has not arrived, or where there is none
 */
export function parseJournal(lines: FileLines, file: string): ReadJournal {
  return requireLines(journalLines(lines, file), file);
}

/** @throws InputError for a journal without a line of the job scheduler */
export function requireLines<R extends Pick<ReadJournal, "lines">>(read: R, file: string): R {
  if (read.lines.length > 0) return read;
  const hint = "`loratwin simulate WORKLOAD --policy NAME -o journal.jsonl` writes one.";
  throw new InputError({ expected: "a line of a job scheduler's journal", file, got: "none", hint });
}

/** The same of a journal that may have none yet. @throws InputError with the line that is wrong */
export function journalLines(given: FileLines, file: string): ReadJournal {
  const lines: JournalLine[] = [];
  const others: unknown[] = [];
  const known = new Set<number>();
  let atNs = 0;
  let tornLine: number | undefined;
  for (const source of jsonLines(given, file, (line) => {
    tornLine = line;
  })) {
    if (!isOfScheduler(source.value)) {
      others.push(source.value);
      continue;
    }
    const wrong = (expected: string, got: unknown): InputError =>
      new InputError({ expected, file, line: source.line, got });
    const { line, events, decisions, ...rest } = checkDocument(lineSchema, source.value, source);
    if (rest.atNs < atNs) throw wrong(`a time from ${atNs} ns on`, rest.atNs);
    atNs = rest.atNs;
    for (const event of events) if (event.kind === "arrived") known.add(event.number);
    const foreign = [...events, ...decisions].find(({ number }) => !known.has(number));
    if (foreign !== undefined) throw wrong("a job that has arrived before", foreign.number);
    lines.push({ line, atNs, events, decisions });
  }
  return { lines, others, tornLine };
}
