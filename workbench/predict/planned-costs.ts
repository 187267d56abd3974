import { groupBy } from "../../core/index.ts";
import { addSpent, type MaxCost, maxCostText, NOTHING_SPENT, type Spent, shareSpent } from "../../plan/index.ts";
import type { JobMetrics } from "../../traces/index.ts";
import type { LoadedWorkload } from "../load/load-workload.ts";

function textOf({ deviceSeconds, cost }: Spent, maxCost: MaxCost): string {
  if ("deviceSeconds" in maxCost || cost === undefined) return `${deviceSeconds.toFixed(1)} device seconds`;
  return `${cost.amount.toPrecision(3)} ${cost.currency}`;
}

/** What is to be said of a budget beside what is planned. */
function problemOf(who: string, maxCost: MaxCost, spent: Spent): readonly string[] {
  const share = shareSpent(maxCost, spent);
  const allowed = maxCostText(maxCost);
  if (share === undefined) return [`the devices have no price to compare with maxCost of ${who}, ${allowed}`];
  return share > 1 ? [`${who} is planned to take ${textOf(spent, maxCost)}, above maxCost, ${allowed}`] : [];
}

/** Jobs, and users with all of their jobs, that are planned to take more than their budgets, a sentence each. */
export function overBudget(
  { jobs, users = {} }: Pick<LoadedWorkload["workload"], "jobs" | "users">,
  planned: readonly JobMetrics[],
): readonly string[] {
  const spentBy = new Map(planned.map((job) => [job.name, job as Spent]));
  const ofJobs = jobs.flatMap(({ name, maxCost }) => {
    const spent = spentBy.get(name);
    return maxCost === undefined || spent === undefined ? [] : problemOf(name, maxCost, spent);
  });
  const ofUsers = [...groupBy(jobs, ({ user = "" }) => user)].flatMap(([user, own]) => {
    if (!Object.hasOwn(users, user)) return [];
    const spent = own.reduce((all, { name }) => addSpent(all, spentBy.get(name) ?? NOTHING_SPENT), NOTHING_SPENT);
    return problemOf(`user ${user}`, users[user]!.maxCost, spent);
  });
  return [...ofJobs, ...ofUsers];
}
