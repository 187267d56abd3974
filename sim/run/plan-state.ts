import { secondsToNanos } from "../../core/index.ts";
import type { CostModel } from "../../plan/index.ts";
import { Wire } from "../network/link.ts";
import { type Channel, createChannel } from "./channel.ts";
import { createDevice, type DeviceState } from "./device.ts";
import type { RunSetting } from "./live-facts.ts";
import type { MessageSizes } from "./message-sizes.ts";

/** The stages of all pipelines of a plan and the channels between them, as a run changes them. */
export interface PlanState {
  /** By stage. */
  readonly devices: readonly DeviceState[];
  readonly channels: readonly Channel[];
  readonly sharedWires: readonly Wire<Channel>[];
}

/**
 * Two channels for each link: activations down a pipeline, gradients up. Each has a wire of its own unless the link is
 * shared.
 */
function createChannels(
  setting: RunSetting,
  links: Pick<CostModel, "linkCost">,
  sizes: MessageSizes,
): readonly Channel[] {
  const sharedWires = new Map<string, Wire<Channel>>();
  const channels: Channel[] = [];
  for (let stage = 0; stage + 1 < setting.stages.length; stage++) {
    const link = setting.links[stage]!;
    if (link === null) continue;
    const { latencySeconds, bytesPerSecond } = links.linkCost(link);
    let sharedWire: Wire<Channel> | null = null;
    if (bytesPerSecond !== null && link.shared) {
      sharedWire = sharedWires.get(link.id) ?? new Wire<Channel>(bytesPerSecond);
      sharedWires.set(link.id, sharedWire);
    }
    const common = {
      latencyNs: secondsToNanos(latencySeconds),
      ownWireNs: bytesPerSecond === null || link.shared ? null : sizes.timesAt(bytesPerSecond),
      sharedWire,
    };
    const near = setting.buffers[stage]!;
    const far = setting.buffers[stage + 1]!;
    const down = { from: stage, to: stage + 1, outBuffers: near.activationOut, inBuffers: far.activationIn };
    const up = { from: stage + 1, to: stage, outBuffers: far.gradientOut, inBuffers: near.gradientIn };
    channels.push(
      createChannel({ ...common, index: channels.length, kind: "activation", ...down }),
      createChannel({ ...common, index: channels.length + 1, kind: "gradient", ...up }),
    );
  }
  return channels;
}

export function createPlanState(
  setting: RunSetting,
  links: Pick<CostModel, "linkCost">,
  sizes: MessageSizes,
): PlanState {
  const channels = createChannels(setting, links, sizes);
  const downs: Channel[] = [];
  const ups: Channel[] = [];
  for (const channel of channels) {
    if (channel.kind === "activation") downs[channel.from] = channel;
    else ups[channel.to] = channel;
  }
  const down = (from: number): Channel | null => downs[from] ?? null;
  const up = (to: number): Channel | null => ups[to] ?? null;
  const devices = setting.stages.map((_, stage) =>
    createDevice({
      stage,
      activationIn: down(stage - 1),
      activationOut: down(stage),
      gradientIn: up(stage),
      gradientOut: up(stage - 1),
    }),
  );
  const sharedWires = [...new Set(channels.flatMap(({ sharedWire }) => (sharedWire === null ? [] : [sharedWire])))];
  return { devices, channels, sharedWires };
}
