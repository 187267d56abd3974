import { mean } from "../../core/index.ts";
import { type EarlyStopping, earlyStoppingSchema } from "../../plan/documents/early-stopping.ts";
import { allCurves, choosePatience, isKeptOut, medianRule } from "../early-stopping/choose-options.ts";
import type { Curve } from "../early-stopping/curves.ts";
import { byOptions, type Judge, type Score, scoreJudge, watchCurve } from "../early-stopping/score.ts";
import type { Bench, Case, Scale, Suite } from "../suite.ts";

/** Of the curves, one in so many. */
const ONE_IN: Readonly<Record<Scale, number>> = { full: 1, default: 1, quick: 4, tiny: 31 };

/** Whether the interval said when half of what a job got was over holds the iterations that it got; over all curves. */
function insideShare(curves: readonly Curve[], options: EarlyStopping): number {
  return mean(
    curves.map((curve) => {
      const { iterations, verdicts } = watchCurve(curve, options);
      const said = verdicts[Math.ceil(iterations / 2) - 1]!;
      return said.kind === "go-on" && said.low <= iterations && iterations <= said.high ? 1 : 0;
    }),
  );
}

function recordScore(bench: Bench, parameters: Readonly<Record<string, string>>, score: Score): void {
  const one = { parameters, repetitions: 1, spread: null };
  const count = (name: string, value: number): void => bench.record({ ...one, name, value, unit: "curves" });
  const share = (name: string, value: number): void => bench.record({ ...one, name, value, unit: "share" });
  count("in all", score.curves);
  count("healthy", score.healthy);
  count("healthy, stopped", score.healthyStopped);
  count("hopeless", score.hopeless);
  count("hopeless, found", score.found);
  count("stopped", score.stopped);
  count("stopped rightly", score.right);
  share("saved, rightly", score.savedRightly);
  share("saved", score.saved);
  share("could be saved", score.savable);
  share("given up", score.meanGivenUp);
  share("given up at most", score.mostGivenUp);
}

/** All ways of stopping on the curves that options are chosen on, and on those that are kept out. */
function partCase(name: string, isPart: (curve: Curve) => boolean): Case {
  return {
    name,
    seconds: 120,
    run(bench) {
      const curves = allCurves().filter((_, index) => index % ONE_IN[bench.scale] === 0);
      const own = curves.filter(isPart);
      const patience = choosePatience(curves.filter((curve) => !isKeptOut(curve))).options;
      const options = earlyStoppingSchema.parse({});
      const judges: readonly (readonly [string, Judge])[] = [
        ["our rules", byOptions(options)],
        ["our rules, no evaluations", byOptions(options, false)],
        ["patience alone", byOptions(patience)],
        ["median rule", medianRule(curves)],
      ];
      for (const [by, judge] of judges) recordScore(bench, { by }, scoreJudge(own, judge));
      for (const family of new Set(own.map((curve) => curve.family))) {
        const ofFamily = own.filter((curve) => curve.family === family);
        recordScore(bench, { by: "our rules", family }, scoreJudge(ofFamily, byOptions(options)));
      }
      const inside = insideShare(own, options);
      bench.record({
        ...{ name: "end in its interval", parameters: { by: "our rules" }, value: inside, unit: "share" },
        ...{ repetitions: 1, spread: null },
      });
      bench.note(`patience alone: ${JSON.stringify({ minDelta: patience.minDelta, patience: patience.patience })}`);
    },
  };
}

export const earlyStopping: Suite = {
  describe: "which jobs are stopped early, how often that is right, and what it saves (curves of runs, and by formula)",
  cases: () => [
    partCase("curves that the options are chosen on", (curve) => !isKeptOut(curve)),
    partCase("curves that are kept out", isKeptOut),
  ],
};
