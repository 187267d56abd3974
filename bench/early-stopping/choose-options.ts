import { contentHash } from "../../core/index.ts";
import { type EarlyStopping, earlyStoppingSchema } from "../../plan/documents/early-stopping.ts";
import type { Curve } from "./curves.ts";
import { type Score, scoreOf, scoreOptions, truthOf, watchCurve } from "./score.ts";

/** Stops have to be right at least this often on the curves that options are chosen on. */
export const LEAST_PRECISION = 0.9;

/** Which half of the curves one is in, by a hash of its name: 0 or 1. */
export function halfOf({ name }: Pick<Curve, "name">): 0 | 1 {
  return Number.parseInt(contentHash(name).slice(-1), 16) % 2 === 0 ? 0 : 1;
}

/** Every rule left out. */
const NO_RULES = { divergence: false, plateau: false, patience: false, extrapolate: false } as const;
type Rules = Pick<EarlyStopping, keyof typeof NO_RULES>;

/** What is tried for each rule. */
const TRIED: { readonly [Rule in keyof Rules]: readonly Rules[Rule][] } = {
  divergence: [0.15, 0.3].map((ratio) => ({ window: 8, ratio, sigmas: 4 })),
  plateau: [false, ...[40, 60].map((window) => ({ window, sigmas: 1 }))],
  patience: [4, 5, 6, 8, 10],
  extrapolate: [0.05, 0.1, 0.2].flatMap((probability) =>
    [2, 4].map((confirmations) => ({ probability, confirmations })),
  ),
};
const RULES = Object.keys(TRIED) as readonly (keyof Rules)[];

/** What patience alone is tried with. */
const PATIENCE_ALONE = [0, 0.003, 0.01, 0.02].flatMap((minDelta) =>
  [2, 3, 4, 5, 6, 8, 10].map((patience) => optionsWith({ patience }, minDelta)),
);

function optionsWith(rules: Partial<Rules>, minDelta?: number): EarlyStopping {
  return earlyStoppingSchema.parse({ ...NO_RULES, ...rules, ...(minDelta === undefined ? {} : { minDelta }) });
}

export interface Chosen {
  readonly options: EarlyStopping;
  readonly score: Score;
}

/** The one that saves the most iterations in right stops, of those with the precision; the first of equals. */
function best(candidates: Iterable<Chosen>): Chosen {
  let found: Chosen | undefined;
  const worth = ({ score }: Chosen): number =>
    score.precision >= LEAST_PRECISION ? 1 + score.savedRightly : score.precision;
  for (const each of candidates) if (found === undefined || worth(each) > worth(found)) found = each;
  return found!;
}

/** How many iterations each curve gets by a rule alone, for each way in which the rule is tried. */
function alone(curves: readonly Curve[], rule: keyof Rules, withEvaluations: boolean): readonly (readonly number[])[] {
  return TRIED[rule].map((tried) => {
    const options = optionsWith({ [rule]: tried });
    return curves.map((curve) => watchCurve(curve, options, withEvaluations).iterations);
  });
}

/** Every way of trying all rules. A curve is stopped by the rule that stops it first, so rules are watched alone. */
function* combinations(curves: readonly Curve[], withEvaluations: boolean): Generator<Chosen> {
  const ends = RULES.map((rule) => alone(curves, rule, withEvaluations));
  const truths = curves.map(truthOf);
  const counts = ends.map((each) => each.length);
  const all = counts.reduce((product, count) => product * count, 1);
  for (let number = 0; number < all; number += 1) {
    let rest = number;
    const picked = counts.map((count) => {
      const index = rest % count;
      rest = Math.floor(rest / count);
      return index;
    });
    const outcomes = curves.map((curve, at) => ({
      curve,
      truth: truths[at]!,
      iterations: Math.min(...picked.map((index, rule) => ends[rule]![index]![at]!)),
    }));
    const rules = Object.fromEntries(RULES.map((rule, at) => [rule, TRIED[rule][picked[at]!]]));
    yield { options: optionsWith(rules), score: scoreOf(outcomes) };
  }
}

/** The predictor's options, chosen on some curves; without evaluations by their training losses alone. */
export function chooseOptions(curves: readonly Curve[], withEvaluations = true): Chosen {
  return best(combinations(curves, withEvaluations));
}

/** The same for patience alone, as it is usual. */
export function choosePatience(curves: readonly Curve[]): Chosen {
  return best(PATIENCE_ALONE.map((options) => ({ options, score: scoreOptions(curves, options) })));
}
