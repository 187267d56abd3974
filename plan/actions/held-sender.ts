import type { Messaging } from "./message-bytes.ts";

/** Whether a stage goes on only once what it sends to its neighbour has arrived there. */
export function isSenderHeld({ links }: Pick<Messaging, "links">, from: number, to: number): boolean {
  return links[Math.min(from, to)]?.transfers === "synchronous";
}
