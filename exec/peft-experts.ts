// How PEFT names and lays out adapters of experts and routers: as of parameters, not modules (`target_parameters`).
import {
  type AdapterSpec,
  type Architecture,
  copiesOf,
  isOfMixture,
  type Projection,
  parameterName,
  projectionPath,
  projectionShape,
} from "../plan/index.ts";
import { turn } from "./expert-tensors.ts";

/**
 * The module that an adapter's matrices are in. Wrappers of two parameters of one module lie in each other: of the
 * experts that of gate and up is inside.
 */
export function adapterPath(
  targets: ReadonlySet<Projection>,
  arch: Architecture,
  layer: number,
  projection: Projection,
): string {
  const path = projectionPath(arch, layer, projection);
  if (!isOfMixture(projection)) return path;
  const module = path.slice(0, path.lastIndexOf("."));
  const isInside = projection === "experts_gate_up_proj" && targets.has("experts_down_proj");
  return isInside ? `${module}.base_layer` : module;
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
  arch: Architecture,
  projection: Projection,
  length: number,
  move: (own: number, peft: number) => void,
): void {
  const { out } = projectionShape(arch, projection);
  const experts = copiesOf(arch, projection);
  const rank = length / (experts * out);
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
export function toPeftB(arch: Architecture, projection: Projection, b: Float32Array): Float32Array {
  if (!isOfMixture(projection)) return b;
  const result = new Float32Array(b.length);
  moveB(arch, projection, b.length, (own, peft) => {
    result[peft] = b[own]!;
  });
  return result;
}

/** B as products take it, from PEFT's. */
export function fromPeftB(arch: Architecture, projection: Projection, b: Float32Array): Float32Array {
  if (!isOfMixture(projection)) return b;
  const result = new Float32Array(b.length);
  moveB(arch, projection, b.length, (own, peft) => {
    result[own] = b[peft]!;
  });
  return result;
}
