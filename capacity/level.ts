import { groupBy, quantile } from "../core/index.ts";
import type { Forecast, JobKind, ServiceLevel } from "../plan/index.ts";

/** Kinds whose jobs keep one level of service together. */
export interface LevelGroup {
  readonly level: ServiceLevel;
  /** Places in the forecast. */
  readonly kinds: readonly number[];
  readonly names: readonly string[];
}

/** Of a kind: its own level, its priority's, or that of all. */
export function levelOf({ level, priorities }: Forecast, kind: JobKind): ServiceLevel {
  return kind.level ?? priorities.find(({ priority }) => priority === kind.priority)?.level ?? level;
}

/** Kinds with a level of their own, each by itself; those of a priority that has one; all others. */
export function levelGroups(forecast: Forecast): readonly LevelGroup[] {
  const places = forecast.kinds.map((kind, index) => ({ kind, index, level: levelOf(forecast, kind) }));
  const groups = groupBy(places, ({ kind, index, level }) => {
    if (kind.level !== undefined) return `kind ${index}`;
    return level === forecast.level ? "all" : `priority ${kind.priority}`;
  });
  return [...groups.values()].map((own) => ({
    level: own[0]!.level,
    kinds: own.map(({ index }) => index),
    names: own.map(({ kind }) => kind.name),
  }));
}

/** How long so many of a hundred of a group's jobs take at most, in hours; 0 where none came. */
export function levelHours(
  { level, kinds }: LevelGroup,
  jobs: readonly { readonly kind: number; readonly seconds: number }[],
): number {
  const own = jobs.flatMap(({ kind, seconds }) => (kinds.includes(kind) ? [seconds] : []));
  return own.length === 0 ? 0 : quantile(own, level.percent / 100) / 3600;
}

/** Of a group's jobs, the share that take longer than its level's hours; 0 where none came. */
export function lateShare(
  { level, kinds }: LevelGroup,
  jobs: readonly { readonly kind: number; readonly seconds: number }[],
): number {
  const own = jobs.filter(({ kind }) => kinds.includes(kind));
  return own.length === 0 ? 0 : own.filter(({ seconds }) => seconds > 3600 * level.hours).length / own.length;
}

/** By group, whether its level is kept. */
export function isKept(groups: readonly LevelGroup[], hours: readonly number[]): boolean {
  return groups.every(({ level }, index) => hours[index]! <= level.hours);
}

/** By group, of its level's hours those that are taken: at most 1 where it is kept. */
export function levelShares(groups: readonly LevelGroup[], hours: readonly number[]): readonly number[] {
  // Of a level of which it is known only that it cannot be kept: its hours.
  return groups.map(({ level }, group) => (Number.isFinite(hours[group]!) ? hours[group]! / level.hours : 1));
}

/** The same of the tightest level. */
export function tightness(groups: readonly LevelGroup[], hours: readonly number[]): number {
  return Math.max(...levelShares(groups, hours));
}
