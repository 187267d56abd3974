import { z } from "zod";
import { InputError } from "../../core/index.ts";
import type { MeasuredPlan, ProfiledModel, RateOfMessage } from "../../studies/index.ts";

const count = z.int().positive();
const bytes = z.number().min(0);

/** [[a, b, c], max]: GB/s = a x^2 + b x + c with x = log2(message in 1e6 bytes); max in bytes a second. */
const rateFitSchema = z.tuple([z.tuple([z.number(), z.number(), z.number()]), z.number().positive()]);

/** A profile of a model's layers, fits of its network and measured runs. */
export const profiledPipelineSchema = z.looseObject({
  source: z.string(),
  model: z.looseObject({
    layers: count,
    perLayer: z.array(
      z.strictObject({ parameterBytes: bytes, activationOutputBytes: bytes, activationMemoryBytes: bytes }),
    ),
  }),
  profile: z.array(
    z.strictObject({
      microBatchSize: count,
      tensorParallel: count,
      layers: z.array(
        z.strictObject({ forwardSeconds: z.number(), backwardSeconds: z.number(), updateSeconds: z.number() }),
      ),
    }),
  ),
  /** By machine type, then by the number of pairs that send at once. */
  networkInter: z.record(z.string(), z.record(z.string(), rateFitSchema)),
  measured: z.array(
    z.strictObject({
      name: z.string(),
      nodes: count,
      layersPerStage: z.array(count).min(1),
      dataParallel: z.array(count).min(1),
      tensorParallel: count,
      microBatchSize: count,
      globalBatchSize: count,
      measuredSeconds: z.number().positive(),
      measuredGradReduceSeconds: z.number().positive(),
      measuredPeakBytes: z.number().positive(),
    }),
  ),
});

type ProfiledPipelineFile = z.infer<typeof profiledPipelineSchema>;

/** The largest share of the stated maximum that the quadratic may give: it overshoots where nothing was measured. */
const ABOVE_MAXIMUM = 1.05;

function rateOf([[a, b, c], maximum]: z.infer<typeof rateFitSchema>): RateOfMessage {
  const vertex = a < 0 ? -b / (2 * a) : Number.POSITIVE_INFINITY;
  return (message) => {
    const x = Math.min(Math.log2(message / 1e6), vertex);
    return Math.min(1e9 * (a * x * x + b * x + c), ABOVE_MAXIMUM * maximum);
  };
}

export interface ProfiledPipelines {
  readonly model: ProfiledModel;
  readonly plans: readonly MeasuredPlan[];
}

/**
 * @throws InputError where a plan has no profile, or another number of layers or replicas than the file can describe.
 */
export function readProfiledPipelines(file: ProfiledPipelineFile): ProfiledPipelines {
  const onePair = Object.values(file.networkInter)[0]?.["1"];
  if (onePair === undefined)
    throw new InputError({ expected: "a rate fit of one pair", at: "networkInter", got: "none" });
  const profile = new Map(file.profile.map(({ microBatchSize, layers }) => [microBatchSize, layers]));
  const plans = file.measured.map((row, index): MeasuredPlan => {
    const at = `measured[${index}]`;
    const dataParallel = row.dataParallel[0]!;
    if (row.dataParallel.some((replicas) => replicas !== dataParallel))
      throw new InputError({
        expected: "as many replicas of each stage",
        at: `${at}.dataParallel`,
        got: row.dataParallel,
      });
    if (row.layersPerStage.reduce((a, b) => a + b, 0) !== file.model.perLayer.length)
      throw new InputError({
        expected: `${file.model.perLayer.length} layers`,
        at: `${at}.layersPerStage`,
        got: row.layersPerStage,
      });
    if (!file.profile.some(({ tensorParallel }) => tensorParallel === row.tensorParallel))
      throw new InputError({
        expected: "the profile's tensor parallelism",
        at: `${at}.tensorParallel`,
        got: row.tensorParallel,
      });
    if (!profile.has(row.microBatchSize))
      throw new InputError({
        expected: "a micro-batch size of the profile",
        at: `${at}.microBatchSize`,
        got: row.microBatchSize,
      });
    return {
      name: row.name,
      layersPerStage: row.layersPerStage,
      dataParallel,
      microBatchSize: row.microBatchSize,
      globalBatchSize: row.globalBatchSize,
      seconds: row.measuredSeconds,
      reduceSeconds: row.measuredGradReduceSeconds,
      peakBytes: row.measuredPeakBytes,
    };
  });
  return { model: { layers: file.model.perLayer, profile, rate: rateOf(onePair) }, plans };
}
