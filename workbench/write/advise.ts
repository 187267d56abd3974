import { formatBytes, sum } from "../../core/index.ts";
import {
  type Architecture,
  copiesOf,
  type Dtype,
  layerProjections,
  projectionShape,
  type ResolvedDevice,
  WEIGHT_BYTES,
} from "../../plan/index.ts";

/** A value for a workload, and why. */
export interface Advice<T> {
  readonly value: T;
  readonly why: string;
}

/** What is known of a file's rows, cut to what the model can take. */
export interface RowFacts {
  readonly numRows: number;
  readonly lengths: { readonly p50: number; readonly p95: number; readonly max: number };
  /** Rows that are longer than the model can take. */
  readonly numCut: number;
}

/** Parameters of a base model. */
export function modelParameters(architecture: Architecture): number {
  const { numLayers, vocabularySize, hiddenSize, tiedEmbeddings } = architecture;
  const layers = Array.from({ length: numLayers }, (_, layer) =>
    layerProjections(architecture, layer).map((projection) => {
      const shape = projectionShape(architecture, projection);
      return copiesOf(architecture, projection) * shape.in * shape.out;
    }),
  );
  return sum(layers.flat()) + (2 * numLayers + 1) * hiddenSize + vocabularySize * hiddenSize * (tiedEmbeddings ? 1 : 2);
}

/** "1.24 billion", for people. */
export function parametersText(parameters: number): string {
  if (parameters >= 1e9) return `${(parameters / 1e9).toPrecision(3)} billion`;
  return parameters >= 1e6 ? `${(parameters / 1e6).toPrecision(3)} million` : String(parameters);
}

/** Of a machine's memory: weights that take more leave too little for activations. */
const MOST_WEIGHTS = 0.7;
/** Parameters from which a CPU reads weights of 4 bytes so much longer than of 2 that it matters. */
const LARGE = 1e9;

/** How the weights are kept on these devices; `stored` is how most of them are in the model's folder. */
export function adviseDtype(
  parameters: number,
  devices: readonly Pick<ResolvedDevice, "kind" | "memoryBytes">[],
  stored: string,
): Advice<Dtype> {
  const room = sum(devices.map(({ memoryBytes }) => memoryBytes ?? Number.POSITIVE_INFINITY));
  const size = (dtype: Dtype): string => formatBytes(parameters * WEIGHT_BYTES[dtype]);
  const fits = (dtype: Dtype): boolean => parameters * WEIGHT_BYTES[dtype] <= MOST_WEIGHTS * room;
  const isCpu = devices.every(({ kind }) => kind !== "cuda");
  if (isCpu && fits("float32") && (stored === "F32" || parameters < LARGE))
    return { value: "float32", why: `the weights take ${size("float32")} so; bfloat16 halves that` };
  if (fits("bfloat16"))
    return {
      value: "bfloat16",
      why: `the weights take ${size("bfloat16")}; nf4 takes ${size("nf4")} (QLoRA, arXiv 2305.14314)`,
    };
  return {
    value: "nf4",
    why: `bfloat16 would take ${size("bfloat16")} of ${formatBytes(room)}; 4 bits with adapters on all projections reach its quality (QLoRA, arXiv 2305.14314)`,
  };
}

export function adviseRank(hiddenSize: number, given: number | undefined): Advice<number> {
  if (given !== undefined) return { value: given, why: "as --rank says" };
  const value = Math.max(1, Math.min(16, Math.floor(hiddenSize / 4)));
  return {
    value,
    why: "enough for thousands of rows; with more than the rank can hold, a higher one learns more (LoRA Without Regret, Thinking Machines 2025)",
  };
}

/** QLoRA's rate for 7B and 13B, whose width is about this; narrower models take larger ones. */
const REFERENCE = { rate: 2e-4, width: 4096 } as const;

