import type { Connection } from "../network/connection.ts";
import type { OnConnection } from "./channel.ts";
import type { MessageSizes } from "./message-sizes.ts";
import type { SharedEnds } from "./shared-ends.ts";

/** What messages that take no stream have in common. */
export interface SmallMessages {
  readonly sizes: MessageSizes;
  readonly shared: SharedEnds;
}

/** Sends some bytes behind what is in front of them on the connection. `arrive`: told when they will be there. */
export function sendSmall(
  connection: Connection<OnConnection>,
  bytes: number,
  nowNs: number,
  { sizes, shared }: SmallMessages,
  arrive: (timeNs: number) => void,
): void {
  const { latencyNs, ownWireNs, sharedLine } = connection.carrier;
  const leave = (leftNs: number): void => arrive(leftNs + latencyNs);
  if (sharedLine !== null) {
    connection.add(leave, bytes, nowNs);
    shared.change(sharedLine);
  } else leave(ownWireNs === null ? nowNs : connection.follow(nowNs, ownWireNs(sizes.numberOf(bytes))));
}
