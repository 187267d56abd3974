// Where an adapter's tensors and its configuration do not say the same.
import type { AdapterFolder } from "./adapter-folder.ts";
import type { BaseFolder } from "./base-folder.ts";
import { modulesOf, targetTest } from "./targets.ts";

export interface StrayModules {
  /** With tensors, and not named: PEFT passes over them without a warning. */
  readonly untargeted: readonly string[];
  /** Named, and without tensors. */
  readonly missing: readonly string[];
  /** The configuration names nothing. */
  readonly noTargets: boolean;
  /** Which modules are named cannot be told. */
  readonly isUnclear: boolean;
}

/** Matrices of one expert, each an adapter of its own: PEFT of transformers 4. */
export const OF_EACH_EXPERT = /\.experts\.\d+\./;

/** `base`: absent where it is not known, so that nobody can say what is missing. */
export function strayModules({ config, modules }: AdapterFolder, base: BaseFolder | undefined): StrayModules {
  const isNamed = targetTest(config);
  const none = { untargeted: [], missing: [], noTargets: false, isUnclear: false };
  const { target_modules: targets, target_parameters: parameters } = config;
  const isNone = (value: unknown): boolean =>
    value === undefined || value === null || (Array.isArray(value) && value.length === 0);
  if (isNone(targets) && isNone(parameters)) return { ...none, noTargets: true };
  if (isNamed === undefined) return { ...none, isUnclear: true };
  const paths = modules.map(({ path }) => path);
  const has = new Set(paths);
  const hasEach = paths.some((path) => OF_EACH_EXPERT.test(path));
  return {
    ...none,
    untargeted: paths.filter((path) => !isNamed(path)),
    missing:
      base === undefined || hasEach ? [] : modulesOf(base.arch).filter((path) => isNamed(path) && !has.has(path)),
  };
}
