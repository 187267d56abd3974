import { ownValue } from "../core/index.ts";
import type { AcceleratorPrice, Candidate, CandidateRow, Flip } from "../plan/index.ts";
import { withJobs, withKinds } from "./changed-question.ts";
import { type CapacityRequest, findCapacity, meanCost } from "./find-capacity.ts";

/** Draws of each search: what is asked is which way an answer goes. */
const DRAWS = 5;
const MORE = 1.5;
const DEARER = 1.25;

function withLevels(request: CapacityQuestion, factor: number): CapacityQuestion {
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
    ...price,
    ...(buy && { buy: { ...buy, price: factor * buy.price, resale: factor * buy.resale } }),
    ...(reservedPerHour && { reservedPerHour: factor * reservedPerHour }),
    ...(onDemandPerHour && { onDemandPerHour: factor * onDemandPerHour }),
    ...(spot && { spot: { ...spot, perHour: factor * spot.perHour } }),
  };
}

function withPrice(request: CapacityQuestion, accelerator: string, factor: number): CapacityQuestion {
  const { prices } = request;
  const own = dearer(ownValue(prices.accelerators, accelerator)!, factor);
  return { ...request, prices: { ...prices, accelerators: { ...prices.accelerators, [accelerator]: own } } };
}

/** What may be otherwise, both ways. */
function variations(request: CapacityQuestion, best: CandidateRow): readonly (readonly [string, CapacityQuestion])[] {
  const { accelerator } = best.candidate;
  const jobs = (factor: number) => withJobs(request, factor);
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

/** The best candidate that keeps the level, and what it costs; null where none does. */
export type FoundBest = { readonly candidate: Candidate; readonly cost: number } | null;

/** All of a request that can be copied to another thread. */
export type CapacityQuestion = Omit<CapacityRequest, "seen" | "ahead" | "onProgress" | "breathe">;

export async function bestOf(question: CapacityQuestion): Promise<FoundBest> {
  const [found] = (await findCapacity(question)).meets;
  return found === undefined ? null : { candidate: found.candidate, cost: meanCost(found) };
}

/** The search once more for each thing that may be otherwise. `search`: `bestOf` each, in any threads. */
export async function flipsOf(
  question: CapacityQuestion,
  best: CandidateRow,
  search: (questions: readonly CapacityQuestion[]) => Promise<readonly FoundBest[]>,
): Promise<readonly Flip[]> {
  const all = variations(question, best);
  const draws = Math.min(DRAWS, question.drawing.draws);
  const few = { drawing: { ...question.drawing, draws }, mostDraws: draws };
  const found = await search(all.map(([, changed]) => ({ ...changed, ...few })));
  return all.map(([what], index): Flip => {
    const { candidate = null, cost = null } = found[index] ?? {};
    const isOther = JSON.stringify(candidate) !== JSON.stringify(best.candidate);
    return { what, candidate, cost, isOther };
  });
}
