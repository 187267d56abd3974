// How many launches a stage's forward and backward are on a GPU: exec's programs in the kernels of
// native/src/runtime/cuda.
import { sum } from "../../core/index.ts";
import { computeDtype } from "../actions/compute-dtype.ts";
import type { EdgeDtypes } from "../actions/message-bytes.ts";
import { type StageLayer, stageLayers } from "../actions/stage-layers.ts";
import { isQuantized } from "../costs/quantized-weights.ts";
import { type Architecture, expertsOf, layerAttention } from "../documents/architecture.ts";
import type { Dtype } from "../documents/dtype.ts";
import { type HALVES, joinsMagnitudes, loraGroup, type Projection } from "../documents/projections.ts";
import type { Stage } from "../documents/setting.ts";
import { dequantizedColumns } from "./cuda-memory.ts";
import { halfProducts, type Product } from "./layer-products.ts";

/** Of operators that are more than one kernel; a forward LoRA is two. */
const ATTENTION_BACKWARD = 3;
const LORA = { F: 2, B: 4 } as const;
/** Elements that rows of experts are multiples of where tensor cores take their LoRA, whose gradients have no parts to add. */
const TILED = 8;
/** Choices and weights, and the places of pairs; back one. */
const ROUTE = { F: 2, B: 1 } as const;
const MIXTURE_LORA = { router: "router", gateUp: "experts_gate_up_proj", down: "experts_down_proj" } as const;

/** The sums of squares after a mini-batch's last backward: of chunks, and over them. */
const NORM_KERNELS = 2;

interface LaunchedLayers {
  readonly architecture: Architecture;
  readonly dtype: Dtype;
  readonly stage: Stage;
  /** The projections that some adapter of the stage's pipeline may be on. */
  readonly targets: ReadonlySet<Projection>;
  /** Those on which it may have magnitudes. */
  readonly dora: readonly Projection[];
}

export interface LaunchedStage extends LaunchedLayers {
  readonly edges: EdgeDtypes;
  readonly maxTokens: number;
  readonly headTileRows: number;
  /** How often scored rows with a gradient may be followed by others, and the other way round. */
  readonly turns: number;
}

const when = (condition: boolean, count = 1): number => (condition ? count : 0);

/**
 * A product over quantized weights is made part by part of its columns, each dequantized before; that of experts reads them
 * as they are.
 */
function productLaunches(product: Product, direction: "F" | "B", dtype: Dtype): number {
  const { in: inFeatures, out, experts, isWhole } = product;
  if (!isQuantized(dtype) || isWhole || experts > 1) return 1;
  const [depth, columns] = direction === "F" ? [inFeatures, out] : [out, inFeatures];
  return 2 * Math.ceil(columns / dequantizedColumns(depth, columns));
}

/**
 * Of each tile of scored rows six: gathered, two products, scores, gradient, scattered; two of adapters on the head, and
 * four of their backward; one of rows that adapters have of a tied head, and three of their backward; the others' zeros; losses, and what compares them. Where rows without a gradient begin or end,
 * so does a tile.
 */
function headLaunches({ architecture, maxTokens, headTileRows, targets, turns }: LaunchedStage): number {
  const hasRows = architecture.tiedEmbeddings && targets.has("embed_tokens");
  const ofTile = 6 + when(targets.has("lm_head"), 6) + when(hasRows, 4);
  return ofTile * (Math.ceil(maxTokens / headTileRows) + turns) + 2 + when(turns > 0);
}

/** A half of a layer in parts. */
interface HalfLaunches {
  /** From the residual stream to attention's output, or to gate and up. */
  readonly body: number;
  /** From there to the residual stream behind the half. */
  readonly output: number;
  /** What a backward makes again of a half that it does not make again as a whole. */
  readonly again: number;
  /** From the gradient of the stream behind it to those of the adapters, which follow from it. */
  readonly backward: number;
  /** On to the gradient of the stream before it, but for its rounding. */
  readonly gradient: number;
}

