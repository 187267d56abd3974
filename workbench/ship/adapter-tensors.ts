// What the tensors of a PEFT file are, by their names.
import { InputError, type Mapping } from "../../core/index.ts";
import type { TensorEntry } from "../../datasets/index.ts";

/** Matrices of all experts of a layer, which PEFT adapts as one parameter. */
export type ExpertParameter = "experts_gate_up_proj" | "experts_down_proj";

/** A module with a low-rank update. */
export interface AdapterModule {
  /** As the model names it, such as model.layers.0.self_attn.q_proj; of experts with the parameter's name behind it. */
  readonly path: string;
  /** Rows of A: of all experts, where it is a parameter of them. */
  readonly rank: number;
  readonly parameter: ExpertParameter | undefined;
  readonly a: TensorEntry;
  readonly b: TensorEntry;
  readonly magnitude: TensorEntry | undefined;
}

/** Tensors that are no low-rank update of a module. */
export const OTHER_KINDS = [
  /** Matrices of an embedding. */
  "embedding",
  "bias",
  "lora bias",
  "saved norm",
  "saved module",
  "trainable tokens",
  /** Without PEFT's prefix, or with it twice. */
  "prefix",
  /** A matrix without the other of its pair. */
  "half",
  "unknown",
] as const;
export type OtherKind = (typeof OTHER_KINDS)[number];

export interface OtherTensor {
  readonly name: string;
  readonly kind: OtherKind;
}

/** What PEFT puts before a module's name. */
export const PREFIX = "base_model.model.";

const MATRIX = /^(.+)\.lora_([AB])(?:\.default)?\.weight$/;
const MAGNITUDE = /^(.+)\.lora_magnitude_vector(?:\.default)?(?:\.weight)?$/;
/** What PEFT writes along of a head or an embedding with an adapter: the base's own matrix. */
const OF_BASE = /\.(?:lm_head|embed_tokens)\.base_layer\.weight$/;

/** By the end of a name; the first that is right counts. */
const KINDS: readonly (readonly [RegExp, OtherKind])[] = [
  [/\.lora_embedding_[AB](?:\.default)?$/, "embedding"],
  [/\.lora_B(?:\.default)?\.bias$/, "lora bias"],
  [/trainable_tokens_delta/, "trainable tokens"],
  [/norm(?:\.modules_to_save(?:\.default)?)?\.weight$/, "saved norm"],
  [/\.(?:modules_to_save\..+|weight)$/, "saved module"],
  [/\.bias$/, "bias"],
];

/** A name behind PEFT's prefix; undefined where it has none, or has it twice. */
function behindPrefix(name: string): string | undefined {
  if (!name.startsWith(PREFIX)) return undefined;
  const path = name.slice(PREFIX.length);
  return path.startsWith(PREFIX) || /^(?:base_model|model\.model)\./.test(path) ? undefined : path;
}

interface Parts {
  a?: TensorEntry;
  b?: TensorEntry;
  magnitude?: TensorEntry;
}

function isMixtureModule(module: string): boolean {
  return /\.experts(?:\.base_layer)*$/.test(module);
}

/** Which matrices of experts those of a module are: of two parameters of one module that of gate and up is inside. */
function parameterOf(module: string, config: Mapping): ExpertParameter | undefined {
  if (!isMixtureModule(module)) return undefined;
  const given = config["target_parameters"];
  const named = Array.isArray(given) ? given.map(String) : [];
  const has = (name: string): boolean => named.some((each) => each === name || each.endsWith(`.${name}`));
  if (module.endsWith(".base_layer") || !has("down_proj")) return "experts_gate_up_proj";
  return "experts_down_proj";
}

function pathOf(module: string, parameter: ExpertParameter | undefined): string {
  if (parameter === undefined) return module;
  return `${module.replace(/(?:\.base_layer)+$/, "")}.${parameter.slice("experts_".length)}`;
}

/** @throws InputError for matrices that are none */
function refuseShape({ name, shape, file }: TensorEntry, dimensions: number): void {
  if (shape.length !== dimensions || shape.some((size) => size < 1))
    throw new InputError({
      expected: dimensions === 2 ? "a matrix" : "a vector",
      at: name,
      got: shape,
      file,
    });
}

/** Sorts a file's tensors. @throws InputError for a pair of matrices that cannot be multiplied */
export function groupTensors(
  tensors: readonly TensorEntry[],
  config: Mapping,
): { readonly modules: readonly AdapterModule[]; readonly others: readonly OtherTensor[] } {
  const parts = new Map<string, Parts>();
  const others: OtherTensor[] = [];
  for (const tensor of tensors) {
    const { name } = tensor;
    if (OF_BASE.test(name)) continue;
    const path = behindPrefix(name);
    if (path === undefined) {
      others.push({ name, kind: "prefix" });
      continue;
    }
    const matrix = MATRIX.exec(path);
    const module = matrix?.[1] ?? MAGNITUDE.exec(path)?.[1];
    if (module === undefined) {
      others.push({ name, kind: KINDS.find(([end]) => end.test(name))?.[1] ?? "unknown" });
      continue;
    }
    const key = matrix === null ? "magnitude" : matrix[2] === "A" ? "a" : "b";
    const own = parts.get(module) ?? {};
    parts.set(module, own);
    if (own[key] !== undefined)
      throw new InputError({ expected: "a matrix once", at: name, got: own[key].name, file: tensor.file });
    own[key] = tensor;
  }
  const modules = [...parts].flatMap(([module, { a, b, magnitude }]): readonly AdapterModule[] => {
    if (a === undefined || b === undefined) {
      for (const each of [a, b, magnitude]) if (each !== undefined) others.push({ name: each.name, kind: "half" });
      return [];
    }
    refuseShape(a, 2);
    refuseShape(b, 2);
    if (magnitude !== undefined) refuseShape(magnitude, 1);
    if (a.shape[0] !== b.shape[1])
      throw new InputError({
        expected: `shape [${b.shape[0]}, ${a.shape[0]}], of the rank that ${a.name} has,`,
        at: b.name,
        got: b.shape,
        file: b.file,
      });
    const parameter = parameterOf(module, config);
    return [{ path: pathOf(module, parameter), rank: a.shape[0]!, parameter, a, b, magnitude }];
  });
  return { modules, others };
}
