import { createRng } from "../../core/index.ts";
import type { PlanDocument } from "../../plan/index.ts";
import { chainSegments, planHash } from "../../plan/segments.ts";
import { HOSTILE, mutations } from "./mutate.ts";
import type { Attack } from "./run-attacks.ts";

/** A document whose hashes are made to agree, where it is one that can have any. */
function resealed(document: unknown): string {
  try {
    const { setting, segments: pieces, predicted } = document as PlanDocument;
    const segments = chainSegments(setting, pieces);
    return JSON.stringify({ ...(document as PlanDocument), segments, hash: planHash(segments, predicted) });
  } catch {
    return JSON.stringify(document);
  }
}

/** Numbers that a plan has, elsewhere. */
const NEAR: readonly unknown[] = [...HOSTILE, 1, 2, 3, 7, 16, 64, 1e6, 2 ** 32, -(2 ** 31)];

/** A plan with one hostile value each, its hashes made to agree, validated, simulated or replayed. */
export function resealedPlans(plan: PlanDocument, seed: number, count: number): readonly Attack[] {
  const rng = createRng(`plans ${seed}`);
  const commands = [["validate"], ["simulate"], ["validate"]] as const;
  return mutations(plan, count, rng, NEAR).map(({ what, value }, index) => ({
    name: `a resealed plan with ${what}`,
    files: { "p.json": resealed(value) },
    argv: [...commands[index % commands.length]!, "p.json"],
    mayPass: true,
  }));
}

/** A plan's text that was cut, or in which a byte is another; where its inputs lay no hash knows. */
export function damagedPlans(plan: PlanDocument, seed: number, count: number): readonly Attack[] {
  const rng = createRng(`texts ${seed}`);
  const text = JSON.stringify(plan);
  const places = JSON.stringify(plan.locations);
  const firstPlace = text.indexOf(places);
  return Array.from({ length: count }, (_, index): Attack => {
    const at = rng.nextInt(text.length);
    const other = String.fromCharCode(32 + rng.nextInt(95));
    const [what, damaged] =
      index % 2 === 0
        ? [`cut at ${at}`, text.slice(0, at)]
        : [`with ${other} at ${at}`, `${text.slice(0, at)}${other}${text.slice(at + 1)}`];
    const isPlace = index % 2 === 1 && at >= firstPlace && at < firstPlace + places.length;
    return {
      name: `a plan ${what}`,
      files: { "p.json": damaged },
      argv: ["validate", "p.json"],
      ...(isPlace || damaged === text ? { mayPass: true } : {}),
    };
  });
}
