import { type CostErrors, costErrors, drawMoves, type MachineMove } from "../calibration/index.ts";
import { createRng, maximum, mean, solveSymmetric, sum } from "../core/index.ts";
import { PASSES, PLANNED_LETTERS, type PlanBody, passCode, pipelineJobs } from "../plan/index.ts";
import { OUTLOOKS, type Outlook } from "../traces/index.ts";
import { type DrawnPlan, drawSeed, preparePlan } from "./intervals.ts";
import { actionsOf, machineRng } from "./moved-times.ts";
import type { RunFigures } from "./run/run-figures.ts";
import { drawFactors } from "./sample-times.ts";

/** Draws whose figures are known, simulated or not: their quantiles hardly move any more. */
export const ALL_DRAWS = 1000;

/** How long some stages compute in a draw. */
interface Load {
  readonly most: number;
  readonly mean: number;
}

/** What is known of a draw before it is simulated: of each pipeline and, behind them, of all together. */
interface Sketch {
  readonly loads: readonly Load[];
  /** Mean logarithm of what messages take longer. */
  readonly links: number;
  /** Deviation of an action's time by what its thread loses / its time: for how long stages wait for each other. */
  readonly scatter: number;
}

/** What has to be simulated, and what follows from it. */
export interface EstimatedDraws {
  readonly parts: readonly { readonly outlook: Outlook; readonly draws: readonly number[] }[];
  /** The figures of all draws, from those of the parts, one behind another. */
  figuresOf(simulated: readonly RunFigures[]): ReadonlyMap<Outlook, readonly RunFigures[]>;
}

type Prepared = ReturnType<typeof preparePlan>;

/** What a plan's actions take as predicted. */
interface Work {
  /** By stage and pass. */
  readonly ns: readonly (readonly number[])[];
  readonly numActions: number;
  /** Deviation of the busiest stage's load by the errors that actions have for themselves / its load. */
  readonly scatter: number;
}

function workOf({ plan, predicted }: Prepared, errors: CostErrors): Work {
  const [ns, squares] = [0, 1].map(() => plan.stages.map(() => PASSES.map(() => 0))) as [number[][], number[][]];
  let numActions = 0;
  for (const { stage, letter, microBatch } of actionsOf(plan)) {
    const code = PLANNED_LETTERS.indexOf(letter);
    const [pass, time] = [passCode(code), predicted(stage, code, microBatch)];
    ns[stage]![pass]! += time;
    squares[stage]![pass]! += (time * errors.actions[PASSES[pass]!].independent) ** 2;
    numActions += 1;
  }
  const most = maximum(ns.map(sum));
  const busiest = ns.findIndex((ofPasses) => sum(ofPasses) === most);
  return { ns, numActions, scatter: most === 0 ? 0 : Math.sqrt(sum(squares[busiest]!)) / most };
}

function loadOf(times: readonly number[]): Load {
  return { most: maximum(times), mean: mean(times) };
}

const AS_CALIBRATED: MachineMove = { own: 1, lost: 0, piecesPerSecond: 0 };

/** Of what a thread loses in so much time of its own (`lostTime`): its deviation / all time. */
function lostScatter({ own, lost, piecesPerSecond }: MachineMove, ns: number): number {
  const pieces = (own * ns * piecesPerSecond) / 1e9;
  return pieces === 0 ? 0 : (lost / (1 + lost)) * Math.sqrt(2 / pieces);
}

/** Draws an outlook's runs as far as it takes no simulation: by the random numbers that all times of a run share. */
function sketchDraws(
  { calibration, seed, moves }: DrawnPlan,
  { plan }: Prepared,
  { ns, numActions }: Work,
  outlook: Outlook,
  count: number,
): readonly Sketch[] {
  const errors = costErrors(calibration);
  const moveOf = moves && drawMoves(moves, outlook);
  const meanNs = sum(ns.map(sum)) / numActions;
  return Array.from({ length: count }, (_, number) => {
    const draw = drawSeed(seed, number);
    const { actions, links } = drawFactors(plan, errors, createRng(draw));
    const move = moveOf?.(machineRng(draw)) ?? AS_CALIBRATED;
    const { own, lost } = move;
    const times = ns.map(
      (ofPasses, stage) =>
        own * (1 + lost) * sum(ofPasses.map((time, pass) => time * actions[stage * PASSES.length + pass]!)),
    );
    const ofPipelines = plan.pipelines.map(({ firstStage, endStage }) => loadOf(times.slice(firstStage, endStage)));
    return {
      loads: [...ofPipelines, loadOf(times)],
      links: mean([...links.values()].map(Math.log)),
      scatter: lostScatter(move, meanNs),
    };
  });
}

