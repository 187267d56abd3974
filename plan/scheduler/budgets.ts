import { InputError } from "../../core/index.ts";
import { addSpent, currencyOf, maxCostText, NOTHING_SPENT, shareSpent } from "../costs/spending.ts";
import type { ResolvedDevice } from "../documents/cluster.ts";
import type { MaxCost, Spent } from "../documents/money.ts";
import type { Job, Users } from "../documents/workload.ts";
import type { JobRequest } from "./fleet-job.ts";
import type { AskedEvent, JournalLine } from "./journal.ts";

/** What a job is allowed to take of devices, and its user with all of their jobs; absent for no limit. */
export type JobBudgets = Pick<JobRequest, "maxCost" | "userMaxCost">;

type Priced = readonly Pick<ResolvedDevice, "price">[];

function checkMaxCost(devices: Priced, maxCost: MaxCost, at: string): void {
  const currency = currencyOf(devices);
  if ("deviceSeconds" in maxCost || maxCost.currency === currency) return;
  throw new InputError({
    expected: `a budget in ${currency === undefined ? "deviceSeconds" : `${currency}, or in deviceSeconds`}`,
    at,
    got: maxCostText(maxCost),
    ...(currency === undefined
      ? { hint: "The cluster gives no price: write `pricePerHour` of its devices, and its `currency`." }
      : {}),
  });
}

/**
 * The budgets of a job that is to train on some devices. `at`: where the job is written, if it is not by itself.
 * @throws InputError for money in a currency in which the devices have no price
 */
export function budgetsOf(
  { user, maxCost }: Pick<Job, "user" | "maxCost">,
  users: Users | undefined,
  devices: Priced,
  at = "",
): JobBudgets {
  if (maxCost !== undefined) checkMaxCost(devices, maxCost, `${at === "" ? "" : `${at}.`}maxCost`);
  const allowed = user === undefined || users === undefined || !Object.hasOwn(users, user) ? undefined : users[user];
  if (allowed !== undefined) checkMaxCost(devices, allowed.maxCost, `users.${user}.maxCost`);
  return {
    ...(maxCost === undefined ? {} : { maxCost }),
    ...(allowed === undefined ? {} : { userMaxCost: allowed.maxCost }),
  };
}

export function hasBudget({ maxCost, userMaxCost }: JobBudgets): boolean {
  return maxCost !== undefined || userMaxCost !== undefined;
}

/** Of jobs that are over, what those of each user have taken, by user. */
export type SpentByUser = Readonly<Record<string, Spent>>;

/**
 * Who has spent a budget, by the lines of a journal and by what jobs have taken of devices. Executor and simulator ask
 * it at the ends of iterations, each with times of its own.
 */
export class Budgets {
  readonly #spentBy: (name: string) => Spent;
  readonly #before: SpentByUser;
  readonly #jobs = new Map<number, JobRequest>();
  /** Jobs with a budget that are there and are not to end yet. */
  readonly #open = new Set<number>();
  /** By user, all of their jobs. */
  readonly #numbersOf = new Map<string, Set<number>>();

  /** `before`: of jobs that it does not hear of. */
  constructor(spentBy: (name: string) => Spent, before: SpentByUser = {}) {
    this.#spentBy = spentBy;
    this.#before = before;
  }

  add({ events, decisions }: JournalLine): void {
    for (const event of events) {
      if (event.kind === "arrived" || event.kind === "restored") this.came(event.number, event.request);
      else if (event.kind === "ended" || event.kind === "stop") this.#open.delete(event.number);
    }
    for (const { kind, number } of decisions) if (kind === "stop" || kind === "refuse") this.#open.delete(number);
  }

  /** A job is there, or there again. */
  came(number: number, request: JobRequest): void {
    this.#jobs.set(number, request);
    if (hasBudget(request)) this.#open.add(number);
    const own = this.#numbersOf.get(request.user) ?? new Set();
    this.#numbersOf.set(request.user, own.add(number));
  }

  /** Whether a budget of a job is spent that would come, or is there; why. */
  whySpent({ name, user, maxCost, userMaxCost }: JobRequest): string | undefined {
    if (maxCost !== undefined && (shareSpent(maxCost, this.#spentBy(name)) ?? 0) >= 1)
      return `its budget of ${maxCostText(maxCost)} is spent`;
    if (userMaxCost !== undefined && (shareSpent(userMaxCost, this.#spentByUser(user)) ?? 0) >= 1)
      return `the budget of its user ${user}, ${maxCostText(userMaxCost)}, is spent`;
    return undefined;
  }

  /** Jobs that are to end since a budget is spent; each is told once. */
  due(): readonly AskedEvent[] {
    return [...this.#open].flatMap((number): AskedEvent[] => {
      const why = this.whySpent(this.#jobs.get(number)!);
      if (why === undefined) return [];
      this.#open.delete(number);
      return [{ kind: "stop", number, by: "budget", why }];
    });
  }

  /** What users have taken with all of their jobs but those of these names. */
  spentByUsers(besides: ReadonlySet<string>): SpentByUser {
    const users = [...new Set([...this.#numbersOf.keys(), ...Object.keys(this.#before)])];
    return Object.fromEntries(users.map((user) => [user, this.#spentByUser(user, besides)]));
  }

  #spentByUser(user: string, besides?: ReadonlySet<string>): Spent {
    const before = Object.hasOwn(this.#before, user) ? this.#before[user]! : NOTHING_SPENT;
    const names = [...(this.#numbersOf.get(user) ?? [])].map((number) => this.#jobs.get(number)!.name);
    return names
      .filter((name) => besides?.has(name) !== true)
      .reduce((all, name) => addSpent(all, this.#spentBy(name)), before);
  }
}
