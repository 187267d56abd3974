import { groupBy } from "../core/index.ts";
import {
  type AttentionFigures,
  attentionSeconds,
  type Collective,
  type CollectiveFigures,
  collectiveSeconds,
  type DevicePeaks,
  type ProductFigures,
  productSeconds,
} from "../plan/index.ts";
import { fitParameters } from "./fit-parameters.ts";

/** A measured time of one product of [rows, inputs] and [inputs, outputs]. */
export interface ProductTime {
  readonly shape: readonly [rows: number, outputs: number, inputs: number];
  readonly seconds: number;
}

/** Of the forward of causal attention over equal rows. */
export interface AttentionTime {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly batch: number;
  readonly tokens: number;
  readonly seconds: number;
}

/** Of a collective inside one machine; `bytes` as `collectiveSeconds` has them. */
export interface CollectiveTime {
  readonly collective: Collective;
  readonly devices: number;
  readonly bytes: number;
  readonly seconds: number;
}

/** The GPU that times are of. */
export interface TimedGpu {
  readonly peaks: DevicePeaks;
  readonly multiprocessors: number;
}

/** Times scatter by kernel and size; single ones do not lead the fit. */
const SOFT_L1 = 0.1;

const logOf = (predicted: number, { seconds }: { readonly seconds: number }): number => Math.log(predicted / seconds);

/** How far single times scatter around a fit, and figures of a GPU around those of another one (log, 1 sigma). */
const SCATTER = 0.08;
const SPREAD: Readonly<Record<string, number>> = { computeShare: 0.4, "64": 0.4, "128": 0.4, "256": 0.4, powerLoss: 1 };
const OTHER_SPREAD = 0.15;
/** A figure of another GPU that is nothing there may be something here. */
const LEAST = 0.02;

/** A fit to times. `isAround`: figures that the times say nothing of stay where they start, at those of another GPU. */
function fitTimes<Name extends string>(
  start: Readonly<Record<Name, number>>,
  isAround: boolean,
  errors: (fit: Readonly<Record<Name, number>>) => readonly number[],
): Readonly<Record<Name, number>> {
  const names = isAround ? (Object.keys(start) as Name[]) : [];
  const weightOf = (name: string): number => SCATTER / (SPREAD[name] ?? OTHER_SPREAD);
  return fitParameters({
    start,
    softL1: SOFT_L1,
    residuals: (fit) => [...errors(fit), ...names.map((name) => weightOf(name) * Math.log(fit[name] / start[name]))],
  });
}

/** `around`: figures of a GPU like this one, which stand for what few times do not say. */
export function fitProducts(
  times: readonly ProductTime[],
  { peaks, multiprocessors }: TimedGpu,
  around?: ProductFigures,
): ProductFigures {
  const figures = (fit: Omit<ProductFigures, "multiprocessors">): ProductFigures => ({
    multiprocessors,
    ...fit,
    computeShare: Math.min(1, fit.computeShare),
    memoryShare: Math.min(1, fit.memoryShare),
    powerLoss: Math.min(0.9, fit.powerLoss),
  });
  const { multiprocessors: _, ...other } = around ?? {};
  const start = { computeShare: 0.75, squareTile: 1, memoryShare: 0.8, seconds: 3e-6, powerLoss: 0.1, ...other };
  start.powerLoss = Math.max(LEAST, start.powerLoss);
  const errors = (fit: typeof start): readonly number[] =>
    times.map((time) => logOf(productSeconds(figures(fit), peaks, time.shape), time));
  return figures(fitTimes(start, around !== undefined, errors));
}

/** `around`: as for products. */
export function fitAttention(
  times: readonly AttentionTime[],
  { peaks, multiprocessors }: TimedGpu,
  around?: AttentionFigures,
): AttentionFigures {
  const figures = ({ "64": narrow, "128": middle, "256": wide, ...rest }: typeof start): AttentionFigures => ({
    computeShares: { "64": Math.min(1, narrow), "128": Math.min(1, middle), "256": Math.min(1, wide) },
    ...rest,
  });
  const { computeShares, ...other } = around ?? {};
  const given = { "64": 0.4, "128": 0.5, "256": 0.5, halfSpeedTokens: 500, emptyWave: 0.35, seconds: 1e-5 };
  const start = { ...given, ...computeShares, ...other };
  const errors = (fit: typeof start): readonly number[] =>
    times.map((time) => logOf(attentionTime(figures(fit), { peaks, multiprocessors }, time), time));
  return figures(fitTimes(start, around !== undefined, errors));
}

/** What attention over equal rows takes by the figures. */
export function attentionTime(
  figures: AttentionFigures,
  { peaks, multiprocessors }: TimedGpu,
  { heads, headDim, batch, tokens }: Omit<AttentionTime, "seconds">,
): number {
  const lengths = Array.from({ length: batch }, () => tokens);
  return attentionSeconds(figures, multiprocessors, peaks, { heads, headDim, lengths });
}

/** `around`: as for products. */
export function fitCollectives(times: readonly CollectiveTime[], around?: CollectiveFigures): CollectiveFigures {
  const { lowLatency, highBandwidth } = around ?? {};
  const start = {
    first: lowLatency?.seconds ?? 5e-6,
    round: lowLatency?.roundSeconds ?? 8e-7,
    rate: lowLatency?.bytesPerSecond ?? 5e10,
    ringFirst: highBandwidth?.seconds ?? 2e-5,
    ringRate: highBandwidth?.bytesPerSecond ?? 2e11,
  };
  const figures = ({ first, round, rate, ringFirst, ringRate }: typeof start): CollectiveFigures => ({
    lowLatency: { seconds: first, roundSeconds: round, bytesPerSecond: rate },
    highBandwidth: { seconds: ringFirst, bytesPerSecond: ringRate },
  });
  const errors = (fit: typeof start): readonly number[] =>
    times.map((time) => logOf(collectiveSeconds(figures(fit), time.collective, time.devices, time.bytes), time));
  return figures(fitTimes(start, around !== undefined, errors));
}

/** How many parts groups are cut into, of which each is predicted from the others. */
const FOLDS = 5;

/** Each time as predicted by a fit without those that have the same key, nor a fifth of the other keys. */
export function leftOutKernels<Time extends { readonly seconds: number }, Figures>(
  times: readonly Time[],
  keyOf: (time: Time) => string,
  fitTo: (times: readonly Time[]) => Figures,
  predict: (figures: Figures, time: Time) => number,
): readonly { readonly time: Time; readonly predicted: number }[] {
  const groups = [...groupBy(times, keyOf).values()];
  const folds = Math.min(FOLDS, groups.length);
  return Array.from({ length: folds }, (_, fold) => {
    const isOut = (index: number): boolean => index % folds === fold;
    const figures = fitTo(groups.filter((_, index) => !isOut(index)).flat());
    const out = groups.filter((_, index) => isOut(index)).flat();
    return out.map((time) => ({ time, predicted: predict(figures, time) }));
  }).flat();
}
