import { createRng, normalQuantile } from "../core/index.ts";

/** How draws are made. */
export interface Drawing {
  /** Draws of a round: every candidate has one round at least, and in each round the same errors, in some order. */
  readonly draws: number;
  readonly seed: number;
}

/** Standard normal errors of a round, a share of the distribution each, none more than its mirror image. */
function strata({ draws, seed }: Drawing, round: number): readonly number[] {
  const rng = createRng(`errors of round ${round}, seed ${seed}`);
  const below = Array.from({ length: Math.floor(draws / 2) }, (_, stratum) =>
    // Uniform in the stratum, so that its draws have the distribution's mean on average; not 0, which has no quantile.
    normalQuantile((stratum + 1 - rng.nextFloat()) / draws),
  );
  return [...below, ...(draws % 2 === 0 ? [] : [0]), ...below.map((error) => -error).reverse()];
}

/** Numbers below some, in the order in which the errors of an accelerator come. */
function orderOf(accelerator: string, { draws, seed }: Drawing, round: number): readonly number[] {
  const rng = createRng(`times of ${accelerator} in round ${round}, seed ${seed}`);
  const order = Array.from({ length: draws }, (_, stratum) => stratum);
  // The first draw of all, which stands for the others where one has to, is from the middle.
  const first = round === 0 ? 1 : 0;
  const middle = Math.floor(draws / 2);
  if (first === 1) [order[0], order[middle]] = [order[middle]!, order[0]!];
  for (let at = draws - 1; at > first; at -= 1) {
    const other = first + rng.nextInt(at + 1 - first);
    [order[at], order[other]] = [order[other]!, order[at]!];
  }
  return order;
}

const known = new WeakMap<Drawing, Map<string, readonly number[]>>();

function errorsOf(accelerator: string, drawing: Drawing, round: number): readonly number[] {
  let own = known.get(drawing);
  if (own === undefined) {
    own = new Map();
    known.set(drawing, own);
  }
  const key = `${round} ${accelerator}`;
  let errors = own.get(key);
  if (errors === undefined) {
    const all = strata(drawing, round);
    errors = orderOf(accelerator, drawing, round).map((stratum) => all[stratum]!);
    own.set(key, errors);
  }
  return errors;
}

/**
 * Factor of an accelerator's times in a draw: the same for all candidates with it. Draws are stratified: each round has
 * an error of every share of the distribution, and with each its mirror image, so that no accelerator is lucky; they
 * come in an order of its own, since errors of two accelerators have nothing to do with each other.
 */
export function drawnFactor(accelerator: string, sigma: number, draw: number, drawing: Drawing): number {
  const { draws } = drawing;
  return Math.exp(sigma * errorsOf(accelerator, drawing, Math.floor(draw / draws))[draw % draws]!);
}
