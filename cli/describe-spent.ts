import { formatSeconds } from "../core/index.ts";
import type { Spent } from "../plan/index.ts";
import { amountText } from "./output.ts";

/** What jobs took of devices as columns of a table: time, and money where it is known of some. */
export function spentColumns(all: readonly Spent[]): {
  readonly heads: readonly string[];
  readonly cellsOf: (spent: Spent) => readonly string[];
} {
  const currencies = new Set(all.flatMap(({ cost }) => (cost === undefined ? [] : [cost.currency])));
  const cellOf = ({ cost }: Spent): readonly string[] => {
    if (currencies.size === 0) return [];
    return [cost === undefined ? "-" : `${amountText(cost.amount)} ${cost.currency}`];
  };
  return {
    heads: ["device time", ...(currencies.size === 0 ? [] : ["cost"])],
    cellsOf: (spent) => [spent.deviceSeconds === 0 ? "-" : formatSeconds(spent.deviceSeconds), ...cellOf(spent)],
  };
}
