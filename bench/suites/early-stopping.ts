import { mean } from "../../core/index.ts";
import type { EarlyStopping } from "../../plan/index.ts";
import { chooseOptions, choosePatience, halfOf } from "../early-stopping/choose-options.ts";
import { type Curve, readCurves } from "../early-stopping/curves.ts";
import { scoreOptions, watchCurve } from "../early-stopping/score.ts";
import type { Bench, Case, Scale, Suite } from "../suite.ts";

/** Of the curves, one in so many. */
const ONE_IN: Readonly<Record<Scale, number>> = { full: 1, default: 1, quick: 2, tiny: 6 };

/** Whether the interval said when half of what a job got was over holds the iterations that it got; over all curves. */
function insideShare(curves: readonly Curve[], options: EarlyStopping, withEvaluations: boolean): number {
  return mean(
    curves.map((curve) => {
      const { iterations, verdicts } = watchCurve(curve, options, withEvaluations);
      const said = verdicts[Math.ceil(iterations / 2) - 1]!;
      return said.kind === "go-on" && said.low <= iterations && iterations <= said.high ? 1 : 0;
    }),
  );
}

interface Way {
  readonly name: string;
  readonly choose: (curves: readonly Curve[]) => { readonly options: EarlyStopping };
  readonly withEvaluations: boolean;
}

const WAYS: readonly Way[] = [
  { name: "all rules", choose: (curves) => chooseOptions(curves), withEvaluations: true },
  { name: "patience alone", choose: choosePatience, withEvaluations: true },
  { name: "all rules, no evaluations", choose: (curves) => chooseOptions(curves, false), withEvaluations: false },
];

function recordWay(bench: Bench, way: Way, chosenOn: readonly Curve[], curves: readonly Curve[]): void {
  const { options } = way.choose(chosenOn);
  const score = scoreOptions(curves, options, way.withEvaluations);
  const parameters = { by: way.name, curves: score.curves, "to stop": score.toStop };
  const one = { parameters, repetitions: 1, spread: null };
  const share = (name: string, value: number): void => bench.record({ ...one, name, value, unit: "share" });
  bench.record({ ...one, name: "stopped", value: score.stopped, unit: "curves" });
  share("precision", score.precision);
  share("recall", score.recall);
  share("saved, rightly", score.savedRightly);
  share("saved", score.saved);
  share("could be saved", score.savable);
  share("given up", score.meanGivenUp);
  share("given up at most", score.mostGivenUp);
  // Without the extrapolation the interval is the whole job.
  if (options.extrapolate !== false) share("end in its interval", insideShare(curves, options, way.withEvaluations));
  const { divergence, plateau, patience, extrapolate, minDelta } = options;
  bench.note(`${way.name}: ${JSON.stringify({ minDelta, divergence, plateau, patience, extrapolate })}`);
}

function halfCase(half: 0 | 1): Case {
  return {
    name: half === 0 ? "chosen on the first half" : "chosen on the second half",
    seconds: 60,
    run(bench) {
      const curves = readCurves().filter((_, index) => index % ONE_IN[bench.scale] === 0);
      const [chosenOn, others] = [half, 1 - half].map((of) => curves.filter((curve) => halfOf(curve) === of));
      for (const way of WAYS) recordWay(bench, way, chosenOn!, others!);
    },
  };
}

export const earlyStopping: Suite = {
  describe: "which jobs are stopped early, how often that is right, and what it saves (curves of real runs)",
  cases: () => [halfCase(0), halfCase(1)],
};
