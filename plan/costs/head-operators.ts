// What is done to queries and keys between their product and attention, and attention itself, by what each layer sees.
import { type StageLayer, stageLayers } from "../actions/stage-layers.ts";
import {
  type Architecture,
  type LayerAttention,
  layerAttention,
  type SeenLength,
  seenLength,
} from "../documents/architecture.ts";
import type { Stage } from "../documents/setting.ts";
import { attention, elementwise, type OperatorCall, type Sizes } from "./operator-calls.ts";

/** Attentions of a stage that see the same, and how many of them a backward makes again. */
interface EqualAttentions {
  readonly kind: LayerAttention;
  /** Absent where it sees all. */
  readonly seen: SeenLength | undefined;
  readonly count: number;
  readonly recomputed: number;
}

/** A stage's actions are many, and all go through the same layers. */
const known = new WeakMap<Stage, WeakMap<Architecture, readonly EqualAttentions[]>>();

function equalAttentions(arch: Architecture, stage: Stage): readonly EqualAttentions[] {
  const ofStage = known.get(stage) ?? new WeakMap<Architecture, readonly EqualAttentions[]>();
  known.set(stage, ofStage);
  const found = ofStage.get(arch);
  if (found !== undefined) return found;
  const kinds = new Map<string, { kind: LayerAttention; layers: StageLayer[] }>();
  for (const layer of stageLayers(stage)) {
    if (!layer.halves.includes("attention")) continue;
    const kind = layerAttention(arch, layer.layer);
    const key = `${kind.window} ${kind.chunk} ${kind.rope}`;
    const same = kinds.get(key) ?? { kind, layers: [] };
    kinds.set(key, same);
    same.layers.push(layer);
  }
  const equal = [...kinds.values()].map(({ kind, layers }) => ({
    kind,
    seen: kind.window === undefined && kind.chunk === undefined ? undefined : seenLength(arch, [layers[0]!.layer]),
    count: layers.length,
    recomputed: layers.filter(({ isRecomputed }) => isRecomputed).length,
  }));
  ofStage.set(arch, equal);
  return equal;
}

interface HeadWork {
  readonly architecture: Architecture;
  readonly stage: Stage;
  readonly sizes: Sizes;
}

/** By operator, what it touches. */
function calls({ architecture: arch, sizes: { tokens } }: HeadWork) {
  const { numHeads, numKvHeads, headDim, rotaryDim = headDim } = arch;
  const heads = numHeads + numKvHeads;
  return {
    rope: (direction: "F" | "B", count: number) =>
      elementwise("rope", direction, tokens * heads * rotaryDim, tokens, count),
    norm: (name: "headnorm" | "headnorm-again", direction: "F" | "B", count: number) =>
      elementwise(name, direction, tokens * (heads + numKvHeads) * headDim, tokens, count),
    temperature: (direction: "F" | "B", count: number) =>
      elementwise("temperature", direction, tokens * numHeads * headDim, tokens, count),
  };
}

function isNormed({ headNorm }: Architecture, { rope }: LayerAttention): boolean {
  return headNorm !== undefined && !(headNorm.afterRope === true && rope === "none");
}

/** Of a forward, or of what a backward makes again where `isAgain`. */
export function headForward(work: HeadWork, isAgain: boolean): readonly OperatorCall[] {
  const { architecture: arch, stage, sizes } = work;
  const { rope, norm, temperature } = calls(work);
  return equalAttentions(arch, stage).flatMap(({ kind, seen, count: all, recomputed }) => {
    const count = isAgain ? recomputed : all;
    return [
      ...(isNormed(arch, kind) ? [norm("headnorm", "F", count)] : []),
      ...(kind.rope === "none"
        ? arch.temperature === undefined
          ? []
          : [temperature(isAgain ? "B" : "F", count)]
        : [rope("F", count)]),
      attention("F", arch, sizes, count, seen),
    ];
  });
}

export function attentionBackward({ architecture: arch, stage, sizes }: HeadWork): readonly OperatorCall[] {
  return equalAttentions(arch, stage).map(({ seen, count }) => attention("B", arch, sizes, count, seen));
}

/** Back from attention to the product of queries and keys, and what is made again of those whose layers were kept. */
export function turnsBackward(work: HeadWork): readonly OperatorCall[] {
  const { architecture: arch, stage } = work;
  const { rope, norm, temperature } = calls(work);
  const isTurnedAgain = arch.headNorm?.afterRope !== true;
  return equalAttentions(arch, stage).flatMap(({ kind, count, recomputed }) => {
    const kept = count - recomputed;
    const turned = kind.rope !== "none";
    const scaled = !turned && arch.temperature !== undefined;
    const normed = isNormed(arch, kind);
    return [
      ...(normed ? [norm("headnorm", "B", count), norm("headnorm-again", "B", kept)] : []),
      ...(turned ? [rope("B", count), ...(normed && isTurnedAgain ? [rope("F", kept)] : [])] : []),
      ...(scaled ? [temperature("B", count + (normed ? kept : 0))] : []),
    ];
  });
}
