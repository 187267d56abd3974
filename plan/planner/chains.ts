import { PlanError } from "../../core/index.ts";
import type { ResolvedDevice } from "../documents/cluster.ts";

/** Chains that begin at a device: how many machines' ends lie inside them in all, and the length of the first. */
interface Best {
  readonly crossings: number;
  readonly length: number;
}

/**
 * Divides a cluster's devices into so many chains of neighbours: of equal lengths, or lengths that differ by one where
 * the number of devices does not allow that; the longer ones are where the fewest chains go from one machine to
 * another, and else come first. Returns each chain's devices as indices.
 * @throws PlanError for more chains than devices.
 */
export function chains(
  devices: readonly Pick<ResolvedDevice, "machine">[],
  numChains: number,
): readonly (readonly number[])[] {
  if (numChains > devices.length)
    throw new PlanError({
      expected: `at most ${devices.length} pipelines on ${devices.length} devices`,
      at: "--pipelines",
      got: numChains,
      hint: "Each pipeline needs at least one device.",
    });
  const short = Math.floor(devices.length / numChains);
  const crossingsIn = (first: number, length: number): number => {
    let crossings = 0;
    for (let device = first + 1; device < first + length; device += 1)
      if (devices[device]!.machine !== devices[device - 1]!.machine) crossings += 1;
    return crossings;
  };
  // best[c][l]: the last c chains, l of them longer by one.
  const numLong = devices.length % numChains;
  const best: Best[][] = [[{ crossings: 0, length: 0 }]];
  for (let count = 1; count <= numChains; count += 1) {
    best.push([]);
    for (let long = 0; long <= Math.min(count, numLong); long += 1) {
      const first = devices.length - count * short - long;
      const options = [
        { length: short + 1, rest: long === 0 ? undefined : best[count - 1]![long - 1] },
        { length: short, rest: best[count - 1]![long] },
      ].flatMap(({ length, rest }) =>
        rest === undefined ? [] : [{ length, crossings: rest.crossings + crossingsIn(first, length) }],
      );
      best[count]![long] = options.reduce((a, b) => (b.crossings < a.crossings ? b : a));
    }
  }
  const divided: number[][] = [];
  let [next, long] = [0, numLong];
  for (let count = numChains; count > 0; count -= 1) {
    const { length } = best[count]![long]!;
    divided.push(Array.from({ length }, (_, i) => next + i));
    next += length;
    if (length > short) long -= 1;
  }
  return divided;
}
