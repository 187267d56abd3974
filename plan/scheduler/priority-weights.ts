/** What jobs count for where the mean is weighted by priority: their priority above the smallest, plus one. */
export function priorityWeights(priorities: readonly number[]): readonly number[] {
  let least = Number.POSITIVE_INFINITY;
  for (const priority of priorities) least = Math.min(least, priority);
  return priorities.map((priority) => priority - least + 1);
}
