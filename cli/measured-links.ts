import { DeviceError } from "../core/index.ts";
import { type MeasuredLink, measureLinks } from "../exec/index.ts";
import { startHint } from "../workbench/index.ts";
import type { Arguments, Use } from "./command.ts";
import type { Io } from "./io.ts";
import { percent, printResult, table } from "./output.ts";

/** Measures the network between the ranks that a launcher has started. */
export const LINKS: Use = {
  input: "--links",
  options: {
    links: {
      type: "boolean",
      describe: "measure the network between machines: started as ranks, one on each (docs/reference/machines.md)",
      notBeside: ["workload", "from-observation", "transfer"],
    },
  },
  instead: () => "With --links the network between ranks is measured, and nothing else.",
};

/** Directions that have less than this each while both are used share one bandwidth. */
const HALF_BELOW = 0.75;

/** What a cluster file says of the network: the slowest pair's figures. */
interface NetworkFigures {
  readonly bandwidthBytesPerSecond: number;
  readonly latencySeconds: number;
  readonly shared: false;
  readonly duplex: "full" | "half";
}

function networkOf(links: readonly MeasuredLink[]): NetworkFigures {
  const digits = (value: number): number => Number(value.toPrecision(3));
  return {
    bandwidthBytesPerSecond: digits(Math.min(...links.map((link) => link.bandwidthBytesPerSecond))),
    latencySeconds: digits(Math.max(...links.map((link) => link.latencySeconds))),
    shared: false,
    duplex: links.some((link) => link.bothWaysShare < HALF_BELOW) ? "half" : "full",
  };
}

function linksText(links: readonly MeasuredLink[], network: NetworkFigures): string {
  const time = (seconds: number): string =>
    seconds < 1e-3 ? `${(seconds * 1e6).toFixed(0)} us` : `${(seconds * 1e3).toFixed(1)} ms`;
  const rows = links.map((link) => [
    `${link.rank}`,
    link.host,
    time(link.latencySeconds),
    `${((8 * link.bandwidthBytesPerSecond) / 1e6).toFixed(0)} Mbit/s`,
    percent(link.bothWaysShare, 0),
    time(link.behindLargeSeconds),
  ]);
  const heads = ["rank", "host", "latency", "one way", "each of both ways", "8 B behind 8 MiB"];
  return [
    table(heads, rows),
    "",
    "in a cluster file:",
    `network: { bandwidthBytesPerSecond: ${network.bandwidthBytesPerSecond}, latencySeconds: ${network.latencySeconds}, shared: false, duplex: ${network.duplex} }`,
  ].join("\n");
}

/** @throws DeviceError where this process is no rank */
export async function calibrateLinks(io: Io, args: Arguments): Promise<void> {
  if (io.world === undefined || io.world.size === 1)
    throw new DeviceError({
      expected: "several ranks, one on each machine, whose network is measured",
      at: "--links",
      got: "one process",
      hint: startHint(process.env),
    });
  const links = await measureLinks(io.world);
  const network = networkOf(links);
  printResult(io, args, { network, links }, () => linksText(links, network));
}
