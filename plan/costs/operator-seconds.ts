/**
 * Seconds for each unit of a feature of `OperatorCall.features`. A name may also be `feature>knot`: seconds for each
 * unit beyond the knot, such as elements that no longer fit into a cache. Features that are not here cost nothing.
 */
export type Coefficients = Readonly<Record<string, number>>;

type Features = Readonly<Record<string, number>>;

const parsed = new Map<string, { readonly feature: string; readonly knot: number }>();

function parse(name: string): { readonly feature: string; readonly knot: number } {
  let known = parsed.get(name);
  if (known === undefined) {
    const [feature, knot] = name.split(">");
    known = { feature: feature!, knot: Number(knot ?? 0) };
    parsed.set(name, known);
  }
  return known;
}

export function beyond(feature: string, knot: number): string {
  return `${feature}>${knot}`;
}

/** How much of what a coefficient of this name counts is in one call. */
export function featureValue(features: Features, name: string): number {
  const { feature, knot } = parse(name);
  return Math.max(0, (features[feature] ?? 0) - knot);
}

/** Seconds of one call. */
export function operatorSeconds(coefficients: Coefficients, features: Features): number {
  let seconds = 0;
  for (const [name, coefficient] of Object.entries(coefficients)) seconds += coefficient * featureValue(features, name);
  return seconds;
}
