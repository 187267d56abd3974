/**
 * A way to fall from above to 0 as iterations go by. Losses are taken to be a + b shape(t) with a, b >= 0: a power law,
 * by which losses fall with the data seen (Hestness et al. 2017, arXiv 1712.00409; Kaplan et al. 2020, arXiv
 * 2001.08361), or an exponential decay, by which gradient descent gets near to a minimum.
 */
export interface DecayShape {
  readonly name: string;
  /** At iteration t, from 1. */
  at(t: number): number;
  /** The iteration at which it has a value; infinite for 0 or less. */
  when(value: number): number;
}

const power = (exponent: number): DecayShape => ({
  name: `t^-${exponent}`,
  at: (t) => t ** -exponent,
  when: (value) => (value <= 0 ? Number.POSITIVE_INFINITY : value ** (-1 / exponent)),
});

const exponential = (iterations: number): DecayShape => ({
  name: `exp(-t/${iterations})`,
  at: (t) => Math.exp(-t / iterations),
  when: (value) => (value <= 0 ? Number.POSITIVE_INFINITY : -iterations * Math.log(value)),
});

/** How often the time constants of exponential decays go into a job's steps: from slower than the job to far faster. */
const TIMES = [0.7, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24];

/** The shapes that are fitted to the losses of a job of so many steps, each alone. */
export function decayShapes(steps: number): readonly DecayShape[] {
  return [...[0.1, 0.3, 0.6, 1, 1.5].map(power), ...TIMES.map((times) => exponential(Math.max(1, steps / times)))];
}
