import type { DeviceOptions } from "../../native/index.ts";
import type { Setting } from "../../plan/index.ts";
import { assignRankDevices } from "../assign-devices.ts";
import { type ProductMeasurement, withProducts } from "../products.ts";

/** By stage, what the stages of a rank run on; undefined for those of others. @throws DeviceError, InputError */
export function rankDevices(
  setting: Setting,
  rank: number,
  measureProducts: ProductMeasurement | undefined,
): readonly (DeviceOptions | undefined)[] {
  return assignRankDevices(setting, rank).map((options) =>
    options === undefined ? undefined : withProducts([options], setting, measureProducts)[0],
  );
}
