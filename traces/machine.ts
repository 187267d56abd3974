import { z } from "zod";
import { machineProbeSchema, systemCountsSchema } from "../plan/index.ts";

/** How fast the machine was during a run, by what does not depend on the run: probes, and what the system counted. */
export const runMachineSchema = z.strictObject({
  /** Before the first action, while a device had nothing more to do, and after the last action. */
  probes: z.array(machineProbeSchema),
  /** CPU devices. */
  devices: z.array(
    z.strictObject({
      name: z.string().min(1),
      /** Share of its actions' time in which its threads did not have their cores. */
      interrupted: z.number().min(0).max(1),
      /** How often the system made them give up a core meanwhile. */
      switches: z.int().min(0),
      /**
       * Its speed between actions: seconds since the first action, FLOP/s of a small product, bytes/s of a small copy.
       */
      samples: z.array(z.tuple([z.number(), z.number().positive(), z.number().positive()])),
    }),
  ),
  system: systemCountsSchema.optional(),
  /** Of a run over several machines: how the clocks of all but the first went beside that one's. */
  clocks: z
    .array(
      z.strictObject({
        machine: z.string().min(1),
        /** Seconds that it showed less than the first one's at the last comparison. */
        offsetSeconds: z.number(),
        /** Parts in a million that it goes too slowly; 0 where they were compared but once. */
        driftPpm: z.number(),
        /** Seconds that its times may be wrong among those of the first: half of the longest round trip that counted. */
        errorSeconds: z.number().min(0),
        comparisons: z.int().min(1),
      }),
    )
    .exactOptional(),
});

export type RunMachine = z.infer<typeof runMachineSchema>;
