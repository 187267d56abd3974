import { z } from "zod";

const share = z.number().positive().max(1);
const seconds = z.number().min(0);
/** Rates may exceed what a share of the sheet's peak may be: a fit says of a shape what another lacks. */
const factor = z.number().positive().max(10);

/** What products of dense matrices take on a GPU: plan/kernels/product-seconds.ts. */
export const productFiguresSchema = z.strictObject({
  /** Streaming multiprocessors, or compute units: so many tiles of the output are made at once. */
  multiprocessors: z.int().positive(),
  /** Of the peak, what a tile of 256 x 128 reaches. */
  computeShare: share,
  /** Speed of a tile of 128 x 128 relative to that. */
  squareTile: factor,
  /** Of the memory's rate. */
  memoryShare: share,
  /** Of each call, whatever its size. */
  seconds,
  /** Speed that long products lose, where their power is limited. */
  powerLoss: z.number().min(0).max(0.9),
});

/** What causal attention that stores no scores takes, forward: plan/kernels/attention-seconds.ts. */
export const attentionFiguresSchema = z.strictObject({
  /** Of the peak, by features of a head; those in between and beyond have the next one's. */
  computeShares: z.strictObject({ "64": share, "128": share, "256": share }),
  /** A row of so many tokens reaches half of the speed of a very long one. */
  halfSpeedTokens: z.number().min(0),
  /** Of a wave of blocks that is not full, the time that its empty part takes, relative to a full part. */
  emptyWave: z.number().min(0).max(2),
  seconds,
});

/** What collectives take inside one machine, around a ring: plan/kernels/collective-seconds.ts. */
export const collectiveFiguresSchema = z.strictObject({
  /** The protocol for small messages. */
  lowLatency: z.strictObject({
    seconds,
    /** Of each round. */
    roundSeconds: seconds,
    bytesPerSecond: z.number().positive(),
  }),
  /** The one for large messages. */
  highBandwidth: z.strictObject({ seconds, bytesPerSecond: z.number().positive() }),
});

/** Kernels of a GPU, as they were measured, and what training loses beside bursts of them. */
export const kernelFiguresSchema = z.strictObject({
  products: productFiguresSchema,
  attention: attentionFiguresSchema,
  /** Bytes for each token and feature in or out of a projection that an adapter is for, a forward. */
  adapterBytes: z.number().min(0),
  /** How much nearer to the memory's rate these and other kernels come that memory bounds; 1 where absent. */
  memoryBoundSpeed: factor.exactOptional(),
  /** Over the fast link of a machine; links of a cluster alone say it where absent. */
  collectives: collectiveFiguresSchema.exactOptional(),
});

export type ProductFigures = z.infer<typeof productFiguresSchema>;
export type AttentionFigures = z.infer<typeof attentionFiguresSchema>;
export type CollectiveFigures = z.infer<typeof collectiveFiguresSchema>;
export type KernelFigures = z.infer<typeof kernelFiguresSchema>;
