import type { ResolvedDevice, ResolvedLink } from "../documents/cluster.ts";
import type { CostModel } from "./cost-model.ts";

/** What a stage tells the others of a job's gradient norm: its own sum of squares, as a float64. */
export const NORM_BYTES = 8;

/** The link that joins the machines of a pipeline; undefined where it lies in one. `links[s]` is behind stage s. */
export function networkOf(
  machines: readonly string[],
  links: readonly (ResolvedLink | null)[],
): ResolvedLink | undefined {
  const boundary = machines.findIndex((machine, stage) => stage > 0 && machine !== machines[stage - 1]) - 1;
  return boundary < 0 ? undefined : (links[boundary] ?? undefined);
}

/**
 * By stage of a pipeline, how many nanoseconds after the end of a mini-batch's last backward on the first stage the
 * gradient norms over all stages are whole there: a message's latency on other machines, nothing on the first stage's.
 * The bytes are few enough to take no time in a planner's eyes.
 */
export function normSignals(
  devices: readonly Pick<ResolvedDevice, "machine">[],
  links: readonly (ResolvedLink | null)[],
  costs: Pick<CostModel, "linkCost">,
): readonly number[] {
  const machines = devices.map(({ machine }) => machine);
  const network = networkOf(machines, links);
  const latencyNs = network === undefined ? 0 : Math.round(costs.linkCost(network).latencySeconds * 1e9);
  return machines.map((machine) => (machine === machines[0] ? 0 : latencyNs));
}
