import { formatBytes, formatSeconds } from "../core/index.ts";
import type { RunMetrics } from "../traces/index.ts";
import { headline, table } from "./output.ts";

/** A run's numbers as a person reads them. */
export function runText(metrics: RunMetrics, losses?: ReadonlyMap<string, readonly number[]>): string {
  const devices = metrics.devices.map(({ name, busySeconds, idleSeconds, peakMemoryBytes }) => [
    name,
    formatSeconds(busySeconds),
    formatSeconds(idleSeconds),
    formatBytes(peakMemoryBytes),
  ]);
  const withLosses = losses !== undefined && losses.size > 0;
  const jobs = metrics.jobs.map(({ name, steps, tokens, startSeconds, endSeconds }) => {
    const series = losses?.get(name);
    const curve = withLosses ? [series?.[0]?.toFixed(3) ?? "-", series?.at(-1)?.toFixed(3) ?? "-"] : [];
    return [
      name,
      `${steps}`,
      `${tokens}`,
      startSeconds === 0 ? "0 s" : formatSeconds(startSeconds),
      formatSeconds(endSeconds),
      ...curve,
    ];
  });
  return [
    `${metrics.source}: ${headline(metrics)}`,
    "",
    table(["device", "busy", "idle", "peak memory"], devices),
    "",
    table(["job", "steps", "tokens", "start", "end", ...(withLosses ? ["first loss", "last loss"] : [])], jobs),
  ].join("\n");
}
