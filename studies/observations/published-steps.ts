import type { StepFit } from "./training-step.ts";

/**
 * What was fitted to published training steps (docs/accuracy.md): `npm run bench -- external` fits it anew and says how
 * near it comes, and a test compares.
 */
export const PUBLISHED_FIT: StepFit = {
  float8Share: 0.6,
  float4Share: 0.53,
  hostSeconds: 4e-3,
  ringSeconds: 2.74e-4,
  generations: { Blackwell: 1.09, Ada: 0.77, "CDNA 3": 0.72, "CDNA 4": 0.88 },
  releases: {},
};

/** The factor of activations that was fitted to published peaks of memory. */
export const PUBLISHED_ACTIVATIONS = 0.952;

/** Whose steps were published: devices of the catalog, and the model that all of them trained. */
const PUBLISHED = {
  accelerators: [
    "A100 SXM 80",
    "L40S",
    "H100 SXM",
    "H200 SXM",
    "B200 SXM",
    "GB200",
    "GB300",
    "MI300X",
    "MI325X",
    "MI350X",
    "Gaudi 2",
  ],
  /** With software like that of the others: of several systems, and of one. */
  generations: ["Hopper", "Blackwell", "CDNA 3"],
  singleGenerations: ["Ada", "CDNA 4"],
  layers: 80,
  hiddenSize: 8192,
} as const;

/** What a prediction rests on. */
export type Provenance = "fitted" | "transferred" | "peaks";

/** The standard deviation of the logarithm of a predicted step's time, and what it rests on. */
export interface StepTrust {
  readonly provenance: Provenance;
  readonly sigma: number;
}

/**
 * Variances of the logarithm: of the fit and of sites with what was never measured as a whole; of an accelerator and of a
 * generation of which there are no rows; of another model or products in bf16, of which there are none that were fitted.
 * The first three were seen when such rows were left out (docs/accuracy.md), the last is a judgement.
 */
const SIGMA = { group: 0.035, accelerator: 0.045, generation: 0.2, model: 0.1 } as const;

/** How far a predicted step can be trusted. */
export function stepTrust(
  { name, generation }: { readonly name: string; readonly generation: string },
  { numLayers, hiddenSize }: { readonly numLayers: number; readonly hiddenSize: number },
  isFittedPrecision: boolean,
): StepTrust {
  const isSeveral = PUBLISHED.generations.some((each) => each === generation);
  const isKnown = isSeveral || PUBLISHED.singleGenerations.some((each) => each === generation);
  const isMeasured = isKnown && PUBLISHED.accelerators.some((each) => each === name);
  const isSameModel = numLayers === PUBLISHED.layers && hiddenSize === PUBLISHED.hiddenSize && isFittedPrecision;
  const sigmas = [
    SIGMA.group,
    ...(isMeasured && isSeveral ? [] : [SIGMA.accelerator]),
    ...(isKnown ? [] : [SIGMA.generation]),
    ...(isSameModel ? [] : [SIGMA.model]),
  ];
  return {
    provenance: !isKnown ? "peaks" : isMeasured && isSameModel ? "fitted" : "transferred",
    sigma: Math.hypot(...sigmas),
  };
}
