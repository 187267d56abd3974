import type { Rng } from "../core/index.ts";
import {
  type Architecture,
  adapterSites,
  isInLayers,
  isOfMixture,
  type Projection,
  projectionPath,
  projectionsOf,
} from "../plan/index.ts";
import { between, fraction, isOn, oneOf } from "./draw-rope.ts";

type Pattern = Readonly<Record<string, number>>;

/** An adapter as a workload has it. */
export interface DrawnAdapter {
  readonly rank: number;
  readonly alpha: number;
  readonly targets: readonly Projection[];
  readonly rslora?: boolean;
  readonly dora?: boolean;
  readonly rankPattern?: Pattern;
  readonly alphaPattern?: Pattern;
  readonly trainableTokens?: readonly number[];
}

const MLP: readonly Projection[] = ["gate_proj", "up_proj", "down_proj"];

function drawTargets(rng: Rng, arch: Architecture): readonly Projection[] {
  const own = projectionsOf(arch);
  const some = own.filter(() => isOn(rng));
  return some.length > 0 ? some : [oneOf(rng, own)];
}

/** Experts by the names that their matrices have in a checkpoint, of which gate and up are one to PEFT. */
function drawOldNames(rng: Rng): readonly Projection[] {
  return [...(isOn(rng) ? (["q_proj"] as const) : []), ...oneOf(rng, [MLP, MLP.slice(0, 2), MLP.slice(2)])];
}

/** Ends of targets' names, a layer, or the first layers; sorted, as PEFT's files have them and as they are tried. */
function drawPattern(rng: Rng, paths: readonly string[], value: () => number): Pattern {
  const layers = paths.filter((path) => path.startsWith("model.layers.0."));
  const keys = Array.from({ length: between(rng, 1, 3) }, () => {
    if (layers.length > 0 && rng.nextInt(4) === 0) return oneOf(rng, ["layers.0.*", "model\\.layers\\.[01]\\..*"]);
    const words = oneOf(rng, paths).split(".");
    return words.slice(rng.nextInt(words.length)).join(".");
  });
  return Object.fromEntries([...new Set(keys)].sort().map((key) => [key, value()]));
}

/** Half of the vocabulary, so that rows have some of them. */
function drawTokens(rng: Rng, { vocabularySize }: Architecture): Pick<DrawnAdapter, "trainableTokens"> {
  const ids = Array.from({ length: vocabularySize }, (_, id) => id).filter(() => isOn(rng));
  return { trainableTokens: ids.length > 0 ? ids : [0] };
}

/**
 * `isWhole`: on all that layers have, so that everything has its gradient compared. `canBeOnHead`: the head is no target of
 * jobs that compare answers.
 */
export function drawAdapter(rng: Rng, arch: Architecture, isWhole: boolean, canBeOnHead: boolean): DrawnAdapter {
  const rank = between(rng, 1, 12);
  // A model that has experts stacked has no such names.
  const hasNames = arch.experts !== undefined && arch.experts.stored !== "stacked";
  const isOld = !isWhole && hasNames && rng.nextInt(3) === 0;
  const inLayers = isWhole ? projectionsOf(arch) : isOld ? drawOldNames(rng) : drawTargets(rng, arch);
  const targets = canBeOnHead && rng.nextInt(3) === 0 ? ([...inLayers, "lm_head"] as const) : inLayers;
  const rslora = rng.nextInt(3) === 0 ? { rslora: true } : {};
  // Of experts by their old names PEFT has patterns of its own.
  const hasPattern = () => !isOld && rng.nextInt(3) === 0;
  const paths = adapterSites({ rank, alpha: 1, targets: [...targets] }, arch).map(({ layer, projection }) =>
    projectionPath(arch, layer, projection),
  );
  const ranks = hasPattern() ? { rankPattern: drawPattern(rng, paths, () => between(rng, 1, 12)) } : {};
  // Updates of more than twice B A would make much of rounding.
  const least = Math.min(rank, ...Object.values(ranks.rankPattern ?? {}));
  const most = 2 * (rslora.rslora === true ? Math.sqrt(least) : least);
  const alphas = hasPattern() ? { alphaPattern: drawPattern(rng, paths, () => fraction(rng, 0.25, most)) } : {};
  // Experts, routers and the head have no magnitudes.
  const canScale = targets.every((target) => isInLayers(target) && !isOfMixture(target)) && !isOld;
  const dora = canScale && rng.nextInt(3) === 0 ? { dora: true } : {};
  const tokens = canBeOnHead && !targets.includes("lm_head") && rng.nextInt(3) === 0 ? drawTokens(rng, arch) : {};
  return {
    rank,
    alpha: between(rng, 1, Math.floor(most)),
    targets,
    ...rslora,
    ...dora,
    ...ranks,
    ...alphas,
    ...tokens,
  };
}
