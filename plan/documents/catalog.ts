import { z } from "zod";
import { attentionFiguresSchema, collectiveFiguresSchema, productFiguresSchema } from "./kernels.ts";

/** A figure and where it comes from. */
const figureSchema = z.strictObject({
  value: z.number().positive(),
  /** Publisher or kind of source. */
  source: z.string().min(1),
  /** When it was taken down, YYYY-MM or YYYY-MM-DD. */
  date: z.string().regex(/^\d{4}-\d{2}(-\d{2})?$/, "a date such as 2026-11 or 2026-11-24"),
});

const priceSchema = z.strictObject({
  low: z.number().positive(),
  high: z.number().positive(),
  source: z.string().min(1),
  date: z.string(),
});

/**
 * How near training comes to what the device can do in decoder layers of one precision; fitted, and checked on rows left
 * out.
 */
const layerEfficiencySchema = z.strictObject({
  /** Share of the peak that matrix products reach; with `adapterBytes`, of what bursts of kernels reach. */
  computeEfficiency: figureSchema,
  /** Bytes for each token and activation feature of a layer, a pass; with `adapterBytes`, without those. */
  activationBytes: figureSchema,
  /** Bytes for each token and feature into or out of a projection with an adapter, a forward. */
  adapterBytes: figureSchema.optional(),
  /** Bytes for each token, key and head, a pass, where scores are stored; absent where attention works in tiles. */
  scoreBytes: figureSchema.optional(),
  /** Host time of a pass over a layer. */
  launchSeconds: figureSchema,
  /** Bytes for each token and entry of the vocabulary, forward and backward together. */
  headBytes: figureSchema,
  /** Mean relative error of predicted times on rows that were left out of the fit. */
  meanError: figureSchema,
});

/** What figures were fitted to, and how far off single times are whose shapes were left out. */
const FITTED = {
  times: z.int().positive(),
  medianError: z.number().min(0),
  p90Error: z.number().min(0),
  source: z.string().min(1),
  date: z.string(),
};

const { multiprocessors: _, ...productNumbers } = productFiguresSchema.shape;

/** What kernels take in bursts, in 16 bits. */
const kernelsSchema = z.strictObject({
  products: z.strictObject({ ...productNumbers, ...FITTED }),
  attention: z.strictObject({ ...attentionFiguresSchema.shape, ...FITTED }),
  collectives: z.strictObject({ ...collectiveFiguresSchema.shape, ...FITTED }).optional(),
});

export const catalogDeviceSchema = z.strictObject({
  kind: z.enum(["cpu", "cuda"]),
  /** Of accelerators that are programmed in other ways than CUDA: no executor is for them. */
  simulatedOnly: z.literal(true).optional(),
  /** Devices of one design, by a name of `generations`: what is known of one of them carries over to the others. */
  generation: z.string().optional(),
  memoryBytes: figureSchema.optional(),
  float32FlopsPerSecond: figureSchema.optional(),
  bfloat16FlopsPerSecond: figureSchema.optional(),
  /** Matrix products whose operands have 8 and 4 bits, without sparsity. */
  float8FlopsPerSecond: figureSchema.optional(),
  float4FlopsPerSecond: figureSchema.optional(),
  memoryBytesPerSecond: figureSchema.optional(),
  /** Streaming multiprocessors, or compute units. */
  multiprocessors: figureSchema.optional(),
  /** How much nearer norms, gates and sums come to the memory's rate than on an H100; 1 where absent. */
  memoryBoundSpeed: figureSchema.optional(),
  kernels: kernelsSchema.optional(),
  layerEfficiency: z
    .strictObject({ float32: layerEfficiencySchema.optional(), bfloat16: layerEfficiencySchema.optional() })
    .optional(),
  /** The fastest link to a neighbour, by name, and its rate in one direction. */
  deviceLink: z.strictObject({ name: z.string(), bytesPerSecond: figureSchema }).optional(),
  /** How many devices that link connects, each with each. */
  scaleUpDevices: figureSchema.optional(),
  /** The port to other machines that each device has, in one direction. */
  networkBytesPerSecond: figureSchema.optional(),
  hostLinkBytesPerSecond: figureSchema.optional(),
  watts: figureSchema.optional(),
  /** US dollars for a card, used or new as the source says. */
  price: priceSchema.optional(),
  cloudSpotPerHour: figureSchema.optional(),
  cloudOnDemandPerHour: priceSchema.optional(),
});

export const catalogLinkSchema = z.strictObject({
  bandwidthBytesPerSecond: figureSchema.optional(),
  latencySeconds: figureSchema.optional(),
});

export const catalogSchema = z.strictObject({
  kind: z.literal("catalog"),
  version: z.literal(1),
  devices: z.record(z.string(), catalogDeviceSchema),
  /** By name; the device by whose peaks the efficiencies of the others count, too. */
  generations: z
    .record(
      z.string(),
      z.strictObject({
        reference: z.string(),
        /** Of its software and kernels, relative to what the kernels of other generations give. */
        speed: figureSchema.optional(),
        /** Of attention in steps whose products are in 8 or 4 bits, relative to attention in 16. */
        float8Attention: figureSchema.optional(),
      }),
    )
    .optional(),
  links: z.record(z.string(), catalogLinkSchema).default({}),
});

export type Catalog = z.infer<typeof catalogSchema>;
export type CatalogDevice = z.infer<typeof catalogDeviceSchema>;

/** A user's entries in front of ours: whole entries take the place of those of the same name. */
export function mergeCatalogs(base: Catalog, over: Catalog): Catalog {
  const both = <Each>(a: Readonly<Record<string, Each>>, b: Readonly<Record<string, Each>>) => ({ ...a, ...b });
  return {
    ...base,
    devices: both(base.devices, over.devices),
    generations: both(base.generations ?? {}, over.generations ?? {}),
    links: both(base.links, over.links),
  };
}
