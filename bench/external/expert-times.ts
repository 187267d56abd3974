import { parse } from "csv-parse/sync";
import { z } from "zod";
import { groupBy } from "../../core/index.ts";
import { type Architecture, CATALOG, gpuKernels, layerProductSeconds, productSeconds } from "../../plan/index.ts";
import type { Prediction } from "../../studies/index.ts";
import { timedGpu } from "./kernel-times.ts";
import type { Scored } from "./scored.ts";

const count = z.coerce.number().int().positive();

/** Columns of a table of times of experts: gate and up, their activation, and down, of the experts that tokens chose. */
const rowSchema = z.object({
  gpu: z.string().min(1),
  framework: z.string().min(1),
  hidden: count,
  inner: count,
  topk: count,
  experts: count,
  /** GPUs that share the width of each expert. */
  split: count,
  distribution: z.string().min(1),
  tokens: count,
  ms: z.coerce.number().positive(),
});

export type ExpertTime = z.infer<typeof rowSchema>;

/** Tokens that a micro-batch has. */
const LEAST_TOKENS = 512;

export function hasExpertTimes(text: string): boolean {
  const heading = text.slice(0, text.indexOf("\n")).split(",");
  return Object.keys(rowSchema.shape).every((column) => heading.includes(column));
}

export function readExpertTimes(text: string): readonly ExpertTime[] {
  return z.array(rowSchema).parse(parse(text, { columns: true }));
}

/** Of a layer's MLP, what the products follow from. */
function mixtureOf({ hidden, inner, topk, experts }: ExpertTime): Architecture {
  const head = { numHeads: 1, numKvHeads: 1, headDim: 2 };
  const stream = { hiddenSize: hidden, vocabularySize: 1, maxPositions: 1, rmsNormEps: 1e-6, ropeTheta: 1e4 };
  return {
    ...{ ...head, ...stream, intermediateSize: inner, numLayers: 1, qkvBias: false, tiedEmbeddings: true },
    experts: { count: experts, perToken: topk, intermediateSize: inner, normalized: true },
  };
}

/** Seconds of the products, which nothing is fitted to, and of what an activation and the rows' moves read and write. */
function predicted(row: ExpertTime): number {
  const { gpu, hidden, inner, topk, experts, split, tokens } = row;
  const { products } = gpuKernels(CATALOG, gpu)!;
  const { peaks } = timedGpu(gpu);
  const layer = { passes: ["F"], split, layer: 0, half: "mlp" } as const;
  const withRouter = layerProductSeconds({ products }, peaks, mixtureOf(row), tokens, layer);
  const router = productSeconds(products, peaks, [tokens, Math.ceil(experts / split), hidden]);
  const moved = 2 * tokens * (topk * (2 * hidden + (3 * inner) / split) + 2 * hidden);
  return withRouter - router + moved / peaks.bytesPerSecond;
}

/** Of each size the fastest framework, since it is kernels that are predicted and not one framework's choice of them. */
export function scoreExperts(rows: readonly ExpertTime[]): readonly Scored[] {
  const sizes = groupBy(
    rows.filter(({ tokens }) => tokens >= LEAST_TOKENS),
    ({ framework: _, ms: __, ...size }) => JSON.stringify(size),
  );
  const fastest = [...sizes.values()].map((same) => same.reduce((a, b) => (b.ms < a.ms ? b : a)));
  return [...groupBy(fastest, ({ distribution }) => distribution)].map(([distribution, own]) => ({
    model: `experts, ${distribution}`,
    fitted: 0,
    fitRows: "single products",
    predictions: own.map((row): Prediction => {
      const { gpu, hidden, inner, experts, tokens } = row;
      return {
        name: `${tokens} tokens on ${gpu}, ${experts} experts of ${hidden} x ${inner}`,
        ...{ predicted: predicted(row), measured: row.ms / 1e3 },
      };
    }),
  }));
}
