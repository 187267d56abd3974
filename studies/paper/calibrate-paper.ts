import { fitParameters } from "../../calibration/index.ts";
import type { Catalog } from "../../plan/index.ts";
import type { PaperPlatform } from "./paper-request.ts";
import { predictCell } from "./predict-cell.ts";
import { cellName, PUBLISHED, type PublishedCell, publishedStepSeconds } from "./published.ts";

/** A number that a platform needs and where it is from. */
export interface PlatformFigure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly origin: "given" | "assumed" | "calibrated";
  readonly source: string;
}

export interface CalibratedPlatform {
  readonly device: string;
  readonly platform: PaperPlatform;
  readonly figures: readonly PlatformFigure[];
  /** The cells that calibrated it, by name. */
  readonly cells: readonly string[];
}

const DEVICE = "RTX A6000";

/** Transferred or chosen before anything was fitted here; what varying them does is in `vary`. */
const ASSUMED = {
  activationBytes: {
    value: 33,
    unit: "B",
    source: "half-precision LoRA layers on an H100 move 16.5; fp32 has twice the bytes",
  },
  scoreBytes: {
    value: 28,
    unit: "B",
    source: "half-precision attention on A100s moves about 14; fp32 has twice the bytes",
  },
  headBytes: { value: 58, unit: "B", source: "embedding and head on an H100; the loss is in fp32 in both" },
  hopBytesPerSecond: {
    value: 1e9,
    unit: "B/s",
    source:
      "messages go through host memory and a CPU's remote calls in the paper's code; between 0.5 and 2 GB/s it decides whether the worst pipeline cell is 3 or 5 % off",
  },
  ringBytesPerSecond: {
    value: 15.75e9,
    unit: "B/s",
    source: "half of PCIe 4.0 x16: without peer access a ring crosses host memory",
  },
  contextBytes: { value: 0.6e9, unit: "B", source: "CUDA context and libraries of one process" },
  allocatorFactor: { value: 1.115, unit: "", source: "reserved over allocated memory of full training on GH200" },
} as const;

const GIVEN_UNITS = { flopsPerSecond: "FLOP/s", bytesPerSecond: "B/s", memoryBytes: "B" } as const;
const START = { computeEfficiency: 0.5, launchSeconds: 2e-3, hopSeconds: 0.03 };
type Calibrated = Readonly<Record<keyof typeof START, number>>;

/** The cells that three parameters are taken from. */
function isCalibration({ figure, model, system, adapters }: PublishedCell): boolean {
  if (figure !== "7" || system !== "lorapp") return false;
  return model === "llama-2-7b" ? adapters === 1 || adapters === 4 : model === "tinyllama-1.1b" && adapters === 4;
}

export function calibrationCells(): readonly PublishedCell[] {
  return PUBLISHED.filter(isCalibration);
}

export type AssumedFigure = keyof typeof ASSUMED;
export const ASSUMED_FIGURES = Object.keys(ASSUMED) as readonly AssumedFigure[];

function assumedWith(factors: Readonly<Partial<Record<AssumedFigure, number>>>): (name: AssumedFigure) => number {
  return (name) => ASSUMED[name].value * (factors[name] ?? 1);
}

/** What is known of the GPU. */
function givenBy({ devices }: Pick<Catalog, "devices">) {
  const entry = devices[DEVICE]!;
  return {
    flopsPerSecond: entry.float32FlopsPerSecond!,
    bytesPerSecond: entry.memoryBytesPerSecond!,
    memoryBytes: entry.memoryBytes!,
  };
}