/** By layer of the model. */
function halvesOf({ architecture: arch, dtype, targets, dora }: LaunchedLayers) {
  const products = (half: (typeof HALVES)[number], direction: "F" | "B", layer: number): readonly number[] =>
    halfProducts(arch, half, layer).map((product) => productLaunches(product, direction, dtype));
  const isTargeted = (first: Projection): boolean => loraGroup(first).some((projection) => targets.has(projection));
  const lora = (first: Projection, direction: "F" | "B"): number => when(isTargeted(first), LORA[direction]);
  const magnitudes = (first: Projection): number => loraGroup(first).filter((of) => dora.includes(of)).length;
  // What a half gives is normed or scaled before it joins the stream, and so is its gradient behind that.
  const join = when(arch.norms !== undefined || arch.residualScale !== undefined);
  const joinBack = join + when(join === 0 && joinsMagnitudes(dora));
  const attention = (layer: number): HalfLaunches => {
    const { rope } = layerAttention(arch, layer);
    const turn = when(rope !== "none" || arch.temperature !== undefined);
    const isNormedLast = arch.headNorm?.afterRope === true;
    const norm = when(arch.headNorm !== undefined && !(isNormedLast && rope === "none"));
    const [qkv = 0, output = 0] = products("attention", "F", layer);
    const [qkvBack = 0, outputBack = 0] = products("attention", "B", layer);
    return {
      body: 1 + qkv + when(arch.qkvBias) + lora("q_proj", "F") + magnitudes("q_proj") + turn + norm + 1,
      output: output + when(arch.outputBias === true) + lora("o_proj", "F") + magnitudes("o_proj") + join,
      again: when(isTargeted("q_proj")) + (norm === 0 || isNormedLast ? norm : norm + turn),
      backward:
        joinBack +
        magnitudes("o_proj") +
        outputBack +
        lora("o_proj", "B") +
        ATTENTION_BACKWARD +
        turn +
        norm +
        magnitudes("q_proj") +
        lora("q_proj", "B"),
      gradient: qkvBack + 1,
    };
  };
  const dense = (layer: number): HalfLaunches => {
    const [gateUp = 0, down = 0] = products("mlp", "F", layer);
    const [gateUpBack = 0, downBack = 0] = products("mlp", "B", layer);
    return {
      body: 1 + gateUp + lora("gate_proj", "F") + magnitudes("gate_proj"),
      output: 1 + down + lora("down_proj", "F") + magnitudes("down_proj") + join,
      again: when(isTargeted("gate_proj")),
      backward:
        joinBack +
        magnitudes("down_proj") +
        downBack +
        when(isTargeted("down_proj")) +
        lora("down_proj", "B") +
        1 +
        magnitudes("gate_proj") +
        lora("gate_proj", "B"),
      gradient: gateUpBack + 1,
    };
  };
  // Norm, router, routing, rows of experts, gate and up with a bias, gate times up, down with a bias; and back.
  const mixture = (layer: number): HalfLaunches => {
    const [router = 0, gateUp = 0, down = 0] = products("mlp", "F", layer);
    const [routerBack = 0, gateUpBack = 0, downBack = 0] = products("mlp", "B", layer);
    const { router: loraRouter, gateUp: loraGateUp, down: loraDown } = MIXTURE_LORA;
    const biases = when(arch.experts!.routerBias === true);
    const isRounded = when(computeDtype(dtype) !== "float32");
    const added = (first: Projection, ...strides: readonly number[]): number =>
      when(isTargeted(first) && isRounded > 0 && strides.every((stride) => stride % TILED === 0));
    const { hiddenSize: hidden } = arch;
    const { intermediateSize: inner } = arch.experts!;
    return {
      body:
        1 +
        router +
        biases +
        lora(loraRouter, "F") +
        ROUTE.F +
        1 +
        gateUp +
        lora(loraGateUp, "F") +
        1 +
        down +
        lora(loraDown, "F"),
      output: 1 + join,
      again:
        when(isTargeted(loraRouter) || isTargeted(loraGateUp)) +
        when(isTargeted(loraGateUp)) +
        when(isTargeted(loraDown)),
      backward:
        joinBack +
        1 +
        downBack +
        lora(loraDown, "B") -
        added(loraDown, inner, hidden) +
        1 +
        gateUpBack +
        lora(loraGateUp, "B") -
        added(loraGateUp, hidden, 2 * inner) +
        ROUTE.B +
        isRounded +
        routerBack +
        lora(loraRouter, "B") +
        1,
      gradient: 1,
    };
  };
  const mlp = (layer: number): HalfLaunches => (expertsOf(arch, layer) === undefined ? dense(layer) : mixture(layer));
  return { attention, mlp };
}

