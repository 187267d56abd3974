import { InputError } from "../../core/index.ts";
import { type Architecture, expertsOf } from "./architecture.ts";

/**
 * What an adapter may be on, in the order that numbers it (`target` = layer * their number + index): the seven linear
 * projections of Llama's layers, those of models that have q, k and v, or gate and up, as one matrix, those of mixtures
 * of experts, which have matrices of each expert, and the output head, which counts to the last layer.
 */
export const PROJECTIONS = [
  ...(["q_proj", "k_proj", "v_proj", "qkv_proj", "o_proj"] as const),
  ...(["gate_proj", "up_proj", "gate_up_proj", "down_proj"] as const),
  ...(["router", "experts_gate_up_proj", "experts_down_proj"] as const),
  "lm_head",
] as const;
/** All that an adapter may change; rows of the embedding count to the first layer's attention. */
export const ADAPTED = [...PROJECTIONS, "embed_tokens"] as const;
export type Projection = (typeof ADAPTED)[number];

/** The parts that a matrix has in models that do not fuse it. */
const FUSED = {
  qkv_proj: ["q_proj", "k_proj", "v_proj"],
  gate_up_proj: ["gate_proj", "up_proj"],
} as const satisfies Partial<Record<Projection, readonly Projection[]>>;

/** Those of a mixture of experts. */
const MIXED = ["router", "experts_gate_up_proj", "experts_down_proj"] as const satisfies readonly Projection[];

/** Those of models that fuse none of them and have one MLP for all tokens. */
export const UNFUSED_PROJECTIONS: readonly Projection[] = PROJECTIONS.filter(
  (name) => !Object.hasOwn(FUSED, name) && !isOfMixture(name) && isInLayers(name),
);

/** Whether what joins the stream has magnitudes, where some projections have: its gradient is then not the stream's. */
export function joinsMagnitudes(dora: readonly Projection[] = []): boolean {
  return dora.includes("o_proj") || dora.includes("down_proj");
}

/** Whether it is of the layers: not the head, nor the embedding. */
export function isInLayers(projection: Projection): boolean {
  return projection !== "lm_head" && projection !== "embed_tokens";
}

export function isOfMixture(projection: Projection): boolean {
  return MIXED.some((mixed) => mixed === projection);
}

type Kind = Pick<Architecture, "fusedQkv" | "fusedGateUp" | "experts">;

/** The linear projections of a layer, in the order in which a checkpoint has their rows. */
export function layerProjections(arch: Kind, layer: number): readonly Projection[] {
  const { fusedQkv, fusedGateUp } = arch;
  const mlp: readonly Projection[] = [
    ...(fusedGateUp === true ? (["gate_up_proj"] as const) : FUSED.gate_up_proj),
    "down_proj",
  ];
  return [
    ...(fusedQkv === true ? (["qkv_proj"] as const) : FUSED.qkv_proj),
    "o_proj",
    ...(expertsOf(arch, layer) === undefined ? mlp : MIXED),
  ];
}

/**
 * Those of layers that may have adapters: where a model has experts, none in the MLP of layers without them, as in PEFT, whose
 * names for gate, up and down reach the experts alone.
 */
export function projectionsOf(arch: Kind): readonly Projection[] {
  return layerProjections({ ...arch, ...(arch.experts && { experts: { ...arch.experts, dense: undefined } }) }, 0);
}

/** All that may have adapters: projections of layers, and the head. */
export function targetsOf(arch: Kind): readonly Projection[] {
  return [...projectionsOf(arch), "lm_head"];
}

/** Whether a layer has a projection that may have adapters. */
export function hasProjection(arch: Kind, layer: number, projection: Projection): boolean {
  return layerProjections(arch, layer).includes(projection);
}

/** Matrices that a layer has of a projection, and an adapter too: one for each expert. */
export function copiesOf({ experts }: Pick<Architecture, "experts">, projection: Projection): number {
  return projection === "experts_gate_up_proj" || projection === "experts_down_proj" ? experts!.count : 1;
}

/** Rows of a projection for each token: one for each expert that a token has. */
export function rowsPerToken({ experts }: Pick<Architecture, "experts">, projection: Projection): number {
  return copiesOf({ experts }, projection) === 1 ? 1 : experts!.perToken;
}

/**
 * The targets of an adapter on a model: parts of a matrix that the model has fused are that matrix, where they are all of
 * them or, as the defaults, queries and values.
 * @throws InputError for a projection that the model does not have
 */
export function targetsOn(arch: Architecture, targets: readonly Projection[]): Projection[] {
  const own = targetsOf(arch);
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

const ATTENTION: ReadonlySet<Projection> = new Set([
  "embed_tokens",
  ...(["q_proj", "k_proj", "v_proj", "qkv_proj", "o_proj"] as const),
]);
/** The half of a layer that a projection belongs to; the head is behind the last layer's MLP. */
export function halfOf(projection: Projection): Half {
  return ATTENTION.has(projection) ? "attention" : "mlp";
}

/** Projections of a layer with one input and one output tensor: the LoRA parts of a group are one operator. */
export const LORA_GROUPS: readonly (readonly Projection[])[] = [
  ["q_proj", "k_proj", "v_proj", "qkv_proj"],
  ["o_proj"],
  ["gate_proj", "up_proj", "gate_up_proj"],
  ["down_proj"],
  ["router"],
  ["experts_gate_up_proj"],
  ["experts_down_proj"],
];

/** The group that a layer's projection belongs to. */
export function loraGroup(projection: Projection): readonly Projection[] {
  return LORA_GROUPS.find((group) => group.includes(projection))!;
}

/** In and out features of a projection; of one expert's where it has several. Rows of the embedding have no B. */
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
    case "router":
      return { in: hiddenSize, out: arch.experts!.count };
    case "experts_gate_up_proj":
      return { in: hiddenSize, out: 2 * arch.experts!.intermediateSize };
    case "experts_down_proj":
      return { in: arch.experts!.intermediateSize, out: hiddenSize };
    case "lm_head":
      return { in: hiddenSize, out: arch.vocabularySize };
    case "embed_tokens":
      return { in: hiddenSize, out: 0 };
  }
}
