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
});

export type RunMachine = z.infer<typeof runMachineSchema>;
