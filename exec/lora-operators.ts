import type { Handle, LoraPlaces, LoraProjection, Operator, Tensor } from "../native/index.ts";
import { ADAPTED, layerProjections, type Projection, projectionShape } from "../plan/index.ts";
import { type ProgramInput, TYPES, type Types, type Widths, widthsOf } from "./program-input.ts";

/** The number that an adapter's entry and a LoRA operator meet at. */
export function targetIndex(layer: number, projection: Projection): number {
  return layer * ADAPTED.length + ADAPTED.indexOf(projection);
}

/** First column of a projection's output in the tensor that holds it, and first row in the matrix that makes it. */
export function outputColumn(projection: Projection, { heads, inner }: Widths): number {
  switch (projection) {
    case "k_proj":
      return heads.kColumn;
    case "v_proj":
      return heads.vColumn;
    case "up_proj":
      return inner;
    case "q_proj":
    case "qkv_proj":
    case "o_proj":
    case "gate_up_proj":
    case "gate_proj":
    case "down_proj":
    case "router":
    case "experts_gate_up_proj":
    case "experts_down_proj":
    case "lm_head":
    case "embed_tokens":
      return 0;
  }
}

/** Those of a group that any job targets, as an operator lists them. */
function targetedProjections(
  input: ProgramInput,
  index: number,
  group: readonly Projection[],
): readonly LoraProjection[] {
  const { architecture, layout, stage } = input;
  return group.flatMap((projection) => {
    const lds = layout.shrunkColumns[projection];
    if (lds === undefined) return [];
    const { out: outFeatures } = projectionShape(architecture, projection);
    const column = outputColumn(projection, widthsOf(architecture));
    const s = layout.layers[index]!.shrunk[projection]!;
    return [{ target: targetIndex(stage.firstLayer + index, projection), outFeatures, column, s, lds }];
  });
}

/** Whether any job has an adapter on one of some projections. */
export function targetsAny({ layout }: ProgramInput, projections: readonly Projection[]): boolean {
  return projections.some((projection) => layout.shrunkColumns[projection] !== undefined);
}

/**
 * The LoRA part of projections that share their input and their output tensor, added in place. `places`: of rows in the
 * order of experts.
 */
export function loraForward(
  input: ProgramInput,
  index: number,
  group: readonly Projection[],
  x: Tensor,
  y: Tensor,
  ldy: number,
  types: Types["compute"] | Types["wideOutput"],
  places: LoraPlaces = {},
): readonly Operator[] {
  const projections = targetedProjections(input, index, group);
  if (projections.length === 0) return [];
  const { in: inFeatures } = projectionShape(input.architecture, group[0]!);
  return [{ op: "lora", ...types, ...places, x, ldx: inFeatures, inFeatures, y, ldy, projections }];
}

export function loraBackward(
  input: ProgramInput,
  index: number,
  group: readonly Projection[],
  x: Tensor,
  dy: Tensor,
  lddy: number,
  dx: Tensor | undefined,
  types: Types["compute"] | Types["wideGradient"],
  places: LoraPlaces = {},
): readonly Operator[] {
  const projections = targetedProjections(input, index, group);
  if (projections.length === 0) return [];
  const { in: inFeatures } = projectionShape(input.architecture, group[0]!);
  const gradient = dx === undefined ? {} : { dx, lddx: inFeatures };
  return [
    {
      op: "loraBackward",
      ...types,
      ...places,
      dy,
      lddy,
      x,
      ldx: inFeatures,
      inFeatures,
      ...gradient,
      projections,
      scratch: input.layout.backward.loraScratch,
    },
  ];
}

/** What of a group's projections has magnitudes, as an operator of each has it. */
function magnitudesIn({ architecture, layout, stage }: ProgramInput, index: number, group: readonly Projection[]) {
  const layer = stage.firstLayer + index;
  const has = layerProjections(architecture, layer);
  const own = group.filter((of) => layout.dora.includes(of) && has.includes(of));
  return own.map((projection) => {
    const { out: outFeatures } = projectionShape(architecture, projection);
    const column = outputColumn(projection, widthsOf(architecture));
    const u = layout.layers[index]!.unscaled[projection];
    const kept = u === undefined ? {} : { u, ldu: outFeatures };
    return { target: targetIndex(layer, projection), outFeatures, column, ...kept };
  });
}

/** What magnitudes are not for, though it is in the output. */
interface Added {
  readonly bias?: Handle;
  readonly residual?: Tensor;
  readonly ldr?: number;
}

/** Magnitudes on what product and adapters gave, in place. */
export function magnitudesForward(
  input: ProgramInput,
  index: number,
  group: readonly Projection[],
  y: Tensor,
  ldy: number,
  types: Types["compute"] | Types["wideOutput"],
  added: Added = {},
): readonly Operator[] {
  return magnitudesIn(input, index, group).map((own) => ({ op: "magnitude", ...types, ...own, y, ldy, ...added }));
}

/**
 * Back to the gradient of what product and adapters gave, in place of that behind the magnitudes. `y`: what is behind
 * them, which is as wide as its gradient.
 */
export function magnitudesBackward(
  input: ProgramInput,
  index: number,
  group: readonly Projection[],
  dy: Tensor,
  lddy: number,
  y?: Tensor,
): readonly Operator[] {
  const { compute } = TYPES[input.dtype];
  return magnitudesIn(input, index, group).map((own) => {
    const kept = own.u === undefined ? { y: y!, ldy: lddy } : {};
    return { op: "magnitudeBackward", ...compute, ...own, dy, lddy, ...kept };
  });
}
