import type { Architecture } from "../plan/index.ts";

/** Angles a position, [headDim / 2], with the scaling of Hugging Face's config (linear; llama3 by wave length). */
export function ropeFrequencies({ headDim, ropeTheta, ropeScaling }: Architecture): Float32Array {
  return Float32Array.from({ length: headDim / 2 }, (_, i) => {
    const frequency = 1 / ropeTheta ** ((2 * i) / headDim);
    if (ropeScaling === undefined) return frequency;
    if (ropeScaling.type === "linear") return frequency / ropeScaling.factor;
    const { factor, lowFreqFactor, highFreqFactor, originalMaxPositions } = ropeScaling;
    const wavelength = (2 * Math.PI) / frequency;
    if (wavelength < originalMaxPositions / highFreqFactor) return frequency;
    if (wavelength > originalMaxPositions / lowFreqFactor) return frequency / factor;
    const smooth = (originalMaxPositions / wavelength - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
    return ((1 - smooth) * frequency) / factor + smooth * frequency;
  });
}
