import { padded } from "../../core/index.ts";
import { COMPUTE_BYTES, type ComputeDtype, computeDtype } from "../actions/compute-dtype.ts";
import type { EdgeDtypes } from "../actions/message-bytes.ts";
import { stageLayers } from "../actions/stage-layers.ts";
import { expertsOf } from "../documents/architecture.ts";
import {
  ADAPTED,
  halfOf,
  hasProjection,
  isInLayers,
  joinsMagnitudes,
  loraGroup,
  PROJECTIONS,
  type Projection,
  projectionShape,
  rowsPerToken,
} from "../documents/projections.ts";
import type { Buffers } from "../documents/setting.ts";
import type { LayoutInput, ShrunkColumns } from "./layout-input.ts";
import {
  type MixtureGradients,
  type MixtureTensors,
  type MixtureWork,
  mlpKinds,
  takeMixture,
  takeMixtureGradients,
  takeMixtureWork,
} from "./mixture-layout.ts";
import { eagerLayersBytes, eagerWorkBytes } from "./program-memory.ts";
import { align, type Place, type Region, regionOf } from "./region.ts";
import { scratchOf } from "./scratch-bytes.ts";
import { UNIT_ROWS } from "./stash.ts";

const FLOAT = 4;
/** Rows of the logits' tile, and the most bytes that it may take; a GPU is idle with few rows. */
const HEAD_TILE = {
  cpu: { rows: 256, bytes: 64 * 2 ** 20 },
  cuda: { rows: 1024, bytes: 512 * 2 ** 20 },
} as const;
/** Elements that the rows of a LoRA product are padded to on a GPU. */
const SHRUNK_PADDING = 8;

/**
 * What attention's half of a layer keeps. C is the compute dtype; what norms and attention keep of rows is fp32, as all
 * of the residual stream.
 */
export interface AttentionTensors {
  /** [T, hidden]: the residual stream that the half begins with, and the norm's rstd. */
  readonly x: Place;
  readonly rstd: Place;
  /** C [T, (heads + 2 kvHeads) headDim]: q and k rotated, or as they are before their norms. */
  readonly qkv: Place;
  /** C [T, heads headDim] and fp32 [T, heads]. */
  readonly out: Place;
  readonly lse: Place;
  readonly branch: BranchTensors | undefined;
  /** Of runs with a cache: C [rows of the cache, 2 kvHeads headDim]. */
  readonly cache?: Place;
}

/** C [T, hidden]: what a half gives before the norm behind it, and that norm's rstd; undefined without such a norm. */
export interface BranchTensors {
  readonly y: Place;
  readonly rstd: Place;
}

/** The same of the MLP's. */
export interface MlpTensors {
  readonly x: Place;
  readonly rstd: Place;
  /** C [T, 2 intermediate]; of a mixture [P, 2 intermediate of an expert]. */
  readonly gateUp: Place;
  readonly mixture: MixtureTensors | undefined;
  readonly branch: BranchTensors | undefined;
}

/**
 * What a layer keeps, up to attention's output or to gate and up. Of a recomputed layer only the first half's `x` is in
 * the slot, what the product at its end needs for its adapters and keeps of them, and what that product gives where a norm is behind it;
 * the rest it shares with the others in the workspace.
 */
export interface LayerTensors {
  readonly attention: AttentionTensors | undefined;
  readonly mlp: MlpTensors | undefined;
  /** C [T, rank columns]: x A^T of each targeted projection. */
  readonly shrunk: Readonly<Partial<Record<Projection, Place>>>;
  /** C [T, out]: what product and adapter give on a projection, before its magnitudes; of gate and up these are enough. */
  readonly unscaled: Readonly<Partial<Record<Projection, Place>>>;
}

/** Where a layer's input is. */
export function layerInput({ attention, mlp }: LayerTensors): Place {
  return (attention ?? mlp)!.x;
}

