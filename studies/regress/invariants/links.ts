import { groupBy } from "../../../core/index.ts";
import type { PlannedAction, PlannedRun } from "./planned-run.ts";

/** A wire, or a port, of which there is one, and the messages over it. */
interface Wire {
  readonly name: string;
  readonly bytesPerSecond: number;
}

/** What a message takes a share of. */
function wiresOf({ document }: PlannedRun, { stage, letter }: PlannedAction): readonly Wire[] {
  const { links, stages, devices } = document.setting;
  const [from, to] = letter === "B" ? [stage, stage - 1] : [stage, stage + 1];
  const link = links[Math.min(from, to)];
  if (link === null || link === undefined || link.bandwidthBytesPerSecond === null) return [];
  const { id, shared, duplex, bandwidthBytesPerSecond: bytesPerSecond } = link;
  if (shared) return [{ name: id, bytesPerSecond }];
  const ends = [from, to].map((each) => devices[stages[each]!.device]!);
  const [sender, receiver] = ends.map(({ name }) => name);
  if (ends[0]!.machine === ends[1]!.machine || duplex === "half")
    return [
      { name: duplex === "half" ? [sender, receiver].sort().join(" ") : `${sender} to ${receiver}`, bytesPerSecond },
    ];
  const fastest = Math.max(
    ...links.map((each) => (each?.type === link.type ? (each.bandwidthBytesPerSecond ?? 0) : 0)),
  );
  return [`from ${ends[0]!.machine}`, `to ${ends[1]!.machine}`].map((name) => ({ name, bytesPerSecond: fastest }));
}

/** Messages that are looked at behind each; a rush is short. */
const LOOKED_AT = 400;

/** Wires over which more goes in some time than they carry: of messages that lie in it whole, however fast each is. */
export function overfullLinks(planned: PlannedRun): readonly string[] {
  const over = planned.transfers.flatMap((transfer) => wiresOf(planned, transfer).map((wire) => ({ wire, transfer })));
  for (const own of groupBy(over, ({ wire }) => wire.name).values()) {
    const { name, bytesPerSecond } = own[0]!.wire;
    const messages = own.map(({ transfer }) => transfer).sort((a, b) => a.endNs - b.endNs);
    for (let at = 0; at < messages.length; at += 1) {
      const { startNs } = messages[at]!;
      let bytes = 0;
      for (let other = at; other < Math.min(messages.length, at + LOOKED_AT); other += 1) {
        const message = messages[other]!;
        if (message.startNs < startNs) continue;
        bytes += message.bytes;
        // Ends are whole nanoseconds.
        const room = ((message.endNs - startNs + 2 * (other - at + 1)) * bytesPerSecond) / 1e9;
        if (bytes > room * (1 + 1e-9))
          return [
            `${name} carries ${bytes} bytes from ${messages[at]!.name} to ${message.name}, in time for ${Math.floor(room)}`,
          ];
      }
    }
  }
  return [];
}
