import { z } from "zod";

const share = z.number().min(0).max(1);

/**
 * A rate as a probe saw it: the middle one of its repeats, and how much they scatter (interquartile range / median).
 */
const rateSchema = z.strictObject({
  /** FLOP/s of a product, bytes/s of memory; while the device's threads had their cores. */
  perSecond: z.number().positive(),
  scatter: z.number().min(0),
});

/** How fast one device multiplied and moved memory while all devices of its machine did the same. */
export const deviceProbeSchema = z.strictObject({
  device: z.string().min(1),
  float32: rateSchema,
  /** Where the device multiplies bfloat16 natively. */
  bfloat16: rateSchema.optional(),
  memory: rateSchema,
  /** Share of the probe's time in which the device's threads did not have their cores; CPU devices only. */
  interrupted: share.optional(),
});

export const machineProbeSchema = z.strictObject({
  /**
   * Since the beginning of what it belongs to: a calibration, or the first action of a run, before which it is
   * negative.
   */
  atSeconds: z.number(),
  devices: z.array(deviceProbeSchema).min(1),
});

/** How fast a device is between actions, by samples of some ten microseconds each. */
export const deviceSpeedSchema = z.strictObject({
  /** FLOP/s of a small product of the compute dtype. */
  product: z.number().positive(),
  /** Bytes/s read and written by a copy within a core's own cache. */
  copy: z.number().positive(),
});

/** What the system counted over some time; absent where it does not count. */
export const systemCountsSchema = z.strictObject({
  /** Of the machine's CPU time: what its host gave to other machines. */
  steal: share,
  /** Of the machine's CPU time: what other programs used. */
  otherPrograms: share,
  /** Programs that ran or wanted to, the mean of the last minute, when it began and when it ended. */
  loadBefore: z.number().min(0),
  loadAfter: z.number().min(0),
});

/** How fast a machine was over some time, as a whole. */
export const machineStateSchema = z.strictObject({
  /** FLOP/s of the small products between actions, the mean of all devices. */
  product: z.number().positive(),
  /** Share of the time in which the devices' threads did not have their cores; 0 where nobody counted. */
  interrupted: share.lt(1),
  /** How often the system made a device's threads give up a core, for each second in which they had it. */
  switchesPerSecond: z.number().min(0),
});

/** How fast the machine was while a calibration was measured. */
export const calibratedMachineSchema = z.strictObject({
  /** A number for the machine that says nothing else of it. */
  host: z.string().min(1),
  probes: z.array(machineProbeSchema).min(1),
  /** The speed that the times are of: the middle one while actions were measured. CPU devices only. */
  speed: deviceSpeedSchema.optional(),
  /**
   * Share of the measured actions' time in which the devices' threads did not have their cores: predictions add it. CPU
   * devices only.
   */
  interrupted: share.lt(1).optional(),
  /** The part of that share in which JavaScript had them, which trains with the devices; absent: nobody counted it. */
  ownInterrupted: share.lt(1).exactOptional(),
  /** Of each measuring run: what intervals know of how much the machine moves. */
  states: z.array(machineStateSchema),
  system: systemCountsSchema.optional(),
});

export type Rate = z.infer<typeof rateSchema>;
export type DeviceProbe = z.infer<typeof deviceProbeSchema>;
export type MachineProbe = z.infer<typeof machineProbeSchema>;
export type DeviceSpeed = z.infer<typeof deviceSpeedSchema>;
export type MachineState = z.infer<typeof machineStateSchema>;
export type SystemCounts = z.infer<typeof systemCountsSchema>;
export type CalibratedMachine = z.infer<typeof calibratedMachineSchema>;