export interface StageLayout {
  readonly layers: readonly LayerTensors[];
  /** The last stage's: the final norm's input, its rstd, and the gradient that the loss leaves for the backward. */
  readonly final: { readonly x: Place; readonly rstd: Place; readonly gradient: Place } | undefined;
  /** Columns of the shrunk tensors: the largest rank among the adapters on the projection. */
  readonly shrunkColumns: ShrunkColumns;
  /** Projections on which an adapter may have magnitudes. */
  readonly dora: readonly Projection[];
  /** Bytes of a slot of one unit of rows. */
  readonly unitBytes: number;
  readonly forward: {
    readonly normed: Place;
    /** C, as `qkv`: q and k after their norms; absent without these. */
    readonly turned: Place | undefined;
    /** C [T, hidden]: what a half gives where it is scaled before it joins the stream. */
    readonly branch: Place | undefined;
    readonly inner: Place;
    /** Absent without a mixture. */
    readonly mixture: MixtureWork | undefined;
    readonly attentionScratch: Place;
    readonly logits: Place;
    /** Where the residual stream ends before it is rounded into a message; absent where that is fp32 or there is none. */
    readonly output: Place | undefined;
  };
  readonly backward: {
    readonly gradientA: Place;
    readonly gradientB: Place;
    /** The residual stream's gradient rounded for products; absent in fp32, where they take the gradient itself. */
    readonly gradientCompute: Place | undefined;
    /** The input of q, k and v, and of gate and up; one place where they are computed when they are needed. */
    readonly normed: { readonly attention: Place; readonly mlp: Place };
    readonly normedGradient: Place;
    readonly turned: Place | undefined;
    /**
     * C [T, hidden]: the gradient of what a half gives, where that is scaled or normed before it joins the stream, or has
     * magnitudes.
     */
    readonly branchGradient: Place | undefined;
    readonly inner: Place;
    readonly innerGradient: Place;
    readonly gateUpGradient: Place;
    readonly mixture: MixtureGradients | undefined;
    readonly qkvGradient: Place;
    readonly attentionGradient: Place;
    readonly attentionScratch: Place;
    readonly loraScratch: Place;
  };
  readonly headTileRows: number;
  /** Rows of a run that may want their logits; 0 of one without a cache. */
  readonly mostLogits: number;
  readonly workBytes: number;
  /** One buffer of a message [T, hidden] over each edge, in the edge's type. */
  readonly messageBytes: Readonly<Record<keyof EdgeDtypes, number>>;
}

function shrunkColumnsOf({ room, kind }: LayoutInput): ShrunkColumns {
  const padding = kind === "cuda" ? SHRUNK_PADDING : 1;
  const columns: Partial<Record<Projection, number>> = {};
  for (const projection of ADAPTED) {
    const rank = room.ranks[projection];
    if (rank !== undefined) columns[projection] = padded(rank, padding);
  }
  return columns;
}

