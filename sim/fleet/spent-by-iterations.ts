import {
  addSpent,
  Budgets,
  type FleetEvent,
  type FleetJob,
  type JournalLine,
  NOTHING_SPENT,
  type Spent,
  timesSpent,
} from "../../plan/index.ts";
import type { FleetSpent } from "./fleet-state.ts";
import type { FleetTimes } from "./fleet-times.ts";

/** What jobs of a simulated fleet take of devices, iteration by iteration, and who has spent a budget by that. */
export class SpentByIterations {
  readonly #spentOf: FleetTimes["spentOf"];
  readonly #spent: Map<string, Spent>;
  readonly #budgets: Budgets;

  constructor({ spentOf }: FleetTimes, { jobs = {}, users = {} }: Partial<FleetSpent> = {}) {
    this.#spentOf = spentOf;
    this.#spent = new Map(Object.entries(jobs));
    this.#budgets = new Budgets((name) => this.#spent.get(name) ?? NOTHING_SPENT, users);
  }

  /** Jobs that are there already. */
  goOn(jobs: readonly FleetJob[]): void {
    for (const job of jobs) if (job.hold?.kind !== "stop") this.#budgets.came(job.number, job);
  }

  add(line: JournalLine): void {
    this.#budgets.add(line);
  }

  /** A job has trained so many iterations, as it was before. */
  progressed({ name, number, pipeline, done: before }: FleetJob, done: number): void {
    if (this.#spentOf === undefined || pipeline === undefined) return;
    const own = timesSpent(this.#spentOf(pipeline, number), done - before);
    this.#spent.set(name, addSpent(this.#spent.get(name) ?? NOTHING_SPENT, own));
  }

  due(): readonly FleetEvent[] {
    return this.#budgets.due();
  }

  /** By name. */
  all(): ReadonlyMap<string, Spent> {
    return this.#spent;
  }

  /** Of the jobs that are there, and of the others by their users. */
  state(jobs: readonly FleetJob[]): FleetSpent {
    const names = new Set(jobs.map(({ name }) => name));
    return {
      jobs: Object.fromEntries([...this.#spent].filter(([name]) => names.has(name))),
      users: this.#budgets.spentByUsers(names),
    };
  }
}