function platformOf(
  given: ReturnType<typeof givenBy>,
  assumed: (name: AssumedFigure) => number,
  { computeEfficiency, launchSeconds, hopSeconds }: Calibrated,
): PaperPlatform {
  return {
    device: {
      name: "gpu",
      machine: "local",
      kind: "cuda",
      type: DEVICE,
      threads: 1,
      memoryBytes: given.memoryBytes.value,
      peakFlopsPerSecond: { float32: given.flopsPerSecond.value },
      memoryBytesPerSecond: given.bytesPerSecond.value,
    },
    calibration: {
      kind: "calibration",
      version: 1,
      model: "layers",
      source: "the paper's calibration cells",
      computeEfficiency,
      launchSeconds,
      activationBytes: assumed("activationBytes"),
      scoreBytes: assumed("scoreBytes"),
      headBytes: assumed("headBytes"),
      transferEfficiency: 1,
      transferLatencySeconds: 0,
      meanError: 0,
    },
    hopSeconds,
    hopBytesPerSecond: assumed("hopBytesPerSecond"),
    ringBytesPerSecond: assumed("ringBytesPerSecond"),
    program: {
      contextBytes: assumed("contextBytes"),
      allocatorFactor: assumed("allocatorFactor"),
      eager: "float32",
    },
  };
}

/** What `calibratePaper` finds, for those who cannot wait for it. */
export const FOUND: Calibrated = {
  computeEfficiency: 0.5491246505283668,
  launchSeconds: 0.001893965656587428,
  hopSeconds: 0.02747201455397042,
};

/** Mean error of LoRAPP and 1F1B on the cells of Fig. 7 that did not calibrate it. */
export const FOUND_ERROR = 0.0084;

/** The platform with the parameters that were found. */
export function foundPlatform(catalog: Pick<Catalog, "devices">): PaperPlatform {
  return platformOf(givenBy(catalog), assumedWith({}), FOUND);
}

/**
 * The platform with four GPUs: figures of the catalog, assumed ones, and three parameters from three cells. `factors`
 * multiply assumed figures, to see what they decide.
 */
export function calibratePaper(
  catalog: Pick<Catalog, "devices">,
  factors: Readonly<Partial<Record<AssumedFigure, number>>> = {},
): CalibratedPlatform {
  const given = givenBy(catalog);
  const platformWith = (found: Calibrated): PaperPlatform => platformOf(given, assumedWith(factors), found);
  const cells = calibrationCells();
  const fitted = fitParameters({
    start: START,
    residuals: (found) => {
      const platform = platformWith(found);
      return cells.map((cell) => Math.log(predictCell(platform, cell).stepSeconds / publishedStepSeconds(cell)!));
    },
  });
  const units: Readonly<Record<keyof Calibrated, string>> = {
    computeEfficiency: "of the peak",
    launchSeconds: "s a pass over a layer",
    hopSeconds: "s a message",
  };
  return {
    device: DEVICE,
    platform: platformWith(fitted),
    cells: cells.map(cellName),
    figures: [
      ...Object.entries(given).map(
        ([name, { value, source }]): PlatformFigure => ({
          name,
          value,
          unit: GIVEN_UNITS[name as keyof typeof given],
          origin: "given",
          source,
        }),
      ),
      ...Object.entries(ASSUMED).map(([name, figure]): PlatformFigure => ({ name, ...figure, origin: "assumed" })),
      ...(Object.keys(START) as (keyof Calibrated)[]).map(
        (name): PlatformFigure => ({
          name,
          value: fitted[name],
          unit: units[name],
          origin: "calibrated",
          source: "the calibration cells",
        }),
      ),
    ],
  };
}

/** The same GPU with an 8-bit base and recomputed layers: its products run at another rate, taken from one cell. */
export function calibrateEightBit({ platform }: CalibratedPlatform, cell: PublishedCell): PaperPlatform {
  const withRate = (computeEfficiency: number): PaperPlatform => ({
    ...platform,
    calibration: { ...platform.calibration, computeEfficiency },
  });
  const fitted = fitParameters({
    start: { computeEfficiency: platform.calibration.computeEfficiency },
    residuals: (found) => [
      Math.log(predictCell(withRate(found.computeEfficiency), cell).stepSeconds / publishedStepSeconds(cell)!),
    ],
  });
  return withRate(fitted.computeEfficiency);
}
