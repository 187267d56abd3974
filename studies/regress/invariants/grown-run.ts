import { groupBy, sum } from "../../../core/index.ts";
import type { PlannedRow } from "../../../plan/index.ts";
import { type GoldenRun, outcomesOf } from "../golden-run.ts";
import type { Stay, ToldFleet } from "./fleet.ts";
import { isLater, type PlannedAction, type PlannedRun } from "./planned-run.ts";

/** An action with a job that it trains, and that job's own step. */
interface JobAction {
  readonly job: string;
  readonly step: number;
  readonly pipeline: number;
  readonly action: PlannedAction;
}

function jobActions({ jobs, groups, computed, microBatches }: PlannedRun): readonly JobAction[] {
  const memo = new Map<number, readonly Omit<JobAction, "action">[]>();
  return computed.flatMap((action) => {
    const { microBatch, letter } = action;
    const { group, step, rows } = microBatches[microBatch]!;
    const { members, pipeline } = groups[group]!;
    const of = (numbers: Iterable<number>) =>
      [...numbers].map((number) => {
        const { firstStep } = members.find(({ job }) => job === number)!;
        return { job: jobs[number]!.name, step: firstStep + step, pipeline };
      });
    // An update is of all members whose step it is.
    const updated = () => members.filter(({ firstStep, endStep }) => firstStep + step < endStep).map(({ job }) => job);
    const known = memo.get(microBatch) ?? of(new Set(rows.map((row: PlannedRow) => row[0])));
    memo.set(microBatch, known);
    return (letter === "U" ? of(updated()) : known).map((own) => ({ ...own, action }));
  });
}

/** Jobs that train before they are decided to, after they have left, or elsewhere. */
function outsideStays(actions: readonly JobAction[], stays: ReadonlyMap<string, readonly Stay[]>): readonly string[] {
  for (const { job, pipeline, action } of actions) {
    const { name, letter, startNs } = action;
    if (letter !== "F") continue;
    const own = (stays.get(job) ?? []).filter((stay) => stay.pipeline === pipeline);
    if (own.every(({ fromNs, untilNs }) => isLater(fromNs, startNs) || isLater(startNs, untilNs)))
      return [`${name} trains ${job} on pipeline ${pipeline} while it is not there`];
  }
  return [];
}

/** Steps of a job that begin before the one before them is updated, on another pipeline or in another group as well. */
function outOfOrder(actions: readonly JobAction[]): readonly string[] {
  for (const [job, own] of groupBy(actions, (each) => each.job)) {
    const updates = groupBy(
      own.filter(({ action }) => action.letter === "U"),
      ({ step }) => step,
    );
    for (const { step, pipeline, action } of own) {
      if (action.letter !== "F" || step === 0) continue;
      const before = updates.get(step - 1) ?? [];
      if (before.length === 0) return [`${job} trains step ${step} and has no update of the step before`];
      const late = before.find(
        (update) =>
          (update.pipeline !== pipeline || update.action.stage === action.stage) &&
          isLater(update.action.endNs, action.startNs),
      );
      if (late !== undefined)
        return [`${action.name} trains step ${step} of ${job} before ${late.action.name} has updated the step before`];
    }
  }
  return [];
}

/** Time of devices that is told of jobs, and is not that of the actions. */
function wrongSpending({ metrics }: GoldenRun, { computed, document }: PlannedRun): readonly string[] {
  const told = sum(outcomesOf(metrics!).map((outcome) => (outcome as { deviceSeconds?: number }).deviceSeconds ?? 0));
  const { stages, devices } = document.setting;
  const found = sum(computed.map(({ startNs, endNs }) => endNs - startNs)) / 1e9;
  const isShared = new Set(stages.map(({ device }) => devices[device]!.name)).size < stages.length;
  if (isShared || Math.abs(told - found) <= 1e-6 * found) return [];
  return [`jobs are told to have taken ${told} s of devices, and their actions take ${found} s`];
}

/** What of jobs over time is wrong by their actions beside their journal. */
export function grownFaults(run: GoldenRun, planned: PlannedRun, { stories }: ToldFleet): readonly string[] {
  const actions = jobActions(planned);
  const stays = new Map([...stories.values()].map((story) => [story.request.name, story.stays]));
  return [...outsideStays(actions, stays), ...outOfOrder(actions), ...wrongSpending(run, planned)];
}
