/** A case that has been measured: what it was said to take on two slow cores, and what it took. */
export interface Measured {
  readonly stated: number;
  readonly taken: number;
}

/** Seconds that a case will take at the speed that the machine has shown so far; as stated while it has shown none. */
export function expectedSeconds(stated: number, before: readonly Measured[]): number {
  let [allStated, allTaken] = [0, 0];
  for (const each of before) {
    allStated += each.stated;
    allTaken += each.taken;
  }
  return allStated === 0 ? stated : (stated * allTaken) / allStated;
}

/** Whether a case that is expected to take so long may still begin. */
export function fitsBudget(elapsed: number, expected: number, budget: number): boolean {
  return elapsed + expected <= budget;
}
