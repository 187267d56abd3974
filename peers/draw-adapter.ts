import type { Rng } from "../core/index.ts";
import { type Architecture, type Projection, projectionsOf } from "../plan/index.ts";
import { between, isOn, oneOf } from "./draw-rope.ts";

/** An adapter as a workload has it. */
export interface DrawnAdapter {
  readonly rank: number;
  readonly alpha: number;
  readonly targets: readonly Projection[];
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

/** `isWhole`: on all that layers have, so that everything has its gradient compared. */
export function drawAdapter(rng: Rng, arch: Architecture, isWhole: boolean): DrawnAdapter {
  const rank = between(rng, 1, 12);
  // A model that has experts stacked has no such names.
  const hasNames = arch.experts !== undefined && arch.experts.stored !== "stacked";
  const isOld = !isWhole && hasNames && rng.nextInt(3) === 0;
  const targets = isWhole ? projectionsOf(arch) : isOld ? drawOldNames(rng) : drawTargets(rng, arch);
  return { rank, alpha: between(rng, 1, 2 * rank), targets };
}
