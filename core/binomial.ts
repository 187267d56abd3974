/** Chance of at most so many successes of some tries, each with a chance of its own; summed term by term, in logarithms. */
export function binomialAtMost(successes: number, tries: number, chance: number): number {
  if (successes >= tries || chance <= 0) return 1;
  if (chance >= 1) return 0;
  const [logYes, logNo] = [Math.log(chance), Math.log1p(-chance)];
  let logWays = 0;
  let total = 0;
  for (let count = 0; count <= successes; count += 1) {
    total += Math.exp(logWays + count * logYes + (tries - count) * logNo);
    logWays += Math.log(tries - count) - Math.log(count + 1);
  }
  return Math.min(1, total);
}

/** The chance at which a function that falls with it comes to some value. */
function chanceAt(value: number, falling: (chance: number) => number): number {
  let [low, high] = [0, 1];
  for (let round = 0; round < 60; round += 1) {
    const middle = (low + high) / 2;
    if (falling(middle) > value) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * What a share is at least, and what it is at most, each as sure as `confidence` (one-sided), where so many of some tries
 * were successes (Clopper and Pearson, Biometrika 26, 1934).
 */
export function shareBounds(
  successes: number,
  tries: number,
  confidence: number,
): { readonly atLeast: number; readonly atMost: number } {
  const doubt = 1 - confidence;
  return {
    atLeast: successes === 0 ? 0 : chanceAt(confidence, (chance) => binomialAtMost(successes - 1, tries, chance)),
    atMost: successes === tries ? 1 : chanceAt(doubt, (chance) => binomialAtMost(successes, tries, chance)),
  };
}
