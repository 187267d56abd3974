import type { ResolvedDevice } from "../documents/cluster.ts";
import type { MaxCost, Spent } from "../documents/money.ts";
import type { JobShare } from "./job-shares.ts";

const HOUR_NS = 3600e9;

type Priced = Pick<ResolvedDevice, "price">;

/** The currency in which all of some devices have a price; undefined where one has none. */
export function currencyOf(devices: readonly Priced[]): string | undefined {
  return devices.every(({ price }) => price !== undefined) ? devices[0]?.price?.currency : undefined;
}

/** What time on devices costs; `deviceNs` by device. */
export function spentOn(devices: readonly Priced[], deviceNs: readonly number[]): Spent {
  const currency = currencyOf(devices);
  const [ns, amount] = devices.reduce(
    ([time, cost], { price }, device) => {
      const own = deviceNs[device] ?? 0;
      return [time + own, cost + (own * (price?.perHour ?? 0)) / HOUR_NS] as const;
    },
    [0, 0] as readonly [number, number],
  );
  return { deviceSeconds: ns / 1e9, ...(currency === undefined ? {} : { cost: { amount, currency } }) };
}

/**
 * Both together. Money that is not of one currency, or not known of all of the time, is not told: it would be too
 * little.
 */
export function addSpent(a: Spent, b: Spent): Spent {
  if (a.deviceSeconds === 0) return b;
  if (b.deviceSeconds === 0) return a;
  const deviceSeconds = (Math.round(a.deviceSeconds * 1e9) + Math.round(b.deviceSeconds * 1e9)) / 1e9;
  if (a.cost === undefined || a.cost.currency !== b.cost?.currency) return { deviceSeconds };
  return { deviceSeconds, cost: { ...a.cost, amount: a.cost.amount + b.cost.amount } };
}

/** So many times as much. */
export function timesSpent({ deviceSeconds, cost }: Spent, count: number): Spent {
  return {
    deviceSeconds: count * deviceSeconds,
    ...(cost === undefined ? {} : { cost: { ...cost, amount: count * cost.amount } }),
  };
}

export const NOTHING_SPENT: Spent = { deviceSeconds: 0 };

/** The share of a budget that is spent, 1 for all of it; undefined where that is not known, as of money without a price. */
export function shareSpent(maxCost: MaxCost, { deviceSeconds, cost }: Spent): number | undefined {
  if ("deviceSeconds" in maxCost) return deviceSeconds / maxCost.deviceSeconds;
  return cost?.currency === maxCost.currency ? cost.amount / maxCost.amount : undefined;
}

/** "2.00 USD", "600 device seconds" */
export function maxCostText(maxCost: MaxCost): string {
  if ("deviceSeconds" in maxCost) return `${maxCost.deviceSeconds} device seconds`;
  const { amount, currency } = maxCost;
  const cents = amount.toFixed(2);
  return `${Number(cents) === amount ? cents : amount} ${currency}`;
}

/** What jobs have taken of the devices so far, by name. */
export class Spending {
  readonly #devices: readonly Priced[];
  readonly #before: ReadonlyMap<string, Spent>;
  /** By job, nanoseconds of each device. */
  readonly #deviceNs = new Map<string, number[]>();

  /** `before`: what jobs had taken when it begins. */
  constructor(devices: readonly Priced[], before: ReadonlyMap<string, Spent> = new Map()) {
    this.#devices = devices;
    this.#before = before;
  }

  add(shares: readonly JobShare[]): void {
    for (const { job, device, ns } of shares) {
      let own = this.#deviceNs.get(job);
      if (own === undefined) {
        own = this.#devices.map(() => 0);
        this.#deviceNs.set(job, own);
      }
      own[device]! += ns;
    }
  }

  /** What a job has taken, before it begins too. */
  of(job: string): Spent {
    const before = this.#before.get(job) ?? NOTHING_SPENT;
    const own = this.#deviceNs.get(job);
    return own === undefined ? before : addSpent(before, spentOn(this.#devices, own));
  }

  /** By name, of all jobs that have taken something. */
  all(): ReadonlyMap<string, Spent> {
    const names = new Set([...this.#before.keys(), ...this.#deviceNs.keys()]);
    return new Map([...names].map((name) => [name, this.of(name)]));
  }
}
