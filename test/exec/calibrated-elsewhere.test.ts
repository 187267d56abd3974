import { expect, test } from "vitest";
import { calibratedElsewhere, nativeInfo } from "../../exec/index.ts";
import { constantCalibration } from "../../plan/index.ts";
import { measuredUnit } from "../calibration/measured-unit.ts";

test("a calibration of another instruction set is told, one of this machine's or of nobody's is not", () => {
  const calibration = measuredUnit();
  const of = (isa: string) => ({ calibration: { ...calibration, device: { ...calibration.device, isa } } });
  const { isa } = nativeInfo();
  expect(calibratedElsewhere({ calibration: constantCalibration() })).toEqual([]);
  expect(calibratedElsewhere({ calibration })).toEqual([]);
  expect(calibratedElsewhere(of(isa))).toEqual([]);
  expect(calibratedElsewhere(of("another"))).toEqual([
    `times were calibrated with another and this machine has ${isa}: they may be others here`,
  ]);
});
