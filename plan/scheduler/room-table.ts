import { formatBytes, textTable } from "../../core/index.ts";
import type { PlannedJob } from "../documents/segment.ts";
import type { Setting } from "../documents/setting.ts";
import { adapterBytesOn, roomForAdapters } from "../growth/adapter-shares.ts";

/** What a job takes of each device while it trains (adapter, gradients and moments), beside the room for that. */
export function roomTable(setting: Setting, job: PlannedJob): string {
  const rows = setting.stages.map(({ device }, stage) => {
    const [bytes, room] = [adapterBytesOn(setting, stage, job), roomForAdapters(setting, stage)];
    return [
      setting.devices[device]!.name,
      formatBytes(bytes),
      formatBytes(room),
      bytes > room ? `${formatBytes(bytes - room)} too much` : "fits",
    ];
  });
  return textTable([["device", job.name, "room", ""], ...rows]).join("\n");
}
