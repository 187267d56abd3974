import { type Nanos, secondsToNanos } from "../../core/index.ts";
import type { CostModel, Setting } from "../../plan/index.ts";
import { Wire } from "../network/link.ts";
import { type Channel, createChannel } from "./channel.ts";
import { createDevice, type DeviceState } from "./device.ts";

/** What of a setting the run of a plan in it needs. */
export type RunSetting = Pick<Setting, "devices" | "links" | "stages" | "pipelines" | "buffers" | "model">;

/** The stages of all pipelines of a plan and the channels between them, as a run changes them. */
export interface PlanState {
  /** By stage. */
  readonly devices: readonly DeviceState[];
  readonly channels: readonly Channel[];
  readonly sharedWires: readonly Wire<Channel>[];
}

/** Sizes of messages, numbered, and how long each is on a wire of its own at some rate. */
export class MessageSizes {
  readonly #bytes: number[] = [];
  readonly #numbers = new Map<number, number>();
  readonly #times = new Map<number, number[]>();

  numberOf(bytes: number): number {
    const known = this.#numbers.get(bytes);
    if (known !== undefined) return known;
    this.#numbers.set(bytes, this.#bytes.length);
    this.#bytes.push(bytes);
    return this.#bytes.length - 1;
  }

  bytesOf(size: number): number {
    return this.#bytes[size]!;
  }

  /** Nanoseconds by the number of a size. */
  timesAt(bytesPerSecond: number): (size: number) => number {
    const known = this.#times.get(bytesPerSecond) ?? [];
    this.#times.set(bytesPerSecond, known);
    return (size) => {
      known[size] ??= aloneNs(bytesPerSecond, this.#bytes[size]!);
      return known[size];
    };
  }
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
