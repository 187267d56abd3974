import { decodeFloats, encodeFloats } from "../datasets/index.ts";
import type { HeadLossOperator, Operator, Tensor } from "../native/index.ts";
import { layerInput } from "../plan/index.ts";
import { attentionBackward } from "./attention-program.ts";
import { isRecomputed, layerBeforeBackward, layerForward } from "./layer-programs.ts";
import { targetIndex } from "./lora-operators.ts";
import { mlpBackward } from "./mlp-program.ts";
import { gradientOutputs, type ProgramInput, type StreamGradient } from "./program-input.ts";

const IN: Tensor = { space: "in", offset: 0 };
const OUT: Tensor = { space: "out", offset: 0 };

/** What embeddings are multiplied by, in the compute dtype as the embeddings are. */
function embeddingScale({ architecture: { embeddingScale: scale }, dtype }: ProgramInput): { readonly scale?: number } {
  if (scale === undefined) return {};
  return {
    scale: dtype === "float32" ? scale : decodeFloats(encodeFloats(Float32Array.of(scale), "BF16"), "BF16")[0]!,
  };
}

/** The target of adapters on the head, if any job has one there. */
function headAdapters({ architecture, layout }: ProgramInput): Pick<HeadLossOperator, "target" | "lds"> {
  const lds = layout.shrunkColumns.lm_head;
  return lds === undefined ? {} : { target: targetIndex(architecture.numLayers - 1, "lm_head"), lds };
}

/** The target of rows that adapters have of the embedding, if any job has some. */
function tokensTarget({ layout }: ProgramInput): { readonly tokens?: number } {
  return layout.shrunkColumns.embed_tokens === undefined ? {} : { tokens: targetIndex(0, "embed_tokens") };
}

/** The same on a head that is tied to it. */
function headTokens(input: ProgramInput): Pick<HeadLossOperator, "tokens" | "tokenColumns"> {
  const tokenColumns = input.layout.shrunkColumns.embed_tokens;
  if (!input.architecture.tiedEmbeddings || tokenColumns === undefined) return {};
  return { ...tokensTarget(input), tokenColumns };
}

/** What a forward gives: losses and their gradient, losses, or logits of some rows, with or without losses. */
export type ForwardResult = "gradient" | "losses" | "logits" | "losses and logits";

/** A stage's forward: embedding or received activations, layers, and on the last stage norm and head. */
export function forwardProgram(input: ProgramInput, result: ForwardResult): readonly Operator[] {
  const { architecture, dtype, edges, layout, weights } = input;
  const { hiddenSize: hidden, rmsNormEps: eps, vocabularySize: vocabulary, logitScale, logitCap } = architecture;
  const types = dtype === "float32" ? {} : { dtype };
  const inputs = layout.layers.map(layerInput);
  const first = inputs[0]!;
  const entry: Operator =
    weights.embedding === undefined
      ? { op: "copy", x: IN, ...(edges.before === "float32" ? {} : { from: edges.before }), y: first, columns: hidden }
      : {
          ...{ op: "embed", ...types, table: weights.embedding, out: first, hidden },
          ...embeddingScale(input),
          ...tokensTarget(input),
        };
  const end = layout.final?.x ?? layout.forward.output ?? OUT;
  const layers = layout.layers.flatMap((_, index) => layerForward(input, index, inputs[index + 1] ?? end));
  const operators = [entry, ...layers];
  if (layout.final !== undefined) {
    const { normed, logits } = layout.forward;
    const { rstd, gradient: dx } = layout.final;
    const head = {
      ...{ ...types, x: normed, weight: weights.head!, hidden, vocabulary, logits },
      ...(logitScale === undefined ? {} : { scale: logitScale }),
      ...(logitCap === undefined ? {} : { softcap: logitCap }),
      ...headAdapters(input),
      ...headTokens(input),
    };
    operators.push({ op: "rmsnorm", ...types, x: end, weight: weights.finalNorm!, y: normed, rstd, hidden, eps });
    if (result !== "logits")
      operators.push({
        op: "headLoss",
        ...head,
        ...(result === "gradient" ? { dx } : {}),
        tileRows: layout.headTileRows,
      });
    if (result === "logits" || result === "losses and logits")
      operators.push({ op: "headLogits", ...head, mostRows: layout.mostLogits });
  } else if (end !== OUT) {
    operators.push({ op: "copy", x: end, y: OUT, to: edges.after, columns: hidden });
  }
  return operators;
}

/** A stage's backward, from the loss's or the received gradient to the gradient that the stage before needs. */
export function backwardProgram(input: ProgramInput): readonly Operator[] {
  const { architecture, dtype, edges, layout, weights, stage } = input;
  const hidden = architecture.hiddenSize;
  const { gradientA, gradientB, gradientCompute } = layout.backward;
  const a: StreamGradient = { stream: gradientA, compute: gradientCompute ?? gradientA };
  const b: StreamGradient = { stream: gradientB, compute: gradientCompute ?? gradientB };
  const { layers } = layout;
  // An MLP's backward reads a and writes b, an attention's the other way round.
  const arriving = layers.at(-1)!.mlp === undefined ? b : a;
  const operators: Operator[] = [];
  let gradient = a;
  if (layout.final !== undefined) {
    const { gradient: dy, x, rstd } = layout.final;
    operators.push({ op: "rmsnormBackward", dy, x, rstd, weight: weights.finalNorm!, ...gradientOutputs(a), hidden });
  } else if (edges.after === "float32") {
    gradient = { stream: IN, compute: IN };
  } else {
    operators.push({ op: "copy", x: IN, from: edges.after, y: arriving.stream, columns: hidden });
    gradient = { stream: arriving.stream, compute: dtype === "float32" ? arriving.stream : IN };
  }
  const leaving = layers[0]!.attention === undefined ? b : a;
  const last: StreamGradient = { stream: edges.before === "float32" ? OUT : leaving.stream, compute: OUT };
  const trains = stage.embedding ? tokensTarget(input).tokens : undefined;
  for (let index = layers.length - 1; index >= 0; index -= 1) {
    const { attention, mlp } = layers[index]!;
    operators.push(...layerBeforeBackward(input, index));
    if (mlp !== undefined) {
      const result = index === 0 && attention === undefined ? last : b;
      operators.push(...mlpBackward(input, index, gradient, result, isRecomputed(input, index)));
      gradient = result;
    }
    if (attention !== undefined) {
      const result = index > 0 || trains !== undefined ? a : stage.embedding ? undefined : last;
      operators.push(...attentionBackward(input, index, gradient, result, isRecomputed(input, index)));
      gradient = a;
    }
  }
  if (trains !== undefined)
    operators.push({ op: "embedBackward", dx: a.stream, hidden, ...embeddingScale(input), tokens: trains });
  return operators;
}
