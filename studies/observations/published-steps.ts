import { groupBy, InputError, ownValue } from "../../core/index.ts";
import { PLAIN_SOFTWARE, plainSoftware } from "./plain-software.ts";
import { OWN_SOFTWARE, publishedSteps, STEP_SETTING } from "./published-rows.ts";
import { StepPredictor } from "./step-predictor.ts";
import type { StepFit } from "./training-step.ts";
import type { ProductPrecision } from "./training-system.ts";

/**
 * What was fitted to published training steps (docs/reference/accuracy.md): `npm run bench -- external` fits it anew and says how
 * near it comes, and a test compares.
 */
export const PUBLISHED_FIT: StepFit = {
  float8Share: 0.826,
  float4Share: 0.656,
  hostSeconds: 3.89e-3,
  ringSeconds: 2.23e-4,
  generations: { Blackwell: 1.11, Ada: 0.723, "CDNA 3": 0.949, "CDNA 4": 0.957 },
  releases: {
    ...STEP_SETTING.knownReleases,
    "nemo1-v4.0": 0.991,
    "nemo1-rocm-v5.0": 1.06,
    "nemo2-v5.0": 1.185,
    deepspeed: 1.11,
  },
};

/** The factor of activations that was fitted to published peaks of memory. */
export const PUBLISHED_ACTIVATIONS = 0.952;

/** Whatever is as fast as the newest release of each family. */
export const NEWEST = "newest";

let predictor: StepPredictor | undefined;
let releases: ReturnType<typeof readReleases> | undefined;

/** What predicts steps of anything: the fit, and what published systems had in common that it does not know. */
export function publishedPredictor(): StepPredictor {
  predictor ??= new StepPredictor(publishedSteps(), STEP_SETTING, PUBLISHED_FIT);
  return predictor;
}

/** Of software whose steps were published: on which generations, in which precisions; the newest of a family last. */
export function publishedReleases() {
  releases ??= readReleases();
  return releases;
}

function readReleases(): Readonly<Record<string, Readonly<Record<string, readonly ProductPrecision[]>>>> {
  const byRelease = groupBy(publishedSteps(), ({ release }) => release);
  return Object.fromEntries(
    [...byRelease].map(([release, steps]) => {
      const byGeneration = groupBy(steps, ({ system }) => system.accelerator.generation);
      const precisions = [...byGeneration].map(
        ([generation, of]) => [generation, [...new Set(of.map(({ system }) => system.precision))]] as const,
      );
      return [release, Object.fromEntries(precisions)];
    }),
  );
}

/** @throws InputError for a release without steps on accelerators of a generation */
export function requireRelease(release: string, generation: string): void {
  const published = publishedReleases();
  if (
    release === NEWEST ||
    plainSoftware(release) !== undefined ||
    ownValue(ownValue(published, release) ?? {}, generation) !== undefined
  )
    return;
  const known = Object.keys(published).filter((each) => generation in published[each]!);
  throw new InputError({
    expected: `a release with published steps on ${generation}: ${[NEWEST, ...known, ...Object.keys(PLAIN_SOFTWARE)].join(", ")}`,
    at: "--release",
    got: release,
  });
}

/**
 * The published release that the newest software is as fast as, on a generation, and that plain software is compared with;
 * itself where there is none.
 */
export function releaseNamed(release: string, generation: string): string {
  if (release !== NEWEST && plainSoftware(release) === undefined) return release;
  const { releases: factors } = PUBLISHED_FIT;
  const factor = (each: string): number => factors[`${each} on ${generation}`] ?? factors[each] ?? 1;
  const known = Object.entries(publishedReleases()).filter(
    ([each, generations]) => each !== OWN_SOFTWARE && generation in generations && factor(each) === 1,
  );
  return known.at(-1)?.[0] ?? release;
}
