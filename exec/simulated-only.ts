import type { PlanBody, ResolvedLink } from "../plan/index.ts";

/** Links of this machine of which nothing was said. */
const UNSAID = ["host", "pcie"];

/**
 * What a plan says and the executor has no use for, as sentences: it decides what was predicted, and nothing of the
 * run.
 */
export function simulatedOnly({
  links,
  stages,
  devices,
}: Pick<PlanBody, "links" | "stages" | "devices">): readonly string[] {
  const machineOf = (stage: number): string => devices[stages[stage]!.device]!.machine;
  // Between machines there is a network, which is what it is.
  const joining = links.filter(
    (link, boundary) => link !== null && machineOf(boundary) === machineOf(boundary + 1),
  ) as readonly ResolvedLink[];
  const described = joining.filter(
    ({ type, shared, duplex, latencySeconds, bandwidthBytesPerSecond }) =>
      shared ||
      duplex !== undefined ||
      latencySeconds > 0 ||
      !UNSAID.includes(type) ||
      (type === "host" && bandwidthBytesPerSecond !== null),
  );
  if (described.length === 0) return [];
  const names = [...new Set(described.map(({ id }) => id))].join(", ");
  return [
    `what the cluster file says of links (${names}) decides predicted times only: messages take the way that this machine has`,
  ];
}
