import type { Architecture, RopeScaling } from "../plan/index.ts";

/** Angles a position for half of the columns that are turned. */
export interface RopeTable {
  readonly frequencies: Float32Array;
  /** Those of sequences of more than `longFrom` rows. */
  readonly long: { readonly frequencies: Float32Array; readonly longFrom: number } | undefined;
  /** What cosines and sines are multiplied by. */
  readonly factor: number;
}

type Yarn = Extract<RopeScaling, { type: "yarn" }>;

/** By index, the share of a frequency that is not divided by the factor. Source: Peng et al. 2023, section 3.2. */
function yarnRamp(
  { originalMaxPositions, betaFast, betaSlow, truncate }: Yarn,
  columns: number,
  theta: number,
): (index: number) => number {
  const place = (rotations: number): number =>
    (columns * Math.log(originalMaxPositions / (rotations * 2 * Math.PI))) / (2 * Math.log(theta));
  const [fast, slow] = [place(betaFast), place(betaSlow)];
  const low = Math.max(truncate ? Math.floor(fast) : fast, 0);
  const most = Math.min(truncate ? Math.ceil(slow) : slow, columns - 1);
  const high = most === low ? most + 0.001 : most;
  return (index) => 1 - Math.min(1, Math.max(0, (index - low) / (high - low)));
}

/** One frequency with the scaling of Hugging Face's configurations. */
function scaledBy(scaling: RopeScaling | undefined, columns: number, theta: number): (f: number, i: number) => number {
  if (scaling === undefined) return (frequency) => frequency;
  switch (scaling.type) {
    case "linear":
      return (frequency) => frequency / scaling.factor;
    case "llama3": {
      const { factor, lowFreqFactor, highFreqFactor, originalMaxPositions } = scaling;
      return (frequency) => {
        const wavelength = (2 * Math.PI) / frequency;
        if (wavelength < originalMaxPositions / highFreqFactor) return frequency;
        if (wavelength > originalMaxPositions / lowFreqFactor) return frequency / factor;
        const smooth = (originalMaxPositions / wavelength - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
        return ((1 - smooth) * frequency) / factor + smooth * frequency;
      };
    }
    case "yarn": {
      const kept = yarnRamp(scaling, columns, theta);
      return (frequency, i) => (frequency / scaling.factor) * (1 - kept(i)) + frequency * kept(i);
    }
    case "longrope":
      return (frequency, i) => frequency / scaling.shortFactors[i]!;
  }
}

/** Of `rope`: the base of layers with a window is their own where the model has one, and is not scaled. */
export function ropeTable(arch: Architecture, rope: "own" | "window"): RopeTable {
  const columns = arch.rotaryDim ?? arch.headDim;
  const theta = rope === "window" ? arch.windowTheta! : arch.ropeTheta;
  const scaling = rope === "window" ? undefined : arch.ropeScaling;
  const plain = Array.from({ length: columns / 2 }, (_, i) => 1 / theta ** ((2 * i) / columns));
  const frequencies = Float32Array.from(plain, scaledBy(scaling, columns, theta));
  if (scaling?.type !== "longrope")
    return { frequencies, long: undefined, factor: scaling?.type === "yarn" ? scaling.attentionFactor : 1 };
  const { longFactors, originalMaxPositions: longFrom, attentionFactor: factor } = scaling;
  const long = Float32Array.from(plain, (frequency, i) => frequency / longFactors[i]!);
  return { frequencies, long: { frequencies: long, longFrom }, factor };
}
