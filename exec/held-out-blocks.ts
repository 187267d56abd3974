/** A held-out row: its number in the job's data, the sum of its tokens' losses, and how many of them are scored. */
export type EvaluatedRow = readonly [row: number, loss: number, scored: number];

/** Of some rows together: the sum of their tokens' losses, and how many of them are scored. */
export type Block = readonly [loss: number, scored: number];

/** More rows than these are told in blocks, which is as good for an interval. */
const MOST_BLOCKS = 64;
/** Of a block's loss, which is there to be compared. */
const DIGITS = 7;

/**
 * Held-out rows in at most 64 blocks, each of every 64th row in the order of the data: jobs that are evaluated on the same
 * rows have the same blocks. None where a loss is not finite.
 */
export function heldOutBlocks(rows: readonly EvaluatedRow[]): readonly Block[] {
  if (!rows.every(([, loss]) => Number.isFinite(loss))) return [];
  const sorted = [...rows].sort(([a], [b]) => a - b);
  const blocks = Array.from({ length: Math.min(MOST_BLOCKS, rows.length) }, (): [number, number] => [0, 0]);
  sorted.forEach(([, loss, scored], at) => {
    const block = blocks[at % MOST_BLOCKS]!;
    block[0] += loss;
    block[1] += scored;
  });
  return blocks.map(([loss, scored]) => [Number(loss.toPrecision(DIGITS)), scored]);
}
