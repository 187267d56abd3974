import { InputError } from "../../core/index.ts";
import type { Architecture } from "./architecture.ts";

/**
 * The linear projections of decoder layers, in the order that numbers them (`target` = layer * their number + index): the
 * seven of Llama, and those of models that have q, k and v, or gate and up, as one matrix.
 */
export const PROJECTIONS = [
  ...(["q_proj", "k_proj", "v_proj", "qkv_proj", "o_proj"] as const),
  ...(["gate_proj", "up_proj", "gate_up_proj", "down_proj"] as const),
] as const;
export type Projection = (typeof PROJECTIONS)[number];

/** The parts that a matrix has in models that do not fuse it. */
const FUSED = {
  qkv_proj: ["q_proj", "k_proj", "v_proj"],
  gate_up_proj: ["gate_proj", "up_proj"],
} as const satisfies Partial<Record<Projection, readonly Projection[]>>;

/** Those of models that fuse none of them. */
export const UNFUSED_PROJECTIONS: readonly Projection[] = PROJECTIONS.filter((name) => !Object.hasOwn(FUSED, name));

/** The linear projections that the layers of a model have, in the order in which a checkpoint has their rows. */
export function projectionsOf({
  fusedQkv,
  fusedGateUp,
}: Pick<Architecture, "fusedQkv" | "fusedGateUp">): readonly Projection[] {
  return [
    ...(fusedQkv === true ? (["qkv_proj"] as const) : FUSED.qkv_proj),
    "o_proj",
    ...(fusedGateUp === true ? (["gate_up_proj"] as const) : FUSED.gate_up_proj),
    "down_proj",
  ];
}

/**
 * The targets of an adapter on a model: parts of a matrix that the model has fused are that matrix, where they are all of
 * them or, as the defaults, queries and values.
 * @throws InputError for a projection that the model does not have
 */
export function targetsOn(arch: Architecture, targets: readonly Projection[]): Projection[] {
  const own = projectionsOf(arch);
  if (targets.every((target) => own.includes(target))) return [...targets];
  const named = new Set<Projection>(targets);
  for (const [fused, parts] of Object.entries(FUSED) as [keyof typeof FUSED, readonly Projection[]][])
    if (own.includes(fused) && parts.every((part) => part === "k_proj" || named.has(part))) {
      for (const part of parts) named.delete(part);
      named.add(fused);
    }
  const other = targets.find((target) => named.has(target) && !own.includes(target));
  if (other !== undefined)
    throw new InputError({ expected: `one of the model's projections, ${own.join(", ")},`, at: "targets", got: other });
  return PROJECTIONS.filter((projection) => named.has(projection));
}

/**
 * A layer is attention and MLP one after the other; between them, as between layers, only the residual stream passes.
 */
export const HALVES = ["attention", "mlp"] as const;
export type Half = (typeof HALVES)[number];

/** The half of a layer that a projection belongs to. */
export function halfOf(projection: Projection): Half {
  return projection === "gate_proj" ||
    projection === "up_proj" ||
    projection === "gate_up_proj" ||
    projection === "down_proj"
    ? "mlp"
    : "attention";
}

/** Projections with one input and one output tensor: the LoRA parts of a group are one operator. */
export const LORA_GROUPS: readonly (readonly Projection[])[] = [
  ["q_proj", "k_proj", "v_proj", "qkv_proj"],
  ["o_proj"],
  ["gate_proj", "up_proj", "gate_up_proj"],
  ["down_proj"],
];

/** The group that a projection belongs to. */
export function loraGroup(projection: Projection): readonly Projection[] {
  return LORA_GROUPS.find((group) => group.includes(projection))!;
}

/** In and out features of a projection. */
export function projectionShape(
  arch: Architecture,
  projection: Projection,
): { readonly in: number; readonly out: number } {
  const { hiddenSize, intermediateSize } = arch;
  const queryColumns = arch.numHeads * arch.headDim;
  const kvColumns = arch.numKvHeads * arch.headDim;
  switch (projection) {
    case "q_proj":
      return { in: hiddenSize, out: queryColumns };
    case "k_proj":
    case "v_proj":
      return { in: hiddenSize, out: kvColumns };
    case "qkv_proj":
      return { in: hiddenSize, out: queryColumns + 2 * kvColumns };
    case "o_proj":
      return { in: queryColumns, out: hiddenSize };
    case "gate_proj":
    case "up_proj":
      return { in: hiddenSize, out: intermediateSize };
    case "gate_up_proj":
      return { in: hiddenSize, out: 2 * intermediateSize };
    case "down_proj":
      return { in: intermediateSize, out: hiddenSize };
  }
}
