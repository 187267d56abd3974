import { isSenderHeld, messageDtype } from "../../plan/index.ts";
import { type Channel, createChannel, type Lane } from "./channel.ts";
import type { Connections } from "./connections.ts";
import { createDevice, type DeviceState } from "./device.ts";
import type { RunSetting } from "./live-facts.ts";

/** The stages of all pipelines of a plan and the channels between them, as a run changes them. */
export interface PlanState {
  /** By stage. */
  readonly devices: readonly DeviceState[];
  readonly channels: readonly Channel[];
}

function newLane(): Lane {
  return { busy: false, lastEndNs: 0 };
}

/** Two channels for each link: activations down a pipeline, gradients up. */
function createChannels(setting: RunSetting, connections: Connections): readonly Channel[] {
  const channels: Channel[] = [];
  const lanes = setting.stages.map(() => ({ send: newLane(), receive: newLane() }));
  const deviceOf = (stage: number) => setting.devices[setting.stages[stage]!.device]!;
  const lanesOf = (
    connection: Channel["connection"],
    from: number,
    to: number,
  ): Pick<Channel, "sendLane" | "receiveLane"> => {
    if (connection === null) return { sendLane: lanes[from]!.send, receiveLane: lanes[to]!.receive };
    const own = newLane();
    return { sendLane: own, receiveLane: own };
  };
  for (let stage = 0; stage + 1 < setting.stages.length; stage++) {
    const link = setting.links[stage]!;
    if (link === null) continue;
    const over = (sender: number, receiver: number) => {
      const [from, to] = [deviceOf(sender), deviceOf(receiver)];
      const connection = connections.between(from.machine, to.machine);
      const carrier = connection?.carrier ?? connections.carrierOf(link, [from.name, to.name]);
      const dtype = messageDtype(setting, stage);
      const isHeld = isSenderHeld(setting, stage, stage + 1);
      return { ...carrier, connection, ...lanesOf(connection, sender, receiver), dtype, isSenderHeld: isHeld };
    };
    const near = setting.buffers[stage]!;
    const far = setting.buffers[stage + 1]!;
    const down = { from: stage, to: stage + 1, outBuffers: near.activationOut, inBuffers: far.activationIn };
    const up = { from: stage + 1, to: stage, outBuffers: far.gradientOut, inBuffers: near.gradientIn };
    channels.push(
      createChannel({ ...over(stage, stage + 1), index: channels.length, kind: "activation", ...down }),
      createChannel({ ...over(stage + 1, stage), index: channels.length + 1, kind: "gradient", ...up }),
    );
  }
  return channels;
}

export function createPlanState(setting: RunSetting, connections: Connections): PlanState {
  const channels = createChannels(setting, connections);
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
  return { devices, channels };
}
