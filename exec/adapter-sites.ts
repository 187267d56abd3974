import {
  type AdapterSpec,
  type Architecture,
  halfOf,
  hasProjection,
  PROJECTIONS,
  type Projection,
  type StageLayer,
  stageLayers,
} from "../plan/index.ts";

/** All layers of a model. */
export function wholeLayers({ numLayers }: Architecture): readonly StageLayer[] {
  return stageLayers({ firstLayer: 0, endLayer: numLayers, recomputedLayers: 0 });
}

/** Projections of an adapter in some layers, in the order of its flat layout. */
export function adapterSites(
  spec: AdapterSpec,
  arch: Architecture,
  layers: readonly StageLayer[],
): readonly { readonly layer: number; readonly projection: Projection }[] {
  const targets = PROJECTIONS.filter((projection) => spec.targets.includes(projection));
  return layers.flatMap(({ layer, halves }) =>
    targets
      .filter((projection) => halves.includes(halfOf(projection)) && hasProjection(arch, layer, projection))
      .map((projection) => ({ layer, projection })),
  );
}
