import type { Experts } from "../documents/architecture.ts";

/**
 * How evenly experts share tokens: the concentration of a symmetric Dirichlet distribution that the shares of a layer's
 * experts are drawn from. 4 makes their standard deviation about half their mean. An assumption, between routers that are
 * balanced over all data (no limit) and what single domains do: of Mixtral's 8 experts shares of 0.05 to 0.25 (Jiang et
 * al. 2024, figure 7).
 */
export const EXPERT_CONCENTRATION = 4;

/** Expected figures of a mixture that some tokens pass. */
export interface ExpertLoad {
  /** Of a token and one of its experts: the rows of the experts' products. */
  readonly pairs: number;
  /** Experts with a row at least, whose weights are read. */
  readonly touched: number;
}

/**
 * The load of independent choices from shares that are drawn: of so many pairs none is of an expert with the probability
 * prod over i < concentration of (b + i) / (b + pairs + i), b = concentration (experts - 1) (the beta-binomial
 * distribution at 0). A token's own experts are never the same.
 */
export function expertLoad(
  { count, perToken }: Experts,
  tokens: number,
  concentration = EXPERT_CONCENTRATION,
): ExpertLoad {
  const pairs = tokens * perToken;
  const others = concentration * (count - 1);
  let idle = 1;
  for (let i = 0; i < concentration; i += 1) idle *= (others + i) / (others + pairs + i);
  const least = tokens === 0 ? 0 : perToken;
  return { pairs, touched: Math.max(least, count * (1 - idle)) };
}

/** Rows of the experts' products with the empty ones of their last tiles: half a tile of each expert, or all but one row. */
export function tiledRows({ pairs, touched }: ExpertLoad, tileRows: number): number {
  return Math.max(touched * tileRows, pairs + (touched * (tileRows - 1)) / 2);
}