/** Where every activation of a stage lies: the memory model adds it up and the executor uses it as it is. */
export function stageLayout(input: LayoutInput): StageLayout {
  const { architecture: arch, stage } = input;
  const { maxTokens: rows } = input.room;
  const { hiddenSize: hidden, intermediateSize: inner, numHeads, numKvHeads, headDim, vocabularySize } = arch;
  const dtype = computeDtype(input.dtype);
  const { edges = { before: dtype, after: dtype } } = input;
  const messageBytes = (edge: ComputeDtype): number => align(rows * hidden * COMPUTE_BYTES[edge]);
  const qkv = (numHeads + 2 * numKvHeads) * headDim;
  const shrunkColumns = shrunkColumnsOf(input);
  const { generation } = input;
  const rebuilt = regionOf("work", rows, dtype);
  const caches = regionOf("stash", UNIT_ROWS, dtype);
  // Without a backward nothing needs a place of its own but the stream before a layer and the one behind it.
  const slot = generation === undefined ? regionOf("stash", UNIT_ROWS, dtype) : rebuilt;
  const streams = generation === undefined ? undefined : ([slot.floats(hidden), slot.floats(hidden)] as const);

  const hasBranches = arch.norms !== undefined;
  const takeBranch = (region: Region): BranchTensors | undefined =>
    hasBranches ? { y: region.compute(hidden), rstd: region.floats(1) } : undefined;
  const takeAttention = (region: Region): Omit<AttentionTensors, "x" | "branch" | "cache"> => ({
    rstd: region.floats(1),
    qkv: region.compute(qkv),
    out: region.compute(numHeads * headDim),
    lse: region.floats(numHeads),
  });
  const { mixture, isMixtureAgain, isDenseAgain, widest } = mlpKinds(arch, stage);
  type OwnTensors = Omit<MlpTensors, "x" | "branch">;
  const takeMlp = (region: Region): OwnTensors => ({
    rstd: region.floats(1),
    gateUp: region.compute(2 * inner),
    mixture: undefined,
  });
  const takeExperts = (region: Region): OwnTensors => ({
    rstd: region.floats(1),
    gateUp: region.compute(mixture!.perToken * 2 * mixture!.intermediateSize),
    mixture: takeMixture(region, arch, mixture!),
  });
  const takeShrunk = (region: Region, projections: readonly Projection[]): LayerTensors["shrunk"] =>
    Object.fromEntries(
      projections.flatMap((projection) => {
        const columns = shrunkColumns[projection];
        return columns === undefined ? [] : [[projection, region.compute(rowsPerToken(arch, projection) * columns)]];
      }),
    );
  const doraOf = input.room.dora ?? [];
  const takeUnscaled = (region: Region, projections: readonly Projection[]): LayerTensors["unscaled"] =>
    Object.fromEntries(
      projections
        .filter((projection) => doraOf.includes(projection) && !loraGroup("gate_proj").includes(projection))
        .map((projection) => [projection, region.compute(projectionShape(arch, projection).out)]),
    );
  const recomputes = stage.recomputedLayers > 0 || streams !== undefined;
  const madeAgain = PROJECTIONS.filter(
    (projection) => (projection !== "down_proj" || streams !== undefined) && isInLayers(projection),
  );
  const shared = recomputes
    ? {
        attention: takeAttention(rebuilt),
        branch: takeBranch(rebuilt),
        mid: rebuilt.floats(hidden),
        mlp: isDenseAgain ? takeMlp(rebuilt) : undefined,
        mixture: isMixtureAgain ? takeExperts(rebuilt) : undefined,
        shrunk: takeShrunk(rebuilt, madeAgain),
        unscaled: takeUnscaled(rebuilt, madeAgain),
      }
    : undefined;
  const layers = stageLayers(stage).map(({ layer, halves, isRecomputed }, index): LayerTensors => {
    const x = streams?.[index % 2] ?? slot.floats(hidden);
    const again = isRecomputed || streams !== undefined ? shared : undefined;
    const hasMlp = halves.includes("mlp");
    // What the last half gives is not made again.
    const attention = halves.includes("attention")
      ? {
          x,
          ...(again?.attention ?? takeAttention(slot)),
          branch: hasMlp && again !== undefined ? again.branch : takeBranch(slot),
          ...(streams === undefined ? {} : { cache: caches.compute(2 * numKvHeads * headDim) }),
        }
      : undefined;
    const mid = !hasMlp || attention === undefined ? x : (again?.mid ?? slot.floats(hidden));
    const isMixture = expertsOf(arch, layer) !== undefined;
    const takeOwn = (): OwnTensors =>
      isMixture ? (again?.mixture ?? takeExperts(slot)) : (again?.mlp ?? takeMlp(slot));
    const branch = streams === undefined ? takeBranch(slot) : shared!.branch;
    const mlp = hasMlp ? { x: mid, ...takeOwn(), branch } : undefined;
    const has = PROJECTIONS.filter((of) => halves.includes(halfOf(of)) && hasProjection(arch, layer, of));
    // What a mixture's experts give is made again, as its router's gradient needs it.
    const last = streams !== undefined || (hasMlp && isMixture) ? undefined : hasMlp ? "down_proj" : "o_proj";
    const before = has.filter((projection) => projection !== last);
    const shrunk = {
      ...(again?.shrunk ?? takeShrunk(slot, before)),
      ...(last === undefined ? {} : takeShrunk(slot, [last])),
    };
    const unscaled = {
      ...(again?.unscaled ?? takeUnscaled(slot, before)),
      ...(last === undefined ? {} : takeUnscaled(slot, [last])),
    };
    return { attention, mlp, shrunk, unscaled };
  });
  const finalX = streams?.[layers.length % 2];
  const final = stage.head
    ? { x: finalX ?? slot.floats(hidden), rstd: slot.floats(1), gradient: finalX ?? slot.floats(hidden) }
    : undefined;
  const { eager } = input;
  const kept = generation === undefined ? slot : caches;
  const unitBytes = eager === undefined ? kept.used() : eagerLayersBytes({ ...input, eager }, UNIT_ROWS, align);
  const tile = HEAD_TILE[input.kind === "cuda" ? "cuda" : "cpu"];
  const headTileRows = Math.max(1, Math.min(tile.rows, rows, Math.floor(tile.bytes / (vocabularySize * FLOAT))));
  const scratch = scratchOf(input, shrunkColumns);
  const forwardWork = regionOf("work", rows, dtype, rebuilt.used());
  const forward = {
    normed: forwardWork.compute(hidden),
    turned: arch.headNorm === undefined ? undefined : forwardWork.compute(qkv),
    branch: arch.residualScale === undefined ? undefined : forwardWork.compute(hidden),
    inner: forwardWork.compute(widest),
    mixture: mixture && takeMixtureWork(forwardWork, arch, mixture),
    attentionScratch: forwardWork.take(scratch.attention),
    logits: forwardWork.take(
      stage.head ? Math.max(scratch.head(headTileRows), scratch.logits(generation?.mostLogits)) : 0,
    ),
    output: stage.head || edges.after === "float32" ? undefined : forwardWork.floats(hidden),
  };
  const backwardWork = regionOf("work", rows, dtype, rebuilt.used());
  const normed = backwardWork.compute(hidden);
  const backward = {
    normed: { attention: normed, mlp: recomputes ? backwardWork.compute(hidden) : normed },
    gradientA: backwardWork.floats(hidden),
    gradientB: backwardWork.floats(hidden),
    gradientCompute: dtype === "float32" ? undefined : backwardWork.compute(hidden),
    normedGradient: backwardWork.floats(hidden),
    turned: arch.headNorm === undefined ? undefined : backwardWork.compute(qkv),
    branchGradient:
      hasBranches || arch.residualScale !== undefined || joinsMagnitudes(input.room.dora)
        ? backwardWork.compute(hidden)
        : undefined,
    inner: backwardWork.compute(widest),
    innerGradient: backwardWork.compute(widest),
    gateUpGradient: backwardWork.compute(2 * widest),
    mixture: mixture && takeMixtureGradients(backwardWork, arch, mixture, dtype !== "float32"),
    qkvGradient: backwardWork.compute(qkv),
    attentionGradient: backwardWork.compute(numHeads * headDim),
    attentionScratch: backwardWork.take(scratch.attentionBackward),
    loraScratch: backwardWork.take(scratch.lora),
  };
  return {
    layers,
    final,
    shrunkColumns,
    dora: doraOf,
    unitBytes,
    forward,
    backward,
    headTileRows,
    mostLogits: generation?.mostLogits ?? 0,
    workBytes:
      eager === undefined
        ? Math.max(forwardWork.used(), generation === undefined ? backwardWork.used() : 0)
        : eagerWorkBytes({ ...input, eager }),
    messageBytes: { before: messageBytes(edges.before), after: messageBytes(edges.after) },
  };
}

