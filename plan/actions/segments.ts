import { canonicalJson, contentHash, PlanError } from "../../core/index.ts";
import { PLAN_VERSION, type Plan, type PlanBody, type PlanDocument, type Predicted } from "../documents/plan.ts";
import type { Segment, Work } from "../documents/segment.ts";
import type { Setting } from "../documents/setting.ts";

/** The part of a plan that never changes while it runs. */
export function settingOf(plan: Setting): Setting {
  const { schedule, maxInFlight, model, devices, links, stages, pipelines, buffers, memory } = plan;
  const { slots, calibration, calibrationHash } = plan;
  return {
    ...{ schedule, maxInFlight, model, devices, links, stages, pipelines, buffers, memory },
    ...{ slots, calibration, calibrationHash },
  };
}

/** The work of a plan, without its setting. */
export function workOf({ jobs, groups, microBatches, actions }: Work): Work {
  return { jobs, groups, microBatches, actions };
}

/** What the first segment names as the hash before it. */
export function settingHash(setting: Setting): string {
  return contentHash(settingOf(setting));
}

/** The hash that a segment has to have. */
export function segmentHash({ index, previous, ...work }: Omit<Segment, "hash">): string {
  return contentHash({ ...workOf(work), index, previous });
}

/** A piece of work as the segment behind another one, or behind the setting. */
export function sealSegment(work: Work, index: number, previous: string): Segment {
  const content = { ...workOf(work), index, previous };
  return { ...content, hash: segmentHash(content) };
}

/** Pieces of work as the segments of a plan. */
export function chainSegments(setting: Setting, pieces: readonly Work[]): readonly Segment[] {
  let previous = settingHash(setting);
  return pieces.map((work, index) => {
    const segment = sealSegment(work, index, previous);
    previous = segment.hash;
    return segment;
  });
}

/** The work of all segments. One segment's is taken as it is. @throws PlanError where they have not as many stages */
export function joinSegments(segments: readonly Work[]): Work {
  const [first] = segments;
  if (segments.length === 1) return workOf(first!);
  const numStages = first!.actions.length;
  const other = segments.findIndex(({ actions }) => actions.length !== numStages);
  if (other >= 0)
    throw new PlanError({
      expected: `orders of ${numStages} stages, as in the first segment,`,
      at: `segments[${other}].actions`,
      got: segments[other]!.actions.length,
    });
  return {
    jobs: segments.flatMap(({ jobs }) => jobs),
    groups: segments.flatMap(({ groups }) => groups),
    microBatches: segments.flatMap(({ microBatches }) => microBatches),
    actions: first!.actions.map((_, stage) => segments.flatMap(({ actions }) => actions[stage]!)),
  };
}

/** The pieces of a plan's work, one where it was not cut. */
export function planSegments(plan: PlanBody & { readonly segments?: readonly Work[] }): readonly Work[] {
  return plan.segments ?? [plan];
}

/** The hash of a plan: of what it predicts, and through the chain of its segments of all else. */
export function planHash(segments: readonly Pick<Segment, "hash">[], predicted: Predicted | null): string {
  return contentHash({ kind: "plan", version: PLAN_VERSION, last: segments.at(-1)!.hash, predicted });
}

/** A plan as it is used. */
export function planOfDocument({ setting, segments, predicted, hash, locations }: PlanDocument): Plan {
  return { ...setting, ...joinSegments(segments), predicted, segments, hash, locations };
}

/** A plan as it is written. */
export function planDocument(plan: Plan): PlanDocument {
  const { segments, predicted, hash, locations } = plan;
  const facts = { kind: "plan", version: PLAN_VERSION } as const;
  return { ...facts, setting: settingOf(plan), segments: [...segments], predicted, hash, locations };
}

/** A plan as its file has it. */
export function planFileText(plan: Plan): string {
  return `${canonicalJson(planDocument(plan))}\n`;
}
