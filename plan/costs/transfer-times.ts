import type { LinkCost } from "./cost-model.ts";

/** Of a message in whole nanoseconds from its departure: when it arrives, and how long it occupies the link. */
export interface TransferTimes {
  readonly arrival: number;
  readonly occupied: number;
}

export function transferTimes({ latencySeconds, bytesPerSecond }: LinkCost, bytes: number): TransferTimes {
  const occupied = bytesPerSecond === null ? 0 : bytes / bytesPerSecond;
  return { arrival: Math.round((latencySeconds + occupied) * 1e9), occupied: Math.round(occupied * 1e9) };
}
