import { ownValue } from "../core/index.ts";
import type { AcceleratorPrice, Candidate, Forecast, JobKind } from "../plan/index.ts";
import type { CandidateRow } from "./answer.ts";
import { type CapacityRequest, findCapacity, meanCost } from "./find-capacity.ts";
import { slotKind } from "./slot-kind.ts";

/** What the recommendation becomes where something is otherwise than was said. */
export interface Flip {
  /** In words: "half as many jobs again". */
  readonly what: string;
  /** The cheapest that keeps the level then, and what it costs; null where none does. */
  readonly candidate: Candidate | null;
  readonly cost: number | null;
  /** Whether that is another one than is recommended. */
  readonly isOther: boolean;
}

/** Draws of each search: what is asked is which way an answer goes. */
const DRAWS = 5;
const MORE = 1.5;
const DEARER = 1.25;

function withKinds(request: CapacityRequest, change: (kind: JobKind) => JobKind): CapacityRequest {
  const forecast: Forecast = { ...request.forecast, kinds: request.forecast.kinds.map(change) };
  return { ...request, forecast, kinds: forecast.kinds.map(slotKind) };
}

function withLevels(request: CapacityRequest, factor: number): CapacityRequest {
  const { forecast } = request;
  const changed = <Level extends { readonly hours: number }>(level: Level): Level => {
    return { ...level, hours: factor * level.hours };
  };
  const kinds = forecast.kinds.map((kind) =>
    kind.level === undefined ? kind : { ...kind, level: changed(kind.level) },
  );
  return { ...request, forecast: { ...forecast, kinds, level: changed(forecast.level) } };
}

/** All ways to have an accelerator cost so many times as much. */
function dearer(price: AcceleratorPrice, factor: number): AcceleratorPrice {
  const { buy, reservedPerHour, onDemandPerHour, spot } = price;
  return {
    ...(buy && { buy: { ...buy, price: factor * buy.price } }),
    ...(reservedPerHour && { reservedPerHour: factor * reservedPerHour }),
    ...(onDemandPerHour && { onDemandPerHour: factor * onDemandPerHour }),
    ...(spot && { spot: { ...spot, perHour: factor * spot.perHour } }),
  };
}

function withPrice(request: CapacityRequest, accelerator: string, factor: number): CapacityRequest {
  const { prices } = request;
  const own = dearer(ownValue(prices.accelerators, accelerator)!, factor);
  return { ...request, prices: { ...prices, accelerators: { ...prices.accelerators, [accelerator]: own } } };
}

/** What may be otherwise, both ways. */
function variations(request: CapacityRequest, best: CandidateRow): readonly (readonly [string, CapacityRequest])[] {
  const { accelerator } = best.candidate;
  const jobs = (factor: number) => withKinds(request, (kind) => ({ ...kind, perDay: factor * kind.perDay }));
  const rows = (factor: number) =>
    withKinds(request, (kind) => {
      const { mean, max, sigma } = kind.tokens;
      return { ...kind, tokens: { mean: Math.min(max, factor * mean), max, sigma } };
    });
  const slower = (factor: number) => ({ ...request, slower: factor });
  const sigma = Math.exp(best.sigma);
  return [
    ["half as many jobs again", jobs(MORE)],
    ["a third fewer jobs", jobs(1 / MORE)],
    ["rows half as long again", rows(MORE)],
    ["rows a third shorter", rows(1 / MORE)],
    ["steps slower by one standard deviation", slower(sigma)],
    ["steps faster by one standard deviation", slower(1 / sigma)],
    [`${accelerator} a quarter dearer`, withPrice(request, accelerator, DEARER)],
    [`${accelerator} a fifth cheaper`, withPrice(request, accelerator, 1 / DEARER)],
    ["half the hours of the level", withLevels(request, 1 / 2)],
    ["twice the hours of the level", withLevels(request, 2)],
  ];
}

/** The search once more for each thing that may be otherwise. `onFlip` is told how many are done, of how many. */
export function flipsOf(
  request: CapacityRequest,
  best: CandidateRow,
  onFlip: (done: number, all: number) => void = () => {},
): readonly Flip[] {
  const all = variations(request, best);
  return all.map(([what, changed], index): Flip => {
    onFlip(index, all.length);
    const few = { ...changed, draws: Math.min(DRAWS, request.draws), onProgress: () => {} };
    const [found] = findCapacity(few).meets;
    if (found === undefined) return { what, candidate: null, cost: null, isOther: true };
    const isOther = JSON.stringify(found.candidate) !== JSON.stringify(best.candidate);
    return { what, candidate: found.candidate, cost: meanCost(found), isOther };
  });
}
