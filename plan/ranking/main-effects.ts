import { groupBy, mean, sum } from "../../core/index.ts";
import type { SettingValue } from "./varied-keys.ts";

/** Values of a setting that are too many for a group each are put into so many, by size. */
const MOST_GROUPS = 8;
const BINS = 4;

/** Places in ascending order, from 0; equal values share the mean of theirs. */
function placesOf(values: readonly number[]): readonly number[] {
  const order = values.map((_, index) => index).sort((a, b) => values[a]! - values[b]!);
  const places: number[] = [];
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to < order.length && values[order[to]!] === values[order[from]!]) to += 1;
    for (let at = from; at < to; at += 1) places[order[at]!] = (from + to - 1) / 2;
    from = to;
  }
  return places;
}

/** The group of each value: one a value, or where these are many numbers, quarters by size. */
function groupsOf(values: readonly SettingValue[]): readonly string[] {
  const isMany = new Set(values).size > Math.min(MOST_GROUPS, values.length / 2);
  if (!isMany || !values.every((value) => typeof value === "number")) return values.map((value) => `${value}`);
  return placesOf(values).map((place) => `${Math.floor((BINS * place) / values.length)}`);
}

/**
 * The share of the variance of the jobs' order that a setting alone explains: omega squared of its groups (Hays, 1963), at
 * least 0, on places in place of losses, which are far apart where jobs diverge. Undefined for fewer than 4 jobs, or a
 * group for each job.
 */
export function mainEffect(losses: readonly number[], values: readonly SettingValue[]): number | undefined {
  const groups = groupsOf(values);
  const count = new Set(groups).size;
  const n = losses.length;
  if (n < 4 || count >= n) return undefined;
  const places = placesOf(losses);
  const middle = mean(places);
  const total = sum(places.map((place) => (place - middle) ** 2));
  if (total === 0) return undefined;
  const between = sum(
    [
      ...groupBy(
        places.map((place, index) => ({ place, group: groups[index]! })),
        ({ group }) => group,
      ).values(),
    ].map((own) => own.length * (mean(own.map(({ place }) => place)) - middle) ** 2),
  );
  const error = (total - between) / (n - count);
  return Math.max(0, (between - (count - 1) * error) / (total + error));
}
