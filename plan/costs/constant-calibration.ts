import type { ConstantCalibration } from "../documents/calibration.ts";

interface ConstantSeconds extends Partial<ConstantCalibration["seconds"]> {
  /** Tokens of the micro-batch that F and B are of; absent: of any. */
  readonly perTokens?: number;
}

/**
 * A calibration where every forward takes the same time, and so on: a forward 1 s, a backward two forwards and nothing
 * else, unless `seconds` says so. For abstract devices, and to order actions by where nothing has been measured.
 */
export function constantCalibration({ perTokens, ...seconds }: ConstantSeconds = {}): ConstantCalibration {
  return {
    kind: "calibration",
    version: 1,
    model: "constant",
    seconds: { F: 1, B: 2, transfer: 0, update: 0, ...seconds },
    ...(perTokens === undefined ? {} : { perTokens }),
  };
}
