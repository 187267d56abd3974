// Shares of some tries, and how sure they are.
export { binomialAtMost, shareBounds } from "./binomial.ts";
// JSON whose bytes depend on the data alone, and the hash of it.
export { canonicalJson, contentHash } from "./canonical-json.ts";
// A count with its noun, for people.
export { counted } from "./counted.ts";
// Pending events by slot, the earliest first: what simulator and list scheduling run on.
export { DueSlots } from "./due-slots.ts";
// The four error classes and the facts that their texts are made of.
export {
  DeviceError,
  type ErrorFacts,
  formatFacts,
  furtherLines,
  InputError,
  InvariantError,
  PlanError,
} from "./errors.ts";
// A queue: first in, first out.
export { Fifo } from "./fifo.ts";
// Numbers as JSON can have them.
export { finite } from "./finite.ts";
// Groups of the values that have the same key.
export { groupBy } from "./group-by.ts";
// Where a text is no JSON, keys that it has twice, and where a path of it stands.
export { findJsonFault, type JsonFault, placeOf } from "./json-fault.ts";
export { bracketDepth, type DuplicateKey, duplicateKey, measureValue, offsetInJson } from "./json-text.ts";
// Lists whose items are made when they are asked for.
export { type LazyList, lazyList } from "./lazy-list.ts";
// Mappings that a document gave, and values under their keys.
export { isMapping, type Mapping, ownValue } from "./mapping.ts";
// What somebody may have meant who wrote another name.
export { didYouMean, looseName, nearNames } from "./near-names.ts";
// Least squares with coefficients that are not negative.
export { nonNegativeLeastSquares } from "./nnls.ts";
// The standard normal distribution.
export { normalQuantile } from "./normal.ts";
// Numbers that are given out and given back.
export { Numbers } from "./numbers.ts";
// Values that are made when they are asked for first.
export { once } from "./once.ts";
// What becomes of the machine that a time is predicted for.
export { OUTLOOK_WORDS } from "./outlook-words.ts";
// Rounding up to a multiple.
export { padded } from "./padded.ts";
// Texts without what people would not see.
export { plainLine, plainText, visibleText } from "./plain-text.ts";
// Ratios of sums, with intervals.
export { type Estimate, ratioOfSums } from "./ratio.ts";
// Seeded random numbers.
export { createRng, type Rng } from "./rng.ts";
// Words of a shell's command line.
export { shellQuoted } from "./shell-words.ts";
// A system of linear equations.
export { solveSymmetric } from "./solve-symmetric.ts";
// Small statistics.
export { maximum, mean, median, quantile, quantileOfNext, quantileOfShares, sum, weightedMedian } from "./stats.ts";
// Tables of text for a terminal.
export { type Alignment, textTable } from "./text-table.ts";
// Time as whole nanoseconds, and texts for people.
export {
  clockTime,
  formatBytes,
  formatSeconds,
  formatSecondsRange,
  formatSignedSeconds,
  type Nanos,
  nanos,
  nanosToSeconds,
  secondsToNanos,
  signedPercent,
} from "./units.ts";