/** Some draws that stand for all: as many with each load as there are. */
function chosenDraws(sketches: readonly Sketch[], count: number): readonly number[] {
  if (count >= sketches.length) return sketches.map((_, number) => number);
  const most = sketches.map(({ loads }) => loads.at(-1)!.most);
  const order = most.map((_, number) => number).sort((a, b) => most[a]! - most[b]! || a - b);
  return Array.from({ length: count }, (_, at) => order[Math.floor(((at + 0.5) * order.length) / count)]!);
}

/** Below this no stage has anything to do. */
const LEAST_NS = 1e-3;

type Rows = readonly (readonly number[])[];

/** What figures are fitted to: of each draw, around the mean of those that are simulated. */
function rowsOf(sketches: readonly Sketch[], pipeline: number, known: readonly number[]): Rows {
  const rows = sketches.map(({ loads, links, scatter }) => {
    const { most, mean: middle } = loads[pipeline]!;
    return [Math.log(Math.max(middle, LEAST_NS) / Math.max(most, LEAST_NS)), links, links ** 2, scatter ** 2];
  });
  const middles = rows[0]!.map((_, column) => mean(known.map((at) => rows[at]![column]!)));
  return rows.map((row) => row.map((value, column) => value - middles[column]!));
}

/** So that a few noisy figures do not get weights that fit them alone. */
const RIDGE = 0.03;

/** The linear fit to rows some of whose values are known. */
function fitted(rows: Rows, known: ReadonlyMap<number, number>): readonly number[] {
  const own = [...known].map(([at, value]) => ({ row: rows[at]!, value }));
  const middle = mean(own.map(({ value }) => value));
  const columns = rows[0]!.map((_, column) => column);
  const matrix = columns.map((a) =>
    columns.map((b) => sum(own.map(({ row }) => row[a]! * row[b]!)) + (a === b ? RIDGE : 0)),
  );
  const target = columns.map((a) => sum(own.map(({ row, value }) => row[a]! * (value - middle))));
  const weights = solveSymmetric(matrix, target)!;
  return rows.map((row) => middle + sum(columns.map((at) => row[at]! * weights[at]!)));
}

type Known = ReadonlyMap<number, RunFigures>;

function valuesOf(known: Known, figure: (run: RunFigures) => number): ReadonlyMap<number, number> {
  return new Map([...known].map(([at, run]) => [at, figure(run)]));
}

/** Shares of all time, such as bubbles: the fit, and what it leaves of those that are known. */
function sharesOfAll(rows: Rows, values: ReadonlyMap<number, number>): readonly number[] {
  const fit = fitted(rows, values);
  const residuals = [...values].map(([at, value]) => value - fit[at]!);
  return fit.map((value, at) => Math.min(1, Math.max(0, value + residuals[at % residuals.length]!)));
}

/** A time of a run, which grows with the loads of a pipeline's stages. */
interface TimeFigure {
  readonly pipeline: number;
  readonly of: (run: RunFigures) => number;
}

/** A prime, so that draws take all of the noise in turn. */
const NOISE_STEP = 7919;
/** So that what no error moves has a deviation. */
const LEAST_SCATTER = 1e-6;

/**
 * Times of all draws: the fit of what they are to the load, and noise. That of single actions evens out, so the noise of
 * a time is less the longer it is; seen so, all times of all draws have one.
 */
function timesOfAll(
  figures: readonly TimeFigure[],
  sketches: readonly Sketch[],
  rows: readonly Rows[],
  known: Known,
  { numActions, scatter }: Work,
): readonly (readonly number[])[] {
  const longest = maximum([...known.values()].map((run) => run.makespanSeconds));
  const deviations = sketches.map((sketch) =>
    Math.max(LEAST_SCATTER, Math.hypot(scatter, sketch.scatter / Math.sqrt(numActions))),
  );
  const noise: number[] = [];
  const fits = figures.map(({ pipeline, of }) => {
    const values = valuesOf(known, of);
    // A time that is none stays none.
    if ([...values.values()].some((value) => value <= 0)) return undefined;
    const loads = sketches.map((sketch) => Math.max(sketch.loads[pipeline]!.most, LEAST_NS));
    const ratios = new Map([...values].map(([at, value]) => [at, Math.log(value / loads[at]!)]));
    const fit = fitted(rows[pipeline]!, ratios);
    const shortness = Math.sqrt(longest / mean([...values.values()]));
    for (const [at, ratio] of ratios) noise.push((ratio - fit[at]!) / (shortness * deviations[at]!));
    return fit.map((ratio, at) => ({ ns: Math.exp(ratio) * loads[at]!, deviation: shortness * deviations[at]! }));
  });
  return fits.map((fit, figure) =>
    sketches.map((_, at) => {
      if (fit === undefined) return 0;
      const { ns, deviation } = fit[at]!;
      return ns * Math.exp(deviation * noise[(at * NOISE_STEP + figure) % noise.length]!);
    }),
  );
}