/** Bytes of the slot of a micro-batch of so many rows. */
export function slotBytes({ unitBytes }: StageLayout, rows: number): number {
  return Math.ceil(rows / UNIT_ROWS) * unitBytes;
}

/** Byte offsets of the parts of a device's arena: activation slots, message buffers, workspace. */
export interface ArenaLayout {
  /** Of a slot that starts so many units into the slots' part. */
  readonly slot: (units: number) => number;
  readonly buffer: (kind: keyof Buffers, index: number) => number;
  readonly work: number;
  readonly bytes: number;
}

/** The edge of a stage that its buffers are for. */
const EDGES: Readonly<Record<keyof Buffers, keyof EdgeDtypes>> = {
  activationIn: "before",
  activationOut: "after",
  gradientIn: "after",
  gradientOut: "before",
};

export function arenaLayout(layout: StageLayout, stashUnits: number, buffers: Buffers): ArenaLayout {
  const order = ["activationIn", "activationOut", "gradientIn", "gradientOut"] as const;
  const starts: Partial<Record<keyof Buffers, number>> = {};
  let next = stashUnits * layout.unitBytes;
  for (const kind of order) {
    starts[kind] = next;
    next += buffers[kind] * layout.messageBytes[EDGES[kind]];
  }
  return {
    slot: (units) => units * layout.unitBytes,
    buffer: (kind, index) => starts[kind]! + index * layout.messageBytes[EDGES[kind]],
    work: next,
    bytes: next + layout.workBytes,
  };
}
