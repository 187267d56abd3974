import { expect, it } from "vitest";
import { constantCalibrationSchema } from "../../plan/documents/calibration.ts";
import { constantCalibration } from "../../plan/index.ts";

it("has a backward that takes two forwards, and nothing else that takes time, unless told", () => {
  expect(constantCalibration().seconds).toEqual({ F: 1, B: 2, transfer: 0, update: 0 });
  expect(constantCalibration({ F: 3, update: 0.5 }).seconds).toEqual({ F: 3, B: 2, transfer: 0, update: 0.5 });
  expect(constantCalibration()).not.toHaveProperty("perTokens");
});

it("is a calibration document as it stands", () => {
  const calibration = constantCalibration({ transfer: 0.25, perTokens: 16 });
  expect(constantCalibrationSchema.parse(calibration)).toEqual(calibration);
});
