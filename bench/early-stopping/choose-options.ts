import { mean, median } from "../../core/index.ts";
import { type EarlyStopping, earlyStoppingSchema } from "../../plan/documents/early-stopping.ts";
import { type Curve, readCurves } from "./curves.ts";
import { formulaCurves } from "./formula-curves.ts";
import { byOptions, type Judge, type Score, scoreJudge } from "./score.ts";

/** What stops have to keep: of healthy jobs stopped, of stops right, of hopeless jobs found. */
export interface Bounds {
  readonly healthyStopped: number;
  readonly right: number;
  readonly found: number;
}

/** What users are promised. */
export const PROMISED: Bounds = { healthyStopped: 0.02, right: 0.9, found: 0.8 };
/** What options have to keep on the curves that they are chosen on: more, since other curves are less kind. */
const CHOSEN_BY: Bounds = { healthyStopped: 0.01, right: 0.95, found: 0.85 };

/** All curves: those of our executor, and those by formula. */
export function allCurves(): readonly Curve[] {
  return [...readCurves(), ...formulaCurves()];
}

/** Whether a curve is one of the third that options are not chosen on: every third one of each family. */
export function isKeptOut({ name }: Pick<Curve, "name">): boolean {
  return Number(/\d+$/.exec(name)![0]) % 3 === 0;
}

export interface Chosen {
  readonly options: EarlyStopping;
  readonly score: Score;
}

export function keeps(bounds: Bounds, score: Score): boolean {
  return (
    score.healthyStopped <= bounds.healthyStopped * score.healthy &&
    score.right >= bounds.right * score.stopped &&
    score.found >= bounds.found * score.hopeless
  );
}

/** Options that give up the least, of those that keep the bounds; where none does, those with the most right stops. */
function best(curves: readonly Curve[], candidates: readonly EarlyStopping[]): Chosen {
  let chosen: Chosen | undefined;
  const worth = ({ score }: Chosen): number =>
    keeps(CHOSEN_BY, score) ? 1 - score.meanGivenUp : score.right / Math.max(1, score.stopped) - 1;
  for (const options of candidates) {
    const each = { options, score: scoreJudge(curves, byOptions(options)) };
    if (chosen === undefined || worth(each) > worth(chosen)) chosen = each;
  }
  return chosen!;
}

const SHARES = [0.25, 0.3, 0.4, 0.5] as const;
const SIGMAS = [0.5, 1, 1.5, 2] as const;

/** The predictor's options, chosen on some curves. */
export function chooseOptions(curves: readonly Curve[]): Chosen {
  const tried = SHARES.flatMap((share) =>
    SIGMAS.map((sigmas) => earlyStoppingSchema.parse({ plateau: { share, sigmas } })),
  );
  return best(curves, tried);
}

/** The same for patience alone, as it is usual. */
export function choosePatience(curves: readonly Curve[]): Chosen {
  const tried = [0, 0.003, 0.01].flatMap((minDelta) =>
    [2, 3, 5, 8, 10, 15, 20].map((patience) =>
      earlyStoppingSchema.parse({ divergence: false, plateau: false, minDelta, patience }),
    ),
  );
  return best(curves, tried);
}

/** When jobs may be compared first, as a share of their steps. */
const COMPARED_FROM = 0.25;

/**
 * The median rule of Google Vizier (Golovin et al., KDD 2017): a job is stopped where its best evaluation so far is above
 * the median of the others' mean evaluations up to there. The others are those of its family, each as a share of its
 * first evaluation, since here they are of other models and data.
 */
export function medianRule(curves: readonly Curve[]): Judge {
  const relative = ({ evaluation }: Curve): readonly number[] => evaluation.map((loss) => loss / evaluation[0]!);
  return (curve) => {
    const own = relative(curve);
    const others = curves.filter(({ family, name }) => family === curve.family && name !== curve.name).map(relative);
    for (let index = 0; index < own.length - 1; index += 1) {
      const share = (index + 1) / own.length;
      if (share < COMPARED_FROM) continue;
      const means = others.map((losses) => mean(losses.slice(0, Math.max(1, Math.round(share * losses.length)))));
      const finite = means.filter(Number.isFinite);
      const lowest = Math.min(...own.slice(0, index + 1));
      if (finite.length > 0 && !(lowest <= median(finite))) return (index + 1) * curve.every;
    }
    return curve.training.length;
  };
}
