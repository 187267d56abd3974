import { InputError } from "../../core/index.ts";
import type { FleetExecution } from "../../exec/index.ts";
import {
  type AskedEvent,
  Budgets,
  budgetsOf,
  FleetOutcomes,
  type Job,
  type JobBudgets,
  type JobRequest,
  type JournalLine,
  type SchedulerState,
  type Spending,
  type Spent,
  type Users,
} from "../../plan/index.ts";
import type { FleetState } from "../../sim/index.ts";
import type { FleetThatGoesOn } from "../resume/restore-jobs.ts";
import type { KeptJobs } from "./kept-jobs.ts";
import type { LiveFleetInput } from "./live-fleet-input.ts";

/** What has become of the jobs of a live fleet, what they have taken of devices, and what they may take. */
export class FleetAccounts {
  readonly #users: Users | undefined;
  readonly #devices: LiveFleetInput["setting"]["devices"];
  readonly #spending: Spending;
  readonly #budgets: Budgets;
  readonly #outcomes = new FleetOutcomes();
  #decidedNs = 0;

  constructor({ users, setting }: Pick<LiveFleetInput, "users" | "setting">, spending: Spending) {
    this.#users = users;
    this.#devices = setting.devices;
    this.#spending = spending;
    this.#budgets = new Budgets((name) => spending.of(name));
  }

  /** @throws InputError for money in a currency in which the devices have no price */
  of(job: Job): JobBudgets {
    return budgetsOf(job, this.#users, this.#devices);
  }

  /** The request. @throws InputError for a job whose user has nothing left */
  check(request: JobRequest): JobRequest {
    const why = this.#budgets.whySpent(request);
    if (why === undefined) return request;
    throw new InputError({
      expected: "a job whose user may still take of the devices",
      at: "user",
      got: request.user,
      hint: `${why[0]!.toUpperCase()}${why.slice(1)}.`,
    });
  }

  add(line: JournalLine): void {
    this.#outcomes.add(line);
    this.#budgets.add(line);
    this.#decidedNs = line.atNs;
  }

  /** A fleet that was cut off goes on; jobs that are there again and are to end since a budget is spent. */
  goOn({ found, restored }: Pick<FleetThatGoesOn, "found" | "restored">): readonly AskedEvent[] {
    for (const line of found.lines) this.add(line);
    this.#decidedNs = found.clockNs;
    for (const { event } of restored.jobs) this.#budgets.came(event.number, event.request);
    return this.due();
  }

  due(): readonly AskedEvent[] {
    return this.#budgets.due();
  }

  spentBy(name: string): Spent {
    return this.#spending.of(name);
  }

  /** All that is known now, for a simulation of what is to come. */
  state(
    { nowNs, pending }: Pick<FleetExecution, "nowNs" | "pending">,
    scheduler: SchedulerState,
    jobs: KeptJobs,
  ): FleetState {
    const atNs = Math.max(nowNs, this.#decidedNs);
    const names = scheduler.jobs.map(({ name }) => name);
    return {
      ...{ atNs, scheduler, pending, placed: jobs.placed(scheduler), numJobs: jobs.all.length },
      past: this.#outcomes.past(atNs),
      spent: {
        jobs: Object.fromEntries(names.map((name) => [name, this.spentBy(name)])),
        users: this.#budgets.spentByUsers(new Set(names)),
      },
    };
  }
}
