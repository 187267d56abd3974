import { secondsToNanos } from "../core/index.ts";
import type { CostModel, PlanBody } from "../plan/index.ts";
import { type Channel, createChannel } from "./channel.ts";
import { createDevice, type DeviceState } from "./device.ts";
import { Wire } from "./link.ts";
import { MemoryMeter } from "./memory-meter.ts";
import { peakInFlight, type StageOrder, stageOrders } from "./stage-orders.ts";

export interface Pipeline {
  /** By stage. */
  readonly devices: readonly DeviceState[];
  readonly channels: readonly Channel[];
}

/** Two channels for each link: activations down the pipeline, gradients up. Each has a wire of its own unless the link is shared. */
function createChannels(
  plan: PlanBody,
  orders: readonly StageOrder[],
  links: Pick<CostModel, "linkCost">,
): readonly Channel[] {
  const sharedWires = new Map<string, Wire<Channel>>();
  const channels: Channel[] = [];
  for (let stage = 0; stage + 1 < plan.stages.length; stage++) {
    const link = plan.links[stage]!;
    const { latencySeconds, bytesPerSecond } = links.linkCost(link);
    const wire = (): Wire<Channel> | null => {
      if (bytesPerSecond === null) return null;
      if (!link.shared) return new Wire(bytesPerSecond);
      const existing = sharedWires.get(link.id) ?? new Wire<Channel>(bytesPerSecond);
      sharedWires.set(link.id, existing);
      return existing;
    };
    const latencyNs = secondsToNanos(latencySeconds);
    const near = plan.buffers[stage]!;
    const far = plan.buffers[stage + 1]!;
    const down = {
      index: channels.length,
      kind: "activation",
      from: stage,
      to: stage + 1,
      order: orders[stage]!,
    } as const;
    const up = {
      index: channels.length + 1,
      kind: "gradient",
      from: stage + 1,
      to: stage,
      order: orders[stage + 1]!,
    } as const;
    channels.push(
      createChannel({ ...down, latencyNs, wire: wire(), outBuffers: near.activationOut, inBuffers: far.activationIn }),
      createChannel({ ...up, latencyNs, wire: wire(), outBuffers: far.gradientOut, inBuffers: near.gradientIn }),
    );
  }
  return channels;
}

export function createPipeline(plan: PlanBody, links: Pick<CostModel, "linkCost">): Pipeline {
  const orders = stageOrders(plan);
  const channels = createChannels(plan, orders, links);
  const down = (from: number): Channel | null => channels[2 * from] ?? null;
  const up = (to: number): Channel | null => channels[2 * to + 1] ?? null;
  const devices = orders.map((order, stage) =>
    createDevice({
      stage,
      order,
      memory: new MemoryMeter(plan.stages[stage]!.device, plan.memory[stage]!, peakInFlight(order.letters)),
      activationIn: down(stage - 1),
      activationOut: down(stage),
      gradientIn: up(stage),
      gradientOut: up(stage - 1),
    }),
  );
  return { devices, channels };
}
