import { sum } from "../../core/index.ts";
import { chainSegments, joinSegments, settingOf } from "../../plan/actions/segments.ts";
import {
  adapterBytes,
  createCostModel,
  fleetPlanBody,
  GrowingPlan,
  groupEvaluations,
  groupRows,
  microBatchTokens,
  type Plan,
  type PlanBody,
  type PlannedRow,
  type Segment,
  type Setting,
  sealPlan,
} from "../../plan/index.ts";

/** A time of the plan's clock in nanoseconds, and what is done then. */
export interface Moment {
  readonly atNs: number;
  /** Groups of the static plan that are admitted. */
  readonly admit?: readonly number[];
  /** Two groups, by the order in which they were admitted, whose jobs go on as one. */
  readonly merge?: readonly [number, number];
}

interface Admitted {
  number: number;
  /** Whether its jobs have gone on in another. */
  isOver: boolean;
  members: Plan["groups"][number]["members"];
  steps: ReturnType<typeof groupRows>;
  evaluations: ReturnType<typeof groupEvaluations>;
}

/**
 * The work of a static plan of one pipeline as a plan that grows in its setting: groups are admitted, two of them become
 * one, and segments are taken, at the times that `moments` say, and all that is left at the end.
 */
export function grow(plan: PlanBody, moments: readonly Moment[]): readonly Segment[] {
  const growing = new GrowingPlan(growingSetting(plan), createCostModel(plan.calibration, plan.model.dtype));
  const numbers = new Map<number, number>();
  const admitted: Admitted[] = [];
  const segments: Segment[] = [];
  const jobOf = (job: number): number => {
    const number = numbers.get(job) ?? growing.addJob(plan.jobs[job]!);
    numbers.set(job, number);
    return number;
  };
  const admit = (
    { members, steps, evaluations }: Pick<Admitted, "members" | "steps" | "evaluations">,
    after: readonly number[] = [],
  ): void => {
    const number = growing.admit({ group: { pipeline: 0, members }, steps, evaluations, after });
    admitted.push({ number, isOver: false, members, steps, evaluations });
  };
  const merge = (first: number, second: number): void => {
    const both = [admitted[first], admitted[second]];
    if (first === second || both.some((each) => each === undefined || each.isOver || !growing.isActive(each.number)))
      return;
    const left = both.map((each) => {
      const from = growing.withdraw(each!.number);
      each!.isOver = true;
      const steps = each!.steps.slice(from);
      const evaluations = each!.evaluations.slice(from);
      const members = each!.members.flatMap((member) => {
        const firstStep = member.firstStep + from;
        return firstStep < member.endStep ? [{ ...member, firstStep }] : [];
      });
      return { steps, evaluations, members };
    });
    const members = left.flatMap((each) => each.members).sort((a, b) => a.job - b.job);
    if (members.length === 0) return;
    const numSteps = Math.max(...left.map((each) => each.steps.length));
    const steps = Array.from({ length: numSteps }, (_, step) => {
      const parts = left.map((each) => each.steps[step] ?? []);
      const shared = Array.from({ length: Math.max(...parts.map((each) => each.length)) }, (__, part) =>
        parts.flatMap((each) => each[part] ?? []).sort((a, b) => a[0] - b[0]),
      );
      const { maxTokens } = plan.pipelines[0]!.room;
      return shared.every((rows) => microBatchTokens({ rows }) <= maxTokens) ? shared : parts.flat();
    });
    // Apart, so that no micro-batch is larger than there is room for.
    const evaluations = steps.map((_, step) => {
      const parts = left.flatMap((each) => each.evaluations[step] ?? []);
      return parts.length === 0 ? undefined : parts;
    });
    admit(
      { members, steps, evaluations },
      both.map((each) => each!.number),
    );
  };
  const take = (untilNs: number): void => {
    const segment = growing.advance(0, untilNs);
    if (segment !== undefined) segments.push(segment);
  };
  for (const { atNs, admit: groups = [], merge: two } of [...moments].sort((a, b) => a.atNs - b.atNs)) {
    if (atNs > 0) take(atNs);
    for (const group of groups) {
      const { members } = plan.groups[group]!;
      const jobs = new Map(members.map((member) => [member.job, jobOf(member.job)]));
      const renumbered = (parts: readonly PlannedRow[][]) =>
        parts.map((rows) => rows.map(([job, ...row]): PlannedRow => [jobs.get(job)!, ...row]));
      admit({
        members: members.map((member) => ({ ...member, job: jobs.get(member.job)! })),
        steps: groupRows(plan.microBatches, group).map(renumbered),
        evaluations: Array.from(groupEvaluations(plan.microBatches, group), (parts) => parts && renumbered(parts)),
      });
    }
    if (two !== undefined) merge(...two);
  }
  take(Number.POSITIVE_INFINITY);
  return segments;
}

/** The setting of a plan, for one that grows and may have all jobs at once. */
export function growingSetting(plan: PlanBody): Setting {
  const { architecture } = plan.model;
  const memory = plan.memory.map((own, index) => {
    const stage = plan.stages[index]!;
    const { kind } = plan.devices[stage.device]!;
    const bytes = sum(plan.jobs.map((job) => adapterBytes({ architecture, stage, kind }, job)));
    const more = bytes - own.adapters - own.optimizer;
    return { ...own, adapters: bytes / 2, optimizer: bytes / 2, total: own.total + more };
  });
  return { ...settingOf(plan), memory, slots: "first-fit" };
}

/** A plan of these segments. */
export function grownPlan(setting: Setting, segments: readonly Segment[]): Plan {
  const nowhere = { model: null, data: {}, init: {} };
  return sealPlan(fleetPlanBody(settingOf(setting), segments), nowhere, segments);
}

/** The same plan in one segment. */
export function inOneSegment(plan: Plan): Plan {
  return grownPlan(plan, chainSegments(plan, [joinSegments(plan.segments)]));
}
