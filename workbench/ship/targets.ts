// Which modules a PEFT configuration names. Source: check_target_module_exists, peft 0.21.
import type { Mapping } from "../../core/index.ts";
import { type Architecture, isOfMixture, layerProjections, modulePattern, projectionPath } from "../../plan/index.ts";

type Test = (path: string) => boolean;

function isEnd(path: string, end: unknown): boolean {
  return path === end || path.endsWith(`.${String(end)}`);
}

/** A list of ends of names, or an expression for the whole; undefined where it is neither, or may take long. */
function testOf(value: unknown): Test | undefined {
  if (Array.isArray(value)) return (path) => value.some((end) => isEnd(path, end));
  if (typeof value !== "string") return undefined;
  const whole = modulePattern(value);
  return whole === undefined ? undefined : (path) => whole.test(path);
}

/** The layers that an adapter is on; undefined for all. */
function layersOf({ layers_to_transform: given }: Mapping): readonly number[] | undefined {
  if (given === undefined || given === null) return undefined;
  return Array.isArray(given) ? given.map(Number) : [Number(given)];
}

/** Experts' matrices, which PEFT adapts as parameters. */
export function isExpertPath(path: string): boolean {
  return /\.experts\./.test(path);
}

/** Matrices of all experts, which are no modules. */
const PARAMETER = /\.experts\.(?:gate_up_proj|down_proj)$/;

/** Whether a configuration names a module; undefined where that cannot be told. */
export function targetTest(config: Mapping): Test | undefined {
  const { target_modules: targets, target_parameters: parameters, exclude_modules: excluded } = config;
  const named: Test | undefined = targets === "all-linear" ? (path) => path !== "lm_head" : testOf(targets ?? []);
  const without = excluded === undefined || excluded === null ? () => false : testOf(excluded);
  const ofParameters = testOf(parameters ?? []);
  if (named === undefined || without === undefined || ofParameters === undefined) return undefined;
  const layers = layersOf(config);
  const isInLayers = (path: string): boolean => {
    const layer = /\.(\d+)\./.exec(path)?.[1];
    return layers === undefined || (layer !== undefined && layers.includes(Number(layer)));
  };
  return (path) => {
    if (PARAMETER.test(path)) return ofParameters(path);
    // A router is adapted by its weight.
    return (named(path) && !without(path) && isInLayers(path)) || ofParameters(`${path}.weight`);
  };
}

/** Every module of a model that may have an adapter, the router without `.weight`. */
export function modulesOf(arch: Architecture): readonly string[] {
  const inLayers = Array.from({ length: arch.numLayers }, (_, layer) =>
    layerProjections(arch, layer).map((projection) => {
      const path = projectionPath(arch, layer, projection);
      return isOfMixture(projection) ? path.replace(/\.weight$/, "") : path;
    }),
  ).flat();
  return [...inLayers, "lm_head"];
}
