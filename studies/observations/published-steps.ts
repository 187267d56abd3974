import { InputError, ownValue } from "../../core/index.ts";
import { NINE_TENTHS } from "../score.ts";
import type { ProductPrecision, StepFit } from "./training-step.ts";

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
  releases: {
    "nemo1-v4.0": 0.98,
    "nemo1-rocm-v5.0": 1.05,
    "nemo2-v5.0": 1.2,
    deepspeed: 1.07,
    "nemo1-v4.1 on Blackwell": 1.16,
  },
};

/** Whatever is as fast as the newest release of each family. */
export const NEWEST = "newest";

/** Of software whose steps were published: on which generations, in which precisions. */
export const PUBLISHED_RELEASES: Readonly<Record<string, Readonly<Record<string, readonly ProductPrecision[]>>>> = {
  "nemo1-v4.0": { Hopper: ["float8"], Ada: ["float8"] },
  "nemo1-v4.1": { Hopper: ["float8"], Blackwell: ["float8"] },
  "nemo2-v5.0": { Blackwell: ["float8"] },
  "nemo2-v5.1": { Hopper: ["float8"], Blackwell: ["float8", "float4"] },
  "nemo1-rocm-v5.0": { "CDNA 3": ["float8"] },
  "nemo1-rocm-v5.1": { "CDNA 3": ["float8"], "CDNA 4": ["float8"] },
  deepspeed: { Ampere: ["bfloat16"], Hopper: ["bfloat16"], "Gaudi 2": ["float8"] },
};
/** Three sites with one factor, which explains little of how they differ. */
const OWN_SOFTWARE = "deepspeed";

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
  /** Nine of ten times lie between the predicted one over this and times this. */
  readonly factor: number;
}

/**
 * Variances of the logarithm: of the fit and of sites with what was never measured as a whole; of an accelerator and of a
 * generation of which there are no rows; of another model, or products of which no rows were fitted; of software that stands
 * for itself. All but that of the model were seen when such rows were left out (docs/accuracy.md); that is a judgement.
 */
const SIGMA = { group: 0.035, accelerator: 0.045, generation: 0.2, model: 0.1, ownSoftware: 0.17 } as const;

/** Whether steps with products in a precision were published, of a release or of any but those that stand for themselves. */
function isPublished(generation: string, precision: ProductPrecision, release: string): boolean {
  const releases = release === NEWEST ? Object.keys(PUBLISHED_RELEASES) : [release];
  return releases.some(
    (name) =>
      (name !== OWN_SOFTWARE || name === release) &&
      ownValue(PUBLISHED_RELEASES[name]!, generation)?.includes(precision) === true,
  );
}

/** How far a predicted step can be trusted. @throws InputError for a release without steps on such accelerators */
export function stepTrust(
  { name, generation }: { readonly name: string; readonly generation: string },
  { numLayers, hiddenSize }: { readonly numLayers: number; readonly hiddenSize: number },
  precision: ProductPrecision,
  release: string = NEWEST,
): StepTrust {
  if (release !== NEWEST && ownValue(ownValue(PUBLISHED_RELEASES, release) ?? {}, generation) === undefined) {
    const known = Object.keys(PUBLISHED_RELEASES).filter((each) => generation in PUBLISHED_RELEASES[each]!);
    throw new InputError({
      expected: `a release with published steps on ${generation}: ${[NEWEST, ...known].join(", ")}`,
      at: "--release",
      got: release,
    });
  }
  const isSeveral = PUBLISHED.generations.some((each) => each === generation);
  const isKnown = isSeveral || PUBLISHED.singleGenerations.some((each) => each === generation);
  const isMeasured = isKnown && PUBLISHED.accelerators.some((each) => each === name);
  const isSameModel =
    numLayers === PUBLISHED.layers &&
    hiddenSize === PUBLISHED.hiddenSize &&
    isPublished(generation, precision, release);
  const sigmas = [
    SIGMA.group,
    ...(isMeasured && isSeveral ? [] : [SIGMA.accelerator]),
    ...(isKnown ? [] : [SIGMA.generation]),
    ...(isSameModel ? [] : [SIGMA.model]),
    ...(release === OWN_SOFTWARE ? [SIGMA.ownSoftware] : []),
  ];
  const sigma = Math.hypot(...sigmas);
  return {
    provenance: !isKnown ? "peaks" : isMeasured && isSameModel ? "fitted" : "transferred",
    ...{ sigma, factor: Math.exp(NINE_TENTHS * sigma) },
  };
}
