import { z } from "zod";
import { runMachineSchema } from "./machine.ts";
import { COLLECTIVES } from "./trace.ts";

const id = z.int().positive();
const index = z.int().min(0);
const microseconds = z.number().min(0);
const text = z.string().min(1);
const actionKey = z.string().regex(/^\d+[FBUEIW]\d+$/, "an action such as 2F0");
const collective = z.enum(COLLECTIVES);
/** An action's key, behind the name of a collective where the slice is of one. */
const sliceName = z
  .string()
  .regex(new RegExp(`^((${COLLECTIVES.join("|")}) )?\\d+[FBUEIW]\\d+$`), "an action such as 2F0, or all-reduce 2F0");

/**
 * What every action event says about itself; `bytes` is the message size of a transfer, `interrupted` microseconds of
 * `dur`, `delayed` before it.
 */
const actionArgsSchema = z.strictObject({
  action: actionKey,
  /** Job names, in job order. */
  jobs: z.array(text),
  stage: index,
  microBatch: index,
  /** Optimizer step of the group, from 0. */
  step: index,
  /** Micro-batch within the mini-batch, from 0. */
  part: index,
  tokens: index,
  interrupted: microseconds.optional(),
  delayed: microseconds.optional(),
  bytes: index.optional(),
  collective: collective.optional(),
});

/** A slice: an action on a compute stream, or its message on a send or receive stream. Times in microseconds. */
const sliceSchema = z.strictObject({
  ph: z.literal("X"),
  name: sliceName,
  cat: z.enum(["compute", "transfer"]),
  pid: id,
  tid: id,
  ts: microseconds,
  dur: microseconds,
  args: actionArgsSchema,
});

const nameArgs = z.strictObject({ name: text });
const sortArgs = z.strictObject({ sort_index: z.int() });

const metadataSchema = z.discriminatedUnion("name", [
  z.strictObject({ ph: z.literal("M"), name: z.literal("process_name"), pid: id, args: nameArgs }),
  z.strictObject({ ph: z.literal("M"), name: z.literal("process_sort_index"), pid: id, args: sortArgs }),
  z.strictObject({ ph: z.literal("M"), name: z.literal("thread_name"), pid: id, tid: id, args: nameArgs }),
  z.strictObject({ ph: z.literal("M"), name: z.literal("thread_sort_index"), pid: id, tid: id, args: sortArgs }),
]);

/** `memory` in bytes of the process's device, or `loss JOB`. */
const counterSchema = z.strictObject({
  ph: z.literal("C"),
  name: z.string().regex(/^(memory|loss .+)$/, "a counter named memory, or loss and a job's name"),
  pid: id,
  ts: microseconds,
  args: z.union([z.strictObject({ bytes: z.number() }), z.strictObject({ loss: z.number() })]),
});

const flowFields = {
  id,
  cat: z.literal("transfer"),
  name: z.enum(["activations", "gradients"]),
  pid: id,
  tid: id,
  ts: microseconds,
};
/** Where a message leaves: inside the slice of its sending. */
const flowStartSchema = z.strictObject({ ph: z.literal("s"), ...flowFields });
/** Where it is used: inside the slice of the action that consumes it. */
const flowEndSchema = z.strictObject({ ph: z.literal("f"), bp: z.literal("e"), ...flowFields });

const interval = z.tuple([z.number(), z.number()]);

const intervalsSchema = z.strictObject({
  level: z.number().gt(0).lt(1),
  samples: z.int().positive(),
  seed: index,
  makespanSeconds: interval,
  tokensPerSecond: interval,
  bubbleRatio: interval.nullable(),
  bubbleRatioTotal: interval,
  jobs: z.array(z.strictObject({ name: text, turnaroundSeconds: interval })),
  /** The makespan if the machine is left alone, goes on as it is now, or is as it has been. */
  outlooks: z.strictObject({ alone: interval, now: interval, been: interval }).optional(),
});

export const traceDocumentSchema = z.strictObject({
  displayTimeUnit: z.enum(["ms", "ns"]).optional(),
  otherData: z.strictObject({
    kind: z.literal("trace"),
    version: z.literal(1),
    source: z.enum(["simulated", "executed"]),
    planHash: z.string(),
    calibrationHash: z.string(),
    /** Versions of loratwin and of what it ran on, for people. */
    versions: z.record(z.string(), z.string()),
    /** Of a simulated run: where `level` of the runs lie that the errors of its costs allow. */
    intervals: intervalsSchema.optional(),
    /** Of an executed run: how fast the machine was. */
    machine: runMachineSchema.optional(),
  }),
  traceEvents: z.array(
    z.discriminatedUnion("ph", [sliceSchema, metadataSchema, counterSchema, flowStartSchema, flowEndSchema]),
  ),
});

/** Chrome trace event JSON with our fields: what a trace file holds. */
export type TraceDocument = z.infer<typeof traceDocumentSchema>;
export type ChromeEvent = TraceDocument["traceEvents"][number];
