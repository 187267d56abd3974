import type { Architecture, Calibration } from "../plan/index.ts";

/** What predicted times assume, in words: answers that assume other things differ. */
export interface Assumptions {
  /** The model of a device. */
  readonly device: string;
  readonly software: string;
  readonly kernels: string;
}

const share = (value: number): string => `${(100 * value).toFixed(0)} %`;

function launched(seconds: number): string {
  return seconds === 0 ? "launched in no time" : `launched one by one, ${(1e3 * seconds).toPrecision(2)} ms`;
}

/** What times by a calibration assume; of a model with experts how these are chosen and timed, too. */
export function calibrationAssumptions(
  calibration: Calibration,
  architecture?: Pick<Architecture, "experts">,
): Assumptions {
  const own = ofCalibration(calibration);
  const isTimed = calibration.model === "measured" || calibration.model === "constant";
  if (architecture?.experts === undefined || isTimed) return own;
  return { ...own, kernels: `${own.kernels}; experts chosen unevenly, their products as others of as many rows` };
}

function ofCalibration(calibration: Calibration): Assumptions {
  switch (calibration.model) {
    case "layers": {
      const { computeEfficiency, scoreBytes, launchSeconds, source, kernels } = calibration;
      const products =
        kernels === undefined
          ? `products at ${share(computeEfficiency)} of the sheet's peak`
          : `products and attention as kernels of such sizes were timed, at ${share(computeEfficiency)} of their speed in bursts`;
      return {
        device: `layer by layer: ${products}, memory traffic, launches`,
        software: `that of the times it is from (${source}); loratwin's own has not been timed there`,
        kernels: `attention that ${scoreBytes > 0 ? "stores its scores" : "stores no scores"}; ${launched(launchSeconds)} a layer and pass`,
      };
    }
    case "roofline": {
      const { computeEfficiency, memoryEfficiency, launchSeconds } = calibration;
      return {
        device: `operator by operator: ${share(computeEfficiency)} of its peak, ${share(memoryEfficiency)} of its memory's rate`,
        software: "none: nothing was measured",
        kernels: `each as good as the others; ${launched(launchSeconds)} an operator`,
      };
    }
    case "measured":
      return {
        device: `operator by operator, as measured on ${calibration.device.description}`,
        software: `loratwin's executor, on ${calibration.date}`,
        kernels: "loratwin's own",
      };
    case "constant":
      return { device: "fixed times of actions", software: "none", kernels: "none" };
  }
}
