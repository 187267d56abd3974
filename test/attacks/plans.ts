import { createRng } from "../../core/index.ts";
import { chainSegments, planHash } from "../../plan/actions/segments.ts";
import type { PlanDocument } from "../../plan/index.ts";
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

type Job = PlanDocument["segments"][number]["jobs"][number];

/** Edits of which each says what the rest of the plan contradicts, with hashes that agree. */
export function contradictingPlans(plan: PlanDocument): readonly Attack[] {
  const edit = (name: string, change: (copy: PlanDocument) => void): Attack => {
    const copy = structuredClone(plan);
    change(copy);
    return { name: `a resealed plan with ${name}`, files: { "p.json": resealed(copy) }, argv: ["validate", "p.json"] };
  };
  const job = (name: string, change: Partial<Record<keyof Job, unknown>>): Attack =>
    edit(name, ({ segments: [first] }) => void Object.assign(first!.jobs[0]!, change));
  return [
    job("nothing that its micro-batches were cut by", { microBatchSize: undefined }),
    ...[1, 3, 2 ** 40].map((rows) => job(`micro-batches of ${rows} rows`, { microBatchSize: rows })),
    job("micro-batches of one token", { microBatchTokens: 1 }),
    job("a bound on tokens that cuts nothing", { microBatchSize: undefined, microBatchTokens: 2 ** 40 }),
    job("rows without a digest", { dataDigest: null }),
    job("longer rows than any model's", { cutoffLength: 2 ** 40 }),
    edit("a model without a digest", ({ setting }) => {
      setting.model.digest = null;
    }),
    edit("devices of a byte", ({ setting }) =>
      setting.devices.forEach((each) => {
        each.memoryBytes = 1;
      }),
    ),
    edit("devices of unknown memory", ({ setting }) =>
      setting.devices.forEach((each) => {
        each.memoryBytes = null;
      }),
    ),
    edit("room for more jobs than tokens", ({ setting }) => {
      setting.pipelines[0]!.room.maxJobs = 2 ** 40;
    }),
    edit("a norm of nothing but its epsilon", ({ setting }) => {
      setting.model.architecture.rmsNormEps = 1e308;
    }),
    edit("positions that all turn alike", ({ setting }) => {
      setting.model.architecture.ropeTheta = 1;
    }),
  ];
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