export function adviseRate({ hiddenSize }: Architecture, parameters: number): Advice<number> {
  const isLarge = parameters > 30e9;
  const rate = isLarge ? 1e-4 : REFERENCE.rate * Math.sqrt(REFERENCE.width / hiddenSize);
  const value = Number(rate.toPrecision(2));
  const why = isLarge
    ? "as QLoRA for 33B and 65B (arXiv 2305.14314)"
    : `2e-4 at a width of ${REFERENCE.width} (QLoRA for 7B and 13B, arXiv 2305.14314), here by the root of the width`;
  return {
    value,
    why: `${why}; about ten times that of full fine-tuning (LoRA Without Regret). Try half and double: it decides most`,
  };
}

/** Steps of an epoch below which smaller steps are better. */
const FEWEST_STEPS = 25;

export function adviseBatch({ numRows }: RowFacts): Advice<number> {
  const most = Math.max(1, Math.floor(numRows / FEWEST_STEPS));
  const value = Math.min(16, 2 ** Math.floor(Math.log2(most)));
  return value === 16
    ? { value, why: "as QLoRA; LoRA bears large batches worse than full fine-tuning (LoRA Without Regret)" }
    : { value, why: `few rows: 16 would leave fewer than ${FEWEST_STEPS} steps an epoch` };
}

export function adviseEpochs({ numRows }: RowFacts, given: number | undefined, isEvaluated: boolean): Advice<number> {
  if (given !== undefined) return { value: given, why: "as --epochs says" };
  const value = numRows < 10_000 ? 3 : numRows < 100_000 ? 2 : 1;
  const kept = isEvaluated ? "; the best adapter is kept, so that more cost only time" : "";
  return { value, why: value === 1 ? "many rows: each is seen once" : `${numRows} rows${kept}` };
}

function padded(length: number): number {
  return Math.max(16, Math.ceil(length / 16) * 16);
}

/** Rows that are longer than this and this many times longer than nearly all others are cut. */
const [LONG, OUTLIER] = [2048, 4];

export function adviseCutoff(facts: RowFacts, architecture: Architecture): Advice<number> {
  const most = architecture.maxPositions;
  const { p95, max } = facts.lengths;
  const limit = Math.min(most, Math.max(LONG, padded(OUTLIER * p95)));
  if (max > limit)
    return {
      value: limit,
      why: `95 of 100 rows have at most ${p95} tokens, the longest ${max}: the few longer ones are cut`,
    };
  if (facts.numCut > 0)
    return {
      value: most,
      why: `the most that the model takes; ${facts.numCut} of ${facts.numRows} rows are longer and are cut`,
    };
  return {
    value: Math.min(limit, padded(max)),
    why: `the longest row has ${max} tokens, 95 of 100 have at most ${p95}; short rows cost no more by it`,
  };
}

/** Rows from which some can be spared, and the most that an evaluation takes. */
const [FEWEST_TO_SPARE, MOST_EVALUATED] = [20, 200];

export interface EvaluationAdvice {
  readonly share: Advice<number>;
  readonly maxRows: Advice<number> | undefined;
}

export function adviseEvaluation({ numRows }: RowFacts): EvaluationAdvice | undefined {
  if (numRows < FEWEST_TO_SPARE) return undefined;
  const share = numRows <= 2000 ? 0.1 : numRows <= 10_000 ? 0.05 : 0.02;
  const held = Math.floor(share * numRows);
  return {
    share: { value: share, why: "rows held out: their loss tells learning from memorizing" },
    maxRows: held <= MOST_EVALUATED ? undefined : { value: MOST_EVALUATED, why: "so that an evaluation stays short" },
  };
}

/** Evaluations of a job. */
const EVALUATIONS = 10;
/** Of the steps. */
const WARMUP = 0.03;

export function adviseEvery(numSteps: number): Advice<number> {
  return {
    value: Math.max(1, Math.round(numSteps / EVALUATIONS)),
    why: `of ${numSteps} steps: about ${EVALUATIONS} evaluations`,
  };
}

export function adviseWarmup(numSteps: number): Advice<number> {
  return { value: Math.max(1, Math.ceil(WARMUP * numSteps)), why: `3 % of ${numSteps} steps, as Stanford Alpaca` };
}
