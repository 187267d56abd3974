// How PEFT names and lays out adapters of experts and routers: as of parameters, not modules (`target_parameters`).
import {
  type AdapterSpec,
  type Architecture,
  copiesOf,
  isOfMixture,
  type Projection,
  projectionShape,
} from "../plan/index.ts";
import { routerModule, turn } from "./expert-tensors.ts";
import { projectionPath } from "./projection-path.ts";

/** The parameter of a layer that a projection of a mixture is, in a model as transformers has it in memory. */
function parameterName(arch: Architecture, projection: Projection): string {
  if (projection === "router") return `mlp.${routerModule(arch.experts!)}.weight`;
  return projection === "experts_gate_up_proj" ? "mlp.experts.gate_up_proj" : "mlp.experts.down_proj";
}

/** The same of a layer, by its whole name. */
export function parameterPath(arch: Architecture, layer: number, projection: Projection): string {
  return `model.layers.${layer}.${parameterName(arch, projection)}`;
}

/**
 * The module that an adapter's matrices are in. Wrappers of two parameters of one module lie in each other: of the
 * experts that of gate and up is inside.
 */
export function adapterPath(spec: AdapterSpec, arch: Architecture, layer: number, projection: Projection): string {
  if (!isOfMixture(projection)) return projectionPath(arch, layer, projection);
  const mlp = `model.layers.${layer}.mlp`;
  if (projection === "router") return `${mlp}.${routerModule(arch.experts!)}`;
  const isInside = projection === "experts_gate_up_proj" && spec.targets.includes("experts_down_proj");
  return isInside ? `${mlp}.experts.base_layer` : `${mlp}.experts`;
}

/** `target_parameters` of a configuration; nothing for models without experts. */
export function targetParameters(spec: AdapterSpec, arch: Architecture): { readonly target_parameters?: string[] } {
  if (arch.experts === undefined) return {};
  const own = spec.targets.filter((target) => isOfMixture(target));
  return { target_parameters: own.map((target) => parameterName(arch, target)).sort() };
}

/**
 * Moves B between our layout, [experts, out, rank], and PEFT's, [out, rank experts], rank before expert; `move` gets the
 * place in each.
 */
function moveB(
  spec: AdapterSpec,
  arch: Architecture,
  projection: Projection,
  move: (own: number, peft: number) => void,
): void {
  const { out } = projectionShape(arch, projection);
  const experts = copiesOf(arch, projection);
  const { rank } = spec;
  const hasTurns = projection === "experts_gate_up_proj" && arch.experts?.stored === "stacked";
  let own = 0;
  for (let expert = 0; expert < experts; expert += 1)
    for (let i = 0; i < out; i += 1) {
      const row = hasTurns ? turn(i, out / 2) : i;
      for (let r = 0; r < rank; r += 1) {
        move(own, (row * rank + r) * experts + expert);
        own += 1;
      }
    }
}

/** B as PEFT's file has it. */
export function toPeftB(spec: AdapterSpec, arch: Architecture, projection: Projection, b: Float32Array): Float32Array {
  if (!isOfMixture(projection)) return b;
  const result = new Float32Array(b.length);
  moveB(spec, arch, projection, (own, peft) => {
    result[peft] = b[own]!;
  });
  return result;
}

/** B as products take it, from PEFT's. */
export function fromPeftB(
  spec: AdapterSpec,
  arch: Architecture,
  projection: Projection,
  b: Float32Array,
): Float32Array {
  if (!isOfMixture(projection)) return b;
  const result = new Float32Array(b.length);
  moveB(spec, arch, projection, (own, peft) => {
    result[own] = b[peft]!;
  });
  return result;
}
