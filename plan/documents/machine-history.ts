import { z } from "zod";
import { machineStateSchema } from "./machine.ts";

/** One line of the file in which a machine's speed is kept over time. */
export const machineHistoryLineSchema = z.strictObject({
  version: z.literal(3),
  /** When it was measured, as ISO 8601 has it, in UTC. */
  time: z.string().min(1),
  /** As in a calibration. */
  host: z.string().min(1),
  dtype: z.enum(["float32", "bfloat16"]),
  /** Of all devices that were at work, as in a calibration: a host's CPUs and GPUs are machines apart. */
  type: z.string().min(1),
  /** Devices of the machine that were at work. */
  devices: z.int().positive(),
  /** What a probe before it said: FLOP/s of a large product, and the share of its time without a core; means of all devices. */
  probed: machineStateSchema.pick({ product: true, interrupted: true }),
  ...machineStateSchema.shape,
});

export type MachineHistoryLine = z.infer<typeof machineHistoryLineSchema>;

/** One line of the file in which it is kept what JavaScript does on the cores of a machine's devices. */
export const ownWorkLineSchema = z.strictObject({
  version: z.literal(3),
  time: z.string().min(1),
  host: z.string().min(1),
  /** Under which the fleet's jobs were scheduled. */
  policy: z.string().min(1),
  /** What a device lost for each action of a live fleet. */
  perActionSeconds: z.number().positive(),
  /** The same for each segment of its plan: so much comes at once. */
  burstSeconds: z.number().positive(),
  /** That the process could use. */
  cores: z.int().positive(),
});

export type OwnWorkLine = z.infer<typeof ownWorkLineSchema>;

/**
 * The lines of a file that are whole and of a schema's version; others are left out, as no answer depends on one line.
 */
function parseHistory<Line>(schema: z.ZodType<Line>, text: string): readonly Line[] {
  return text.split("\n").flatMap((line) => {
    try {
      return [schema.parse(JSON.parse(line))];
    } catch {
      return [];
    }
  });
}

export function parseMachineHistory(text: string): readonly MachineHistoryLine[] {
  return parseHistory(machineHistoryLineSchema, text);
}

export function parseOwnWorkHistory(text: string): readonly OwnWorkLine[] {
  return parseHistory(ownWorkLineSchema, text);
}
