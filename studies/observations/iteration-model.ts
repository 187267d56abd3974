import {
  type DevicePeaks,
  deviceSeconds,
  gptDimensions,
  type LayerEfficiency,
  type LayerPass,
  layerWork,
} from "../../plan/index.ts";

/** One iteration of full GPT training in half precision with full recomputation, split three ways in one machine. */
export interface Iteration {
  readonly globalBatch: number;
  /** Sequences. */
  readonly microBatch: number;
  readonly hiddenSize: number;
  readonly heads: number;
  readonly layers: number;
  readonly sequenceLength: number;
  readonly tensorParallel: number;
  readonly dataParallel: number;
  readonly pipelineParallel: number;
  readonly seconds: number;
}

/** What is the same for all rows and is not fitted. */
export interface IterationSetting {
  readonly peaks: DevicePeaks;
  readonly vocabularySize: number;
  /** Between neighbouring stages. */
  readonly transferBytesPerSecond: number;
  /**
   * Of the ring that adds gradients: one device's rate to its neighbours. It hides in the noise of the rows, so it is
   * given.
   */
  readonly dataBytesPerSecond: number;
  readonly devicesPerMachine: number;
  /** Of a whole machine to the network; only rows with more than one machine use it. */
  readonly networkBytesPerSecond: number;
}

/** The passes of a layer in a step: the backward computes the layer again. */
const PASSES: readonly LayerPass[] = ["F", "recomputed", "I", "W"];
const HALF = 2;
/**
 * All-reduces of a layer's activations over tensor-parallel ranks: two in each of forward, recomputation and backward
 * (Shoeybi et al. 2019).
 */
const TENSOR_REDUCES = 6;

export type IterationParameter =
  | `launchSeconds${number}`
  | "computeEfficiency"
  | "scoreBytes"
  | "overlap"
  | "headBytes"
  | "tensorBytesPerSecond"
  | "updateBytes";

export type IterationParameters = Readonly<Record<IterationParameter, number>>;

/** Seconds by kind of cell: a layer of one micro-batch, forward and backward; embedding and head of one micro-batch. */
export interface CellSeconds {
  readonly layer: number;
  readonly head: number;
}

/**
 * The floor under a layer's time has to be measured for each degree of tensor parallelism: it grows with the
 * collectives launched.
 */
export function launchName(tensorParallel: number): `launchSeconds${number}` {
  return `launchSeconds${tensorParallel}`;
}

/** Degrees of tensor parallelism inside one machine. */
const DEGREES = [1, 2, 4, 8, 16];

/** The floor of this degree, or of the nearest degree that was fitted. */
function launchSeconds(tensorParallel: number, p: Partial<IterationParameters>): number {
  const own = p[launchName(tensorParallel)];
  if (own !== undefined) return own;
  const distance = (degree: number): number => Math.abs(Math.log2(degree / tensorParallel));
  const nearest = DEGREES.filter((degree) => p[launchName(degree)] !== undefined).reduce((a, b) =>
    distance(b) < distance(a) ? b : a,
  );
  return p[launchName(nearest)]!;
}

export function smoothCell(row: Iteration, setting: IterationSetting, p: IterationParameters): CellSeconds {
  const { peaks, vocabularySize } = setting;
  const t = row.tensorParallel;
  const tokens = row.microBatch * row.sequenceLength;
  const efficiency: LayerEfficiency = {
    computeEfficiency: p.computeEfficiency,
    activationBytes: 0,
    scoreBytes: p.scoreBytes,
    launchSeconds: launchSeconds(t, p),
  };
  const shape = { tokens, sequenceLength: row.sequenceLength, tensorParallel: t };
  const reduced = (2 * (t - 1)) / t;
  const work = {
    ...layerWork(gptDimensions(row.hiddenSize, row.heads), shape, PASSES),
    communicationSeconds: (TENSOR_REDUCES * reduced * HALF * tokens * row.hiddenSize) / p.tensorBytesPerSecond,
  };
  const device = deviceSeconds(work, peaks, efficiency);
  const entries = (tokens * vocabularySize) / t;
  return {
    layer: (device ** p.overlap + efficiency.launchSeconds ** p.overlap) ** (1 / p.overlap),
    head:
      (6 * entries * row.hiddenSize) / (peaks.flopsPerSecond * p.computeEfficiency) +
      (entries * p.headBytes) / peaks.bytesPerSecond,
  };
}

/** Parameters on the fullest device: the last stage's layers, and the vocabulary's matrix once. */
function deviceParameters(row: Iteration, vocabularySize: number): number {
  const { hiddenSize, layers, pipelineParallel, tensorParallel } = row;
  const inLayers = (12 * hiddenSize * hiddenSize * layers) / pipelineParallel;
  return (inLayers + vocabularySize * hiddenSize) / tensorParallel;
}

/**
 * Rates of gradients and of messages between stages. Ranks are placed tensor parallel first, then data parallel, then
 * stages. Beyond a machine the rings of all tensor-parallel ranks share its network, and a message goes in as many
 * parts as there are such ranks.
 */
function ratesOf(row: Iteration, setting: IterationSetting) {
  const { tensorParallel, dataParallel, pipelineParallel } = row;
  const { devicesPerMachine, networkBytesPerSecond, dataBytesPerSecond, transferBytesPerSecond } = setting;
  const replicas = tensorParallel * dataParallel;
  const isOneMachine = replicas * pipelineParallel <= devicesPerMachine;
  const share = networkBytesPerSecond / Math.min(tensorParallel, devicesPerMachine);
  const crosses = !isOneMachine && replicas >= devicesPerMachine;
  return {
    data: replicas <= devicesPerMachine ? dataBytesPerSecond : Math.min(dataBytesPerSecond, share),
    transfer: crosses ? (networkBytesPerSecond / devicesPerMachine) * tensorParallel : transferBytesPerSecond,
  };
}

/** The parts of an iteration as 1F1B composes them: the last stage has embedding and head and is the slowest. */
export function iterationSeconds(
  row: Iteration,
  setting: IterationSetting,
  p: Pick<IterationParameters, "updateBytes">,
  cell: CellSeconds,
): number {
  const { dataParallel: d, pipelineParallel: stages } = row;
  const microBatches = row.globalBatch / (row.microBatch * d);
  const middle = (row.layers / stages) * cell.layer;
  const last = middle + cell.head;
  const message = HALF * row.microBatch * row.sequenceLength * row.hiddenSize;
  const rates = ratesOf(row, setting);
  const transfers = (2 * (stages - 1) * message) / rates.transfer;
  const parameters = deviceParameters(row, setting.vocabularySize);
  const reduce = ((2 * (d - 1)) / d) * ((HALF * parameters) / rates.data);
  const update = (p.updateBytes * parameters) / setting.peaks.bytesPerSecond;
  return microBatches * last + (stages - 1) * middle + transfers + reduce + update;
}
