import type { CatalogDevice } from "../documents/catalog.ts";

type Kernels = NonNullable<CatalogDevice["kernels"]>;

/**
 * Attribution: kernel times from aiconfigurator-core 0.12.0, Copyright (c) 2025-2026 NVIDIA CORPORATION & AFFILIATES,
 * Apache-2.0; thinned, and fitted by us (`loratwin calibrate --from`). Products of m >= 256 and attention of 512 tokens and
 * more count for the errors, whole shapes left out; attention is the median of the libraries that were timed.
 */
const TIMED = {
  source: "kernel times of aiconfigurator-core 0.12.0 (NVIDIA, Apache-2.0), fitted by us",
  date: "2026-11",
} as const;

type Errors = readonly [times: number, medianError: number, p90Error: number];
type ProductNumbers = readonly [share: number, square: number, memory: number, seconds: number, powerLoss: number];

function products([times, medianError, p90Error]: Errors, numbers: ProductNumbers): Kernels["products"] {
  const [computeShare, squareTile, memoryShare, seconds, powerLoss] = numbers;
  return {
    ...{ computeShare, squareTile, memoryShare, seconds, powerLoss },
    ...{ times, medianError, p90Error, ...TIMED },
  };
}

type AttentionNumbers = readonly [
  ...shares: readonly [narrow: number, middle: number, wide: number],
  halfSpeedTokens: number,
  emptyWave: number,
  seconds: number,
];

function attention([times, medianError, p90Error]: Errors, numbers: AttentionNumbers): Kernels["attention"] {
  const [narrow, middle, wide, halfSpeedTokens, emptyWave, seconds] = numbers;
  return {
    computeShares: { "64": narrow, "128": middle, "256": wide },
    ...{ halfSpeedTokens, emptyWave, seconds, times, medianError, p90Error, ...TIMED },
  };
}

type LowLatency = readonly [seconds: number, roundSeconds: number, bytesPerSecond: number];
type HighBandwidth = readonly [seconds: number, bytesPerSecond: number];

function collectives(
  [times, medianError, p90Error]: Errors,
  [seconds, roundSeconds, bytesPerSecond]: LowLatency,
  [ringSeconds, ringRate]: HighBandwidth,
): Kernels["collectives"] {
  return {
    lowLatency: { seconds, roundSeconds, bytesPerSecond },
    highBandwidth: { seconds: ringSeconds, bytesPerSecond: ringRate },
    ...{ times, medianError, p90Error, ...TIMED },
  };
}

/** Kernels of the GPUs whose times are public. Heads of 64 and 256 features were not timed on the A100: as on the L40S. */
export const KERNELS = {
  "A100 SXM 80": {
    products: products([5257, 0.057, 0.175], [0.773, 1.03, 0.742, 4.99e-6, 0]),
    attention: attention([1146, 0.043, 0.192], [0.443, 0.585, 0.497, 513, 0.791, 8.71e-6]),
    collectives: collectives([168, 0.079, 0.199], [9.71e-6, 7.97e-7, 54.5e9], [31.6e-6, 178e9]),
  },
  "H100 SXM": {
    products: products([5100, 0.045, 0.134], [0.781, 1.04, 0.824, 3.16e-6, 0.128]),
    attention: attention([4078, 0.083, 0.236], [0.455, 0.677, 0.703, 1130, 0.149, 14.4e-6]),
    collectives: collectives([168, 0.073, 0.229], [5.4e-6, 7.45e-7, 113e9], [18.9e-6, 292e9]),
  },
  "H200 SXM": {
    products: products([5100, 0.05, 0.146], [0.778, 1.04, 0.818, 3.25e-6, 0.18]),
    attention: attention([4078, 0.087, 0.21], [0.447, 0.668, 0.698, 1070, 0.143, 14.4e-6]),
    collectives: collectives([168, 0.081, 0.244], [5.11e-6, 8.51e-7, 115e9], [19.5e-6, 301e9]),
  },
  "B200 SXM": {
    products: products([5100, 0.056, 0.172], [0.724, 0.931, 0.755, 2.77e-6, 0.128]),
    attention: attention([4078, 0.096, 0.253], [0.325, 0.557, 0.644, 1330, 0.541, 11.9e-6]),
    collectives: collectives([168, 0.088, 0.314], [7.95e-6, 1.22e-6, 192e9], [27e-6, 524e9]),
  },
  GB200: {
    products: products([5100, 0.058, 0.166], [0.709, 0.936, 0.74, 2.67e-6, 0.18]),
    attention: attention([4078, 0.096, 0.257], [0.308, 0.537, 0.613, 1350, 0.48, 13e-6]),
    collectives: collectives([84, 0.051, 0.22], [9.13e-6, 7.81e-7, 180e9], [20.4e-6, 449e9]),
  },
  L40S: {
    products: products([5100, 0.071, 0.198], [0.635, 0.942, 0.831, 1.56e-6, 0.255]),
    attention: attention([4078, 0.081, 0.267], [0.415, 0.549, 0.466, 573, 0.0501, 7.31e-6]),
  },
} as const satisfies Readonly<Record<string, Kernels>>;
