import { z } from "zod";
import { nameSchema } from "./workload.ts";
import { writtenBytesSchema, writtenRateSchema } from "./written-values.ts";

const positive = z.number().positive();
const peaksSchema = z.strictObject({ float32: positive, bfloat16: positive.optional() });

/** The name of a device, such as `cpu:0`, `cuda:1`, `a0` or `unit0`. */
export const deviceNameSchema = z
  .string()
  .max(64)
  .regex(/^[A-Za-z0-9_][A-Za-z0-9._:#-]*$/, "a device name of letters, digits, dot, dash, colon, underscore and #");

export const deviceSchema = z.strictObject({
  name: deviceNameSchema,
  /**
   * A name from the catalog, `cpu` for this machine, or `unit` for an abstract device; without it the figures are
   * needed.
   */
  type: z.string().min(1).optional(),
  /** CPU devices: threads, each pinned to a core of its own. */
  threads: z.int().positive().optional(),
  memoryBytes: writtenBytesSchema.optional(),
  peakFlopsPerSecond: peaksSchema.optional(),
  memoryBytesPerSecond: writtenRateSchema.optional(),
});

/**
 * Beside computation (overlapped), or with a sender that goes on when its message has arrived (synchronous), or on the
 * compute streams of both sides, as with sends and receives that return when the message is there (blocking).
 */
const transfersSchema = z.enum(["overlapped", "synchronous", "blocking"]);

/** Whether both directions have the whole bandwidth at once, or share it. A shared link is one for both in any case. */
const duplexSchema = z.enum(["full", "half"]);

/** What messages between stages are rounded to for the transfer; absent: they have the type of computation. */
const transferDtypeSchema = z.literal("bfloat16");

/** Links inside a machine. Figures of the named types: catalog. */
export const linkSchema = z.strictObject({
  type: z.string().min(1).optional(),
  /** One link for all pairs of devices, instead of one for each pair and direction. */
  shared: z.boolean().default(false),
  bandwidthBytesPerSecond: writtenRateSchema.optional(),
  latencySeconds: z.number().min(0).optional(),
  transfers: transfersSchema.default("overlapped"),
  duplex: duplexSchema.default("full"),
  transferDtype: transferDtypeSchema.optional(),
});

export const networkSchema = z.strictObject({
  bandwidthBytesPerSecond: writtenRateSchema,
  latencySeconds: z.number().min(0).default(0),
  shared: z.boolean().default(true),
  transfers: transfersSchema.default("overlapped"),
  duplex: duplexSchema.default("full"),
  transferDtype: transferDtypeSchema.optional(),
});

/** What a machine has for states of jobs over time that are on none of its devices. */
const hostSchema = z.strictObject({
  memoryBytes: writtenBytesSchema.optional(),
  /** Between a device and memory. */
  linkBytesPerSecond: writtenRateSchema.optional(),
  diskBytesPerSecond: writtenRateSchema.optional(),
});

const machineSchema = z.strictObject({
  name: nameSchema,
  devices: z.array(deviceSchema).min(1),
  link: linkSchema.optional(),
  host: hostSchema.optional(),
});

export const clusterSchema = z.strictObject({
  kind: z.literal("cluster"),
  version: z.literal(1),
  machines: z.array(machineSchema).min(1),
  network: networkSchema.optional(),
});

export type Cluster = z.infer<typeof clusterSchema>;

/** A device with every figure filled in; null where nobody knows (abstract devices, a CPU before it is measured). */
export const resolvedDeviceSchema = z.strictObject({
  name: deviceNameSchema,
  machine: z.string(),
  kind: z.enum(["cpu", "cuda", "abstract"]),
  type: z.string(),
  threads: z.int().positive(),
  memoryBytes: positive.nullable(),
  peakFlopsPerSecond: peaksSchema.nullable(),
  memoryBytesPerSecond: positive.nullable(),
});

/** The link that a transfer between two stages takes. Links of one `id` share their bandwidth when `shared`. */
export const resolvedLinkSchema = z.strictObject({
  id: z.string(),
  type: z.string(),
  shared: z.boolean(),
  bandwidthBytesPerSecond: positive.nullable(),
  latencySeconds: z.number().min(0),
  /** Absent: they overlap with computation. */
  transfers: z.enum(["synchronous", "blocking"]).optional(),
  /** Of a link that is not shared: both directions share its bandwidth. Absent: each has it. */
  duplex: z.literal("half").optional(),
  /** Absent: messages have the type of computation. */
  transferDtype: transferDtypeSchema.optional(),
});

export type ResolvedDevice = z.infer<typeof resolvedDeviceSchema>;
export type ResolvedLink = z.infer<typeof resolvedLinkSchema>;
