import { FlowNetwork } from "./flow-network.ts";
import type { Route } from "./max-min.ts";

/** What goes one way between two machines, on a network with room of its own for each pair. */
export interface Way {
  readonly from: string;
  readonly to: string;
  readonly bytesPerSecond: number;
}

/** A machine's way into a network, and the way out of it, each for all that it exchanges with others. */
export interface MachinePorts<T> {
  readonly network: FlowNetwork<T>;
  /** What goes from one machine to another crosses; undefined where neither exchanges anything with a third one. */
  routeOf(from: string, to: string): Route | undefined;
}

/**
 * The ports of machines at a switch: each sends at its rate, divided among those that it sends to at the time, and
 * receives likewise. The rate of a port is that of its fastest way. `ways`: of each pair both, once.
 */
export function machinePorts<T>(ways: readonly Way[]): MachinePorts<T> {
  const numbers = new Map<string, number>();
  const rates: number[] = [];
  const numWays: number[] = [];
  const ports = ({ from, to }: Pick<Way, "from" | "to">): readonly number[] =>
    [`from ${from}`, `to ${to}`].map((name) => {
      const number = numbers.get(name) ?? numbers.size;
      numbers.set(name, number);
      return number;
    });
  for (const way of ways)
    for (const port of ports(way)) {
      rates[port] = Math.max(way.bytesPerSecond, rates[port] ?? 0);
      numWays[port] = 1 + (numWays[port] ?? 0);
    }
  const routes = new Map<string, Route>();
  for (const way of ways) {
    const own = ports(way);
    if (own.every((port) => numWays[port] === 1)) continue;
    // A slower way is the narrowest part of its own route.
    const isSlower = own.some((port) => way.bytesPerSecond < rates[port]!);
    routes.set(`${way.from} ${way.to}`, isSlower ? [...own, rates.push(way.bytesPerSecond) - 1] : own);
  }
  return { network: new FlowNetwork<T>(rates), routeOf: (from, to) => routes.get(`${from} ${to}`) };
}
