/** The share of Student's distribution below a value; by the finite sums of Abramowitz and Stegun, 26.7.3 and 26.7.4. */
function studentShare(value: number, degrees: number): number {
  const angle = Math.atan(value / Math.sqrt(degrees));
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  const isOdd = degrees % 2 === 1;
  let [term, sum] = isOdd ? [cosine, degrees > 1 ? cosine : 0] : [1, 1];
  for (let i = isOdd ? 3 : 2; i < degrees; i += 2) {
    term *= ((i - 1) / i) * cosine ** 2;
    sum += term;
  }
  const within = isOdd ? (2 / Math.PI) * (angle + sine * sum) : sine * sum;
  return 0.5 + within / 2;
}

/**
 * The value below which a share of Student's distribution with so many degrees of freedom lies, for shares from 0.5 to
 * 1 - 1e-6.
 */
export function studentQuantile(share: number, degrees: number): number {
  let [low, high] = [0, 1];
  while (studentShare(high, degrees) < share && high < 1e12) high *= 2;
  for (let round = 0; round < 80; round += 1) {
    const middle = (low + high) / 2;
    if (studentShare(middle, degrees) < share) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
