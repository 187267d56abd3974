import type { PlanBody } from "../plan/index.ts";

/** Links of this machine of which nothing was said. */
const UNSAID = ["host", "pcie"];

/**
 * What a plan says and the executor has no use for, as sentences: it decides what was predicted, and nothing of the
 * run.
 */
export function simulatedOnly({ links }: Pick<PlanBody, "links">): readonly string[] {
  const joining = links.filter((link) => link !== null);
  const described = joining.filter(
    ({ type, shared, latencySeconds, bandwidthBytesPerSecond }) =>
      shared || latencySeconds > 0 || !UNSAID.includes(type) || (type === "host" && bandwidthBytesPerSecond !== null),
  );
  if (described.length === 0) return [];
  const names = [...new Set(described.map(({ id }) => id))].join(", ");
  return [
    `what the cluster file says of links (${names}) decides predicted times only: messages take the way that this machine has`,
  ];
}
