import { sum } from "../../core/index.ts";
import type { PlannedRow } from "../documents/segment.ts";
import type { Packing, PackingProblem } from "./pack-rows.ts";

/** Rows of one step of each job of a group, any number in place of the job's. */
export interface PackedMiniBatch {
  /** In the order of the jobs. */
  readonly members: readonly { readonly job: number; readonly rows: readonly PlannedRow[] }[];
  readonly capacity: number;
}

/** Rows that have to be in one micro-batch: those that are compared with answers to each other's prompts. */
function together(rows: readonly PlannedRow[]): readonly (readonly PlannedRow[])[] {
  const compares = rows.some(
    ([, , , , compared]) =>
      compared?.part !== undefined || (compared?.isDesirable !== undefined && compared.answers.length > 1),
  );
  return compares ? [rows] : rows.map((row) => [row]);
}

/** The micro-batches of a mini-batch whose jobs share them: their rows in the order of jobs, then of the data. */
export function packMiniBatch(
  { members, capacity }: PackedMiniBatch,
  pack: (problem: PackingProblem) => Packing,
): readonly (readonly PlannedRow[])[] {
  const units = members.flatMap(({ job, rows: own }) => together(own.map(([, ...row]): PlannedRow => [job, ...row])));
  const packing = pack({ lengths: units.map((rows) => sum(rows.map(([, , tokens]) => tokens))), capacity });
  return packing.map((places) => places.flatMap((place) => units[place]!));
}

/**
 * Jobs to so many groups with about as many tokens an iteration each, so that while one group's mini-batch comes back
 * the others fill the pipeline (LoRAFusion, arXiv 2510.00206, groups adapters for that): the one with the most tokens
 * first, to the group with the fewest. More groups where one would have more than `most` jobs. Places of jobs, ascending.
 */
export function balancedGroups(
  tokens: readonly number[],
  count: number,
  most = Number.POSITIVE_INFINITY,
): readonly (readonly number[])[] {
  const number = Math.min(Math.max(count, Math.ceil(tokens.length / most)), tokens.length);
  const groups = Array.from({ length: number }, (): number[] => []);
  const sums = groups.map(() => 0);
  const order = tokens.map((_, place) => place).sort((a, b) => tokens[b]! - tokens[a]! || a - b);
  for (const place of order) {
    const open = groups.flatMap((own, group) => (own.length < most ? [group] : []));
    const least = open.reduce((best, group) => (sums[group]! < sums[best]! ? group : best));
    groups[least]!.push(place);
    sums[least]! += tokens[place]!;
  }
  return groups.map((places) => places.sort((a, b) => a - b));
}