function figuresOfAll(plan: PlanBody, sketches: readonly Sketch[], known: Known, work: Work): readonly RunFigures[] {
  const simulated = [...known.values()];
  const rows = sketches[0]!.loads.map((_, pipeline) => rowsOf(sketches, pipeline, [...known.keys()]));
  const all = plan.pipelines.length;
  const pipelineOf = new Map(
    plan.pipelines.flatMap((_, at) => pipelineJobs(plan, at).map((job) => [job, at] as const)),
  );
  const times: readonly TimeFigure[] = [
    { pipeline: all, of: (run) => run.makespanSeconds },
    ...plan.jobs.map((_, job) => ({
      pipeline: pipelineOf.get(job) ?? all,
      of: (run: RunFigures) => run.turnaroundSeconds[job]!,
    })),
  ];
  const [makespans, ...turnarounds] = timesOfAll(times, sketches, rows, known, work);
  const tokens = simulated[0]!.tokensPerSecond * simulated[0]!.makespanSeconds;
  const total = sharesOfAll(
    rows[all]!,
    valuesOf(known, (run) => run.bubbleRatioTotal),
  );
  const steady = simulated.some((run) => run.bubbleRatio === null)
    ? undefined
    : sharesOfAll(
        rows[all]!,
        valuesOf(known, (run) => run.bubbleRatio!),
      );
  return sketches.map(
    (_, at) =>
      known.get(at) ?? {
        makespanSeconds: makespans![at]!,
        tokensPerSecond: makespans![at] === 0 ? 0 : tokens / makespans![at]!,
        bubbleRatio: steady?.[at] ?? null,
        bubbleRatioTotal: total[at]!,
        turnaroundSeconds: turnarounds.map((ofJob) => ofJob[at]!),
      },
  );
}

/**
 * A run in which a thread hardly loses anything, or all at once, is as no other: where the deviation by that is more,
 * draws do not follow from others.
 */
const MOST_SCATTER = 0.2;
/** Of each outlook, where all have to be simulated. Runs with few losses are short. */
const SIMULATED_DRAWS = 100;

/** Draws of a plan's runs, of which so many have to be simulated: the others follow from those, but in short runs. */
export function estimatedDraws(request: DrawnPlan, samples: number): EstimatedDraws {
  const outlooks: readonly Outlook[] = request.moves?.now === undefined ? ["been"] : OUTLOOKS;
  const prepared = preparePlan(request);
  const work = workOf(prepared, costErrors(request.calibration));
  // One run stands for itself alone.
  const count = samples === 1 ? 1 : Math.max(ALL_DRAWS, samples);
  const sketches = outlooks.map((outlook) => sketchDraws(request, prepared, work, outlook, count));
  const isShort =
    count > 1 && sketches.some((of) => of.some(({ scatter }) => scatter > MOST_SCATTER * Math.sqrt(work.numActions)));
  const all = isShort ? Math.max(samples, SIMULATED_DRAWS * outlooks.length) : samples;
  const startOf = (at: number): number => Math.floor((at * all) / outlooks.length);
  const parts = outlooks.map((outlook, at) => ({
    outlook,
    draws: chosenDraws(sketches[at]!, startOf(at + 1) - startOf(at)),
  }));
  return {
    parts,
    figuresOf(simulated) {
      if (isShort)
        return new Map(outlooks.map((outlook, at) => [outlook, simulated.slice(startOf(at), startOf(at + 1))]));
      const places = parts.flatMap(({ draws }, at) => draws.map((draw) => at * count + draw));
      const known = new Map(places.map((place, at) => [place, simulated[at]!]));
      const figures = figuresOfAll(prepared.plan, sketches.flat(), known, work);
      return new Map(outlooks.map((outlook, at) => [outlook, figures.slice(at * count, (at + 1) * count)]));
    },
  };
}
