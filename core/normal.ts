/** The share of a standard normal distribution below a value; by its series about 0 (Marsaglia, J. Stat. Software 11, 2004). */
function normalShare(value: number): number {
  let [term, total] = [value, value];
  for (let power = 3; Math.abs(term) > 1e-17 * Math.abs(total); power += 2) {
    term *= value ** 2 / power;
    total += term;
  }
  return 0.5 + (total * Math.exp(-(value ** 2) / 2)) / Math.sqrt(2 * Math.PI);
}

/** The value below which a share of a standard normal distribution lies, for shares from 1e-6 to 1 - 1e-6. */
export function normalQuantile(share: number): number {
  // Equal far from both sides of the middle.
  if (share > 0.5) return -normalQuantile(1 - share);
  if (share === 0.5) return 0;
  let [low, high] = [-5, 0];
  for (let round = 0; round < 60; round += 1) {
    const middle = (low + high) / 2;
    if (normalShare(middle) < share) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
