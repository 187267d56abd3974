import { between, fraction, type Keys, maybe, oneOf } from "./draw-rope.ts";
import { biased, type Draw, type Family, layersOf, PLAIN, ropeOf, someLayers, tied, width } from "./family.ts";

/**
 * Experts that few tokens reach, and some that none does; a token may have all, or one where its weight is no constant: the
 * router would have no gradient, which nothing can be compared with.
 */
function counts({ rng }: Draw, least: number): Keys {
  const count = between(rng, 2, 9);
  const perToken = oneOf(rng, [least, Math.min(2, count), between(rng, least, count)]);
  return { [oneOf(rng, ["num_experts", "num_local_experts"])]: count, num_experts_per_tok: perToken };
}

/** Layers without experts, by two keys of which either suffices; one layer at least has some. */
function denseLayers({ rng, sizes: { layers } }: Draw): Keys {
  const step = oneOf(rng, [undefined, 1, 1, 2]);
  const withExperts = step === 2 ? Math.floor(layers / 2) * 2 - 1 : between(rng, 0, layers - 1);
  const listed = Array.from({ length: layers }, (_, layer) => layer).filter(
    (layer) => layer !== withExperts && rng.nextInt(3) === 0,
  );
  return {
    ...(step === undefined ? {} : { decoder_sparse_step: step }),
    ...oneOf(rng, [{ mlp_only_layers: listed }, { mlp_only_layers: [] }, {}]),
  };
}

/** Models whose layers choose some of many small MLPs for each token. */
export const MIXTURES: Readonly<Record<string, Family>> = {
  qwen3_moe: {
    ropes: PLAIN,
    draw: (given) => {
      const { rng } = given;
      const norm = maybe(rng, "norm_topk_prob", [true, false]);
      return {
        ...biased(given),
        ...tied(given),
        ...oneOf(rng, [
          { use_sliding_window: true, sliding_window: width(given) },
          { use_sliding_window: false, sliding_window: 8 },
          {},
        ]),
        ...counts(given, norm["norm_topk_prob"] === true ? 2 : 1),
        ...denseLayers(given),
        ...{ moe_intermediate_size: between(rng, 20, 60), ...norm },
      };
    },
  },
  mixtral: {
    ropes: PLAIN,
    draw: (given) => ({
      // The library computes scaled ropes of this family by this key alone.
      ...(given.rope === "default" ? {} : { head_dim: given.sizes.headDim }),
      ...tied(given),
      ...oneOf(given.rng, [{ sliding_window: null }, { sliding_window: width(given) }, {}]),
      ...counts(given, 2),
    }),
  },
  gpt_oss: {
    ropes: PLAIN,
    draw: (given) => {
      const { rng } = given;
      return {
        ...biased(given),
        ...tied(given),
        // The library makes the mask of a window whether or not a layer has one, so null is none of its values.
        ...oneOf(rng, [{ sliding_window: width(given) }, { sliding_window: width(given) }, {}]),
        ...oneOf(rng, [{}, someLayers(given), { layer_types: layersOf(given, () => "full_attention") }]),
        ...counts(given, 2),
        // Small enough to act.
        ...maybe(rng, "swiglu_limit", [fraction(rng, 0.5, 3), fraction(rng, 0.5, 3)]),
        ...maybe(rng, "swiglu_alpha", [fraction(rng, 0.5, 3)]),
        // The rope of one that says none is that of the published models.
        rope: { ...ropeOf(given), isSaid: true },
      };
    },
  },
};
