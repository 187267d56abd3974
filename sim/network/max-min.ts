/** Links that a flow crosses, by index; a flow without links is limited by nothing. */
export type Route = readonly number[];

/**
 * Max-min fair rates: no flow can get more without taking from one that has no more than it. All rates are raised
 * together; when a link is full, the flows over it keep what they have (Bertsekas and Gallager, Data Networks, section
 * 6.5.2).
 */
export function maxMinRates(routes: readonly Route[], bytesPerSecond: readonly number[]): readonly number[] {
  const rates = routes.map(() => Number.POSITIVE_INFINITY);
  const left = [...bytesPerSecond];
  const crossing = left.map(() => 0);
  let unfixed = [...routes.keys()].filter((flow) => routes[flow]!.length > 0);
  while (unfixed.length > 0) {
    crossing.fill(0);
    for (const flow of unfixed) for (const link of routes[flow]!) crossing[link]! += 1;
    let bottleneck = -1;
    let fair = Number.POSITIVE_INFINITY;
    for (let link = 0; link < left.length; link += 1) {
      if (crossing[link]! > 0 && left[link]! / crossing[link]! < fair) {
        fair = left[link]! / crossing[link]!;
        bottleneck = link;
      }
    }
    unfixed = unfixed.filter((flow) => {
      if (!routes[flow]!.includes(bottleneck)) return true;
      rates[flow] = fair;
      for (const link of routes[flow]!) left[link] = Math.max(0, left[link]! - fair);
      return false;
    });
  }
  return rates;
}