/**
 * The most launches of a stage's forward and of its backward, whatever micro-batch comes: an adapter on every
 * projection that the pipeline has room for, as many scored rows as there may be, and the norms at the end.
 */
export function stageLaunches(launched: LaunchedStage): Readonly<Record<"F" | "B", number>> {
  const { architecture: arch, dtype, stage, edges, targets } = launched;
  const halves = halvesOf(launched);
  const layers = stageLayers(stage);
  const ofLayers = (count: (half: HalfLaunches, name: (typeof HALVES)[number], layer: StageLayer) => number): number =>
    sum(layers.flatMap((own) => own.halves.map((half) => count(halves[half](own.layer), half, own))));
  const copiesAfter = when(!stage.head && edges.after !== "float32");
  const forward = ofLayers(({ body, output }) => body + output);
  // Of a layer that is made again all but what its last half gives.
  const again = ofLayers(({ body, output, again: kept }, half, { halves: own, isRecomputed }) =>
    isRecomputed ? body + (half === "attention" && own.includes("mlp") ? output : 0) : kept,
  );
  const backward = ofLayers(({ backward: own, gradient }) => own + gradient);
  // Without a norm there, the gradient of the stream is rounded by itself where products or messages want it narrower.
  const isRounded = (isFirst: boolean): boolean => (isFirst ? edges.before : computeDtype(dtype)) !== "float32";
  const numHalves = ofLayers(() => 1);
  const roundings = arch.norms === "after" ? when(isRounded(false), numHalves - 1) + when(isRounded(true)) : 0;
  // The first half after the embedding has no gradient of its input: what is added to it is left out too.
  const trainsEmbedding = stage.embedding && targets.has("embed_tokens");
  const spared =
    stage.embedding && !trainsEmbedding
      ? halves.attention(layers[0]!.layer).gradient +
        when(loraGroup("q_proj").some((projection) => targets.has(projection))) +
        when(arch.norms === "after" && isRounded(true))
      : 0;
  return {
    F: 1 + when(trainsEmbedding) + forward + (stage.head ? 1 + headLaunches(launched) : copiesAfter),
    B: (stage.head ? 1 : copiesAfter) + again + backward + roundings - spared + when(trainsEmbedding) + NORM_KERNELS,
  };
}

/**
 * The most launches of a run that takes sequences of a whole model further: attention is two, and behind the last norm
 * rows are gathered, multiplied and scored, with two of adapters on the head; rows of the embedding are one, and one more
 * where the head is tied.
 */
export function generationLaunches(launched: LaunchedLayers): number {
  const halves = halvesOf(launched);
  const ofLayers = stageLayers(launched.stage).map(({ layer, halves: own }) =>
    sum(own.map((half) => halves[half](layer).body + halves[half](layer).output + when(half === "attention"))),
  );
  const { targets, architecture } = launched;
  const rows = when(targets.has("embed_tokens"), architecture.tiedEmbeddings ? 2 : 1);
  return 1 + sum(ofLayers) + 1 + 3 + when(targets.has("lm_head"), 2) + rows;
}
