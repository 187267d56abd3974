import { z } from "zod";
import { kernelFiguresSchema } from "./kernels.ts";
import { calibratedMachineSchema } from "./machine.ts";
import { productsSchema } from "./products.ts";

const seconds = z.number().min(0);
/** A relative error: of more than ten times itself a time says nothing, and the factors that follow know no bounds. */
const error = z.number().min(0).max(10);

/** Seconds for each action letter, whatever the device. */
export const constantCalibrationSchema = z.strictObject({
  kind: z.literal("calibration"),
  version: z.literal(1),
  model: z.literal("constant"),
  seconds: z.strictObject({ F: seconds, B: seconds, transfer: seconds.default(0), update: seconds.default(0) }),
  /** When given, F and B are seconds for a micro-batch of this many tokens and scale with its tokens. */
  perTokens: z.int().positive().optional(),
});

/** Peaks of the cluster's devices times these efficiencies, plus a fixed time for each operator launched. */
export const rooflineCalibrationSchema = z.strictObject({
  kind: z.literal("calibration"),
  version: z.literal(1),
  model: z.literal("roofline"),
  computeEfficiency: z.number().positive().max(1),
  memoryEfficiency: z.number().positive().max(1),
  launchSeconds: seconds,
  transferEfficiency: z.number().positive().max(1).default(1),
  transferLatencySeconds: seconds.default(0),
  /**
   * Mean relative error to reckon with, for the intervals of what is predicted; 0.25, which is a guess, when absent.
   */
  meanError: error.optional(),
});

/**
 * Whole decoder layers at the devices' peaks times efficiencies (plan/kernels/layer-cost.ts): few numbers, so that they
 * can be taken from the catalog, from a related device or from a published time.
 */
export const layersCalibrationSchema = z.strictObject({
  kind: z.literal("calibration"),
  version: z.literal(1),
  model: z.literal("layers"),
  /** What the efficiencies were fitted on. */
  source: z.string().min(1),
  /** Share of the peak that products reach; with `kernels`, of their speed in bursts, what training sustains. */
  computeEfficiency: z.number().positive().max(1),
  /** Bytes for each token and feature of a pass over a layer; with `kernels`, without what adapters move. */
  activationBytes: z.number().min(0),
  scoreBytes: z.number().min(0).default(0),
  launchSeconds: seconds,
  headBytes: z.number().min(0).default(0),
  /**
   * What single kernels take, by type of device (of one type alone: for all devices); absent: all products reach one
   * share of the peak, and attention does.
   */
  kernels: z.record(z.string(), kernelFiguresSchema).exactOptional(),
  transferEfficiency: z.number().positive().max(1).default(1),
  transferLatencySeconds: seconds.default(0),
  /**
   * Mean relative error of times on rows that were left out of the fit, or a guess of it where they come from a related
   * device.
   */
  meanError: error,
});

/** Counts of one call of an operator that its time may depend on: `OperatorCall.features`. */
const FEATURES = [
  "one",
  "tokens",
  "flops",
  "weights",
  "elements",
  "cold",
  "work",
  "scores",
  "rows",
  "heads",
  "segments",
  "outputs",
  "scored",
  "experts",
  "parameters",
  "jobs",
  "entries",
] as const;
export type Feature = (typeof FEATURES)[number];

/** A feature, or one beyond a knot: `beyond`. */
const featureName = z.string().regex(new RegExp(`^(?:${FEATURES.join("|")})(?:>\\d{1,15}(?:\\.\\d{1,15})?)?$`));

/**
 * One operator's fitted time: seconds = sum of coefficient * feature, or of what is beyond a knot: `operatorSeconds`.
 */
export const measuredOperatorSchema = z.strictObject({
  /** Operator kind and, where it was measured at one shape, that shape: `matmul:768x2304:F`, `matmul:F`. */
  operator: z.string(),
  coefficients: z.record(featureName, seconds),
  samples: z.int().positive(),
  meanAbsError: z.number().min(0),
  /** Spread of the relative residuals (standard deviation). */
  residualSpread: z.number().min(0),
});

const aloneShare = z.number().positive().max(1);

const letterErrorSchema = z.strictObject({
  /** Shapes that were kept out, each in a run of its own. */
  points: z.int().positive(),
  /**
   * Root mean square over the points of log(measured / predicted), each point's mean: what all actions of a run share.
   */
  systematic: error,
  /** Standard deviation of single actions about their point's mean, as a share of it. */
  independent: error,
});

export const measuredCalibrationSchema = z.strictObject({
  kind: z.literal("calibration"),
  version: z.literal(1),
  model: z.literal("measured"),
  device: z.strictObject({
    type: z.string(),
    description: z.string(),
    /** Of a CPU: its instruction set, as `devices` tells it. Absent in calibrations of earlier versions. */
    isa: z.string().exactOptional(),
    threads: z.int().positive(),
    devicesAtOnce: z.int().positive(),
  }),
  date: z.string(),
  dtype: z.string(),
  /**
   * How fast the machine was meanwhile; absent: nobody looked, and times are with all interruptions that there were.
   */
  machine: calibratedMachineSchema.optional(),
  /** Times below are of actions whose threads have their cores. */
  operators: z.array(measuredOperatorSchema).min(1),
  /** Time of an action beside its operators. */
  actionSeconds: z.strictObject({ F: seconds, B: seconds, U: seconds }),
  /**
   * Times above are with `devicesAtOnce` devices of one machine at work. While no other one works an action takes this
   * share of them; absent: nobody measured it, or there is one device.
   */
  aloneShare: z.strictObject({ F: aloneShare, B: aloneShare, U: aloneShare }).optional(),
  link: z.strictObject({ latencySeconds: seconds, secondsPerByte: seconds }),
  /**
   * From the end of an action to the start of the device's next where that one waits for nothing; absent: nobody
   * measured it.
   */
  gapSeconds: seconds.optional(),
  holdOut: z.strictObject({
    /** Whole actions; the points of a letter are the shapes that its actions are of. */
    points: z.int().min(0),
    meanAbsError: error,
    p90AbsError: z.number().min(0),
    /** The errors of whole actions in two parts; no letter of which nothing was kept out. */
    letters: z
      .strictObject({
        F: letterErrorSchema.optional(),
        B: letterErrorSchema.optional(),
        U: letterErrorSchema.optional(),
      })
      .optional(),
  }),
  samplesHash: z.string(),
  /** The ways of products that the times above are of; absent where a product has one way, as on CPUs. */
  products: productsSchema.optional(),
});

export const calibrationSchema = z.discriminatedUnion("model", [
  constantCalibrationSchema,
  rooflineCalibrationSchema,
  layersCalibrationSchema,
  measuredCalibrationSchema,
]);

export type Calibration = z.infer<typeof calibrationSchema>;
export type ConstantCalibration = z.infer<typeof constantCalibrationSchema>;
export type RooflineCalibration = z.infer<typeof rooflineCalibrationSchema>;
export type LayersCalibration = z.infer<typeof layersCalibrationSchema>;
export type MeasuredCalibration = z.infer<typeof measuredCalibrationSchema>;
export type MeasuredOperator = z.infer<typeof measuredOperatorSchema>;
