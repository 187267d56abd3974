/** A job among those that have come to a rung so far; `place` counts from 0. */
export interface Ranked {
  readonly place: number;
  readonly count: number;
  readonly iterations: number;
  readonly loss: number;
}

export function lossText(loss: number): string {
  return Number.isFinite(loss) ? loss.toFixed(3) : `${loss}`;
}

/** "1st", "12th", "23rd" */
function ordinal(number: number): string {
  const [tens, ones] = [number % 100, number % 10];
  const isTeen = tens >= 11 && tens <= 13;
  return `${number}${isTeen ? "th" : (["th", "st", "nd", "rd"][ones] ?? "th")}`;
}

function rank({ place, count, iterations, loss }: Ranked): string {
  return `${ordinal(place + 1)} of ${count} at ${iterations} iterations: loss ${lossText(loss)}`;
}

function goOn(count: number): string {
  return count === 1 ? "1 goes on" : `${count} go on`;
}

export function goesOnWhy(ranked: Ranked, keep: number): string {
  return `${rank(ranked)}, ${goOn(keep)}`;
}

/** `keptLoss` is that of the last one that may go on. */
export function stopsWhy(ranked: Ranked, keep: number, keptLoss: number): string {
  return `${rank(ranked)}, at most ${goOn(keep)}, and the ${ordinal(keep)} has ${lossText(keptLoss)}`;
}

export function pausesWhy(ranked: Ranked): string {
  return `${rank(ranked)}, too few have come to compare`;
}
