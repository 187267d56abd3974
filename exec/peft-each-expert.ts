// Adapters as PEFT wrote them with transformers 4: one for each matrix of each expert, which are modules of their own there.
import type { AdapterSite, Architecture } from "../plan/index.ts";
import { GATE_UP_PATTERN, projectionShape } from "../plan/index.ts";
import { expertModules } from "./expert-tensors.ts";

type Config = Readonly<Record<string, unknown>>;

function doubled(value: unknown): unknown {
  return typeof value === "number" ? 2 * value : value;
}

/**
 * A configuration as PEFT reads it today, where it names matrices of experts; as it is otherwise. Gate and up are one
 * matrix, whose adapter has the ranks of both. Source: peft 0.21, utils/transformers_weight_conversion.py.
 */
export function asParameters(config: Config, { experts }: Architecture): Config {
  const { target_modules: modules, target_parameters: parameters } = config;
  if (experts === undefined || !Array.isArray(modules)) return config;
  const names = expertModules(experts);
  const own = [names.gate, names.up, names.down];
  if (!own.some((name) => modules.includes(name))) return config;
  const hasGateUp = modules.includes(names.gate) && modules.includes(names.up);
  return {
    ...config,
    target_modules: modules.filter((name) => !own.includes(name as string)),
    target_parameters: [
      ...(Array.isArray(parameters) ? parameters : []),
      ...(hasGateUp ? ["mlp.experts.gate_up_proj"] : []),
      ...(modules.includes(names.down) ? ["mlp.experts.down_proj"] : []),
    ],
    ...(hasGateUp
      ? {
          rank_pattern: { ...(config["rank_pattern"] as Config | undefined), [GATE_UP_PATTERN]: doubled(config["r"]) },
          alpha_pattern: {
            ...(config["alpha_pattern"] as Config | undefined),
            [GATE_UP_PATTERN]: doubled(config["lora_alpha"]),
          },
        }
      : {}),
  };
}

const OF_EXPERT = /\.experts\.\d+\.[^.]+\.lora_[AB]\.weight$/;

/** Whether a file has adapters of each matrix of each expert. */
export function isOfEachExpert(names: readonly string[]): boolean {
  return names.some((name) => OF_EXPERT.test(name));
}

/** Reads a tensor of such a shape by its name. */
export type ReadTensor = (name: string, shape: readonly number[]) => Float32Array;

/** A and B of all experts of a site, of gate and up with the ranks of one before those of the other. */
export function readEachExpert(
  read: ReadTensor,
  prefix: string,
  arch: Architecture,
  { layer, projection, rank, experts }: AdapterSite,
): { readonly a: Float32Array; readonly b: Float32Array } {
  const names = expertModules(arch.experts!);
  const { in: inFeatures, out } = projectionShape(arch, projection);
  const parts = projection === "experts_gate_up_proj" ? [names.gate, names.up] : [names.down];
  const [ownRank, ownOut] = [rank / parts.length, out / parts.length];
  const a = new Float32Array(experts * rank * inFeatures);
  const b = new Float32Array(experts * out * rank);
  for (let expert = 0; expert < experts; expert += 1)
    parts.forEach((part, index) => {
      const path = `${prefix}base_model.model.model.layers.${layer}.${names.block}.experts.${expert}.${part}`;
      const ownA = read(`${path}.lora_A.weight`, [ownRank, inFeatures]);
      const ownB = read(`${path}.lora_B.weight`, [ownOut, ownRank]);
      a.set(ownA, (expert * rank + index * ownRank) * inFeatures);
      for (let row = 0; row < ownOut; row += 1)
        b.set(
          ownB.subarray(row * ownRank, (row + 1) * ownRank),
          (expert * out + index * ownOut + row) * rank + index * ownRank,
        );
    });
  return { a, b };
}
