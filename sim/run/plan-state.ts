import { type Nanos, secondsToNanos } from "../../core/index.ts";
import { type CostModel, messageBytes, type PlanBody } from "../../plan/index.ts";
import { Wire } from "../network/link.ts";
import { type Channel, createChannel } from "./channel.ts";
import { type ComputeStream, createComputeStream, createDevice, type DeviceState } from "./device.ts";
import { type StageOrder, stageOrders } from "./stage-orders.ts";

/** The stages of all pipelines of a plan and the channels between them, as a run changes them. */
export interface PlanState {
  /** By stage. */
  readonly devices: readonly DeviceState[];
  readonly channels: readonly Channel[];
  readonly sharedWires: readonly Wire<Channel>[];
  /** Bytes of a micro-batch's message. */
  readonly bytesOf: readonly number[];
}

/** How long one message takes on an idle wire: what a Wire says of it, so that both round alike. */
function aloneNs(bytesPerSecond: number, bytes: number): number {
  const wire = new Wire<null>(bytesPerSecond);
  wire.start(null, bytes, 0 as Nanos);
  for (;;) {
    const endNs = wire.nextEndNs()!;
    if (wire.takeEnded(endNs).length > 0) return endNs;
  }
}

/** Times of messages on wires of their own, each size at each rate worked out once. */
function wireTimes(bytesOf: readonly number[]): (bytesPerSecond: number) => (microBatch: number) => number {
  const sizes = [...new Set(bytesOf)];
  const ids = new Map(sizes.map((bytes, id) => [bytes, id]));
  const sizeOf = Uint32Array.from(bytesOf, (bytes) => ids.get(bytes)!);
  const byRate = new Map<number, (microBatch: number) => number>();
  return (bytesPerSecond) => {
    const existing = byRate.get(bytesPerSecond);
    if (existing !== undefined) return existing;
    const known = new Float64Array(sizes.length).fill(-1);
    const timeOf = (microBatch: number): number => {
      const size = sizeOf[microBatch]!;
      const found = known[size]!;
      if (found >= 0) return found;
      const time = aloneNs(bytesPerSecond, sizes[size]!);
      known[size] = time;
      return time;
    };
    byRate.set(bytesPerSecond, timeOf);
    return timeOf;
  };
}

/**
 * Two channels for each link: activations down a pipeline, gradients up. Each has a wire of its own unless the link is
 * shared.
 */
function createChannels(
  plan: PlanBody,
  orders: readonly StageOrder[],
  computes: readonly ComputeStream[],
  links: Pick<CostModel, "linkCost">,
  bytesOf: readonly number[],
): readonly Channel[] {
  const sharedWires = new Map<string, Wire<Channel>>();
  const timesAt = wireTimes(bytesOf);
  const channels: Channel[] = [];
  for (let stage = 0; stage + 1 < plan.stages.length; stage++) {
    const link = plan.links[stage]!;
    if (link === null) continue;
    const { latencySeconds, bytesPerSecond } = links.linkCost(link);
    let sharedWire: Wire<Channel> | null = null;
    if (bytesPerSecond !== null && link.shared) {
      sharedWire = sharedWires.get(link.id) ?? new Wire<Channel>(bytesPerSecond);
      sharedWires.set(link.id, sharedWire);
    }
    const common = {
      latencyNs: secondsToNanos(latencySeconds),
      ownWireNs: bytesPerSecond === null || link.shared ? null : timesAt(bytesPerSecond),
      sharedWire,
    };
    const near = plan.buffers[stage]!;
    const far = plan.buffers[stage + 1]!;
    channels.push(
      createChannel({
        ...common,
        index: channels.length,
        kind: "activation",
        from: stage,
        to: stage + 1,
        order: orders[stage]!,
        endsNs: computes[stage]!.endNs,
        outBuffers: near.activationOut,
        inBuffers: far.activationIn,
      }),
      createChannel({
        ...common,
        index: channels.length + 1,
        kind: "gradient",
        from: stage + 1,
        to: stage,
        order: orders[stage + 1]!,
        endsNs: computes[stage + 1]!.endNs,
        outBuffers: far.gradientOut,
        inBuffers: near.gradientIn,
      }),
    );
  }
  return channels;
}

export function createPlanState(plan: PlanBody, links: Pick<CostModel, "linkCost">): PlanState {
  const orders = stageOrders(plan);
  const bytesOf = messageBytes(plan);
  const computes = orders.map(({ letters }) => createComputeStream(letters.length));
  const channels = createChannels(plan, orders, computes, links, bytesOf);
  const downs: Channel[] = [];
  const ups: Channel[] = [];
  for (const channel of channels) {
    if (channel.kind === "activation") downs[channel.from] = channel;
    else ups[channel.to] = channel;
  }
  const down = (from: number): Channel | null => downs[from] ?? null;
  const up = (to: number): Channel | null => ups[to] ?? null;
  const devices = orders.map((order, stage) =>
    createDevice({
      stage,
      order,
      compute: computes[stage]!,
      activationIn: down(stage - 1),
      activationOut: down(stage),
      gradientIn: up(stage),
      gradientOut: up(stage - 1),
    }),
  );
  const sharedWires = [...new Set(channels.flatMap(({ sharedWire }) => (sharedWire === null ? [] : [sharedWire])))];
  return { devices, channels, sharedWires, bytesOf };
}
