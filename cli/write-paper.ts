import { VERSION, writeOutput } from "../files/index.ts";
import { type PaperPageData, renderPaper } from "../reports/index.ts";
import type { PaperTable, Variation } from "../studies/index.ts";
import { today } from "../workbench/index.ts";
import type { Io } from "./io.ts";
import { pageAssets } from "./write-report.ts";

const NUM_DEVICES = 4;

function pageData(
  { calibration, rows, scores, orderings }: PaperTable,
  variations: readonly Variation[],
): PaperPageData {
  const capacity = calibration.figures.find(({ name }) => name === "memoryBytes");
  return {
    title: "The paper\u2019s evaluation, published and predicted",
    date: today(),
    version: VERSION,
    device: calibration.device,
    numDevices: NUM_DEVICES,
    capacityBytes: capacity?.value ?? 0,
    calibrationCells: calibration.cells,
    figures: calibration.figures,
    rows: rows.map(({ cell, published, predicted, error, peakBytes, use, note }) => {
      const { figure, model, system, adapters, quantity } = cell;
      return { figure, model, system, adapters, unit: quantity, published, predicted, error, peakBytes, use, note };
    }),
    scores: scores.map(({ of, rows: count, mean, worst }) => ({ of, rows: count, mean, worst })),
    orderings,
    variations: variations.map(({ figure, factor, pipelines, tensorParallel }) => ({
      figure,
      factor,
      pipelines: { mean: pipelines.mean, worst: pipelines.worst },
      tensorParallel: { mean: tensorParallel.mean, worst: tensorParallel.worst },
    })),
  };
}

/** Asks for what a page needs before much is computed for it. @throws DeviceError before a build. */
export function requirePaperPage(): void {
  pageAssets("paper");
}

/** The evaluation as one self-contained page. */
export function writePaper(io: Io, file: string, table: PaperTable, variations: readonly Variation[]): void {
  writeOutput(io, file, renderPaper(pageData(table, variations), pageAssets("paper")));
}
