import { type ActionKey, actionsAhead, activeJobs, isSample, type PlanBody, parseAction } from "../plan/index.ts";
import { partOfSteps, type RunPart } from "../traces/index.ts";
import type { ComputeColumns } from "./run/device.ts";

/** Steps of a group's jobs that are made together. */
interface BegunMiniBatch {
  readonly group: number;
  readonly step: number;
  /** When the first of its actions was put into a device's queue; infinite before that. */
  begunNs: number;
  /** When the last of its actions ended; infinite before that. */
  endNs: number;
  /** Actions that have not ended. */
  left: number;
}

/** When checkpoints are written though nobody interrupts a run. */
export interface Rhythm {
  /** From one to the next; 0 for none by time. */
  readonly everyNs: number;
  /** Steps of some job from one to the next; 0 for none by steps. */
  readonly everySteps: number;
}

type Ended = Pick<ComputeColumns, "startNs" | "endNs">;

/** By stage, when each action was put into its device's queue, as the executor does, of those that were. */
function queuedNs(
  keys: readonly ActionKey[],
  { startNs, endNs }: Ended,
  isAlone: (key: ActionKey) => boolean,
): number[] {
  const queued: number[] = [];
  let computedNs = 0;
  for (let ended = 0; ended <= endNs.length; ended += 1) {
    const nowNs = ended === 0 ? 0 : endNs[ended - 1]!;
    if (ended > 0) computedNs += endNs[ended - 1]! - startNs[ended - 1]!;
    const most = Math.min(keys.length, ended + actionsAhead(ended === 0 ? 0 : computedNs / ended / 1e9));
    while (queued.length < most) {
      const next = queued.length;
      // Prompts are answered by devices that have nothing else to do.
      if (ended < next && (isAlone(keys[next]!) || isAlone(keys[next - 1]!))) break;
      queued.push(nowNs);
    }
  }
  return queued;
}

/** What of a plan has begun by some time, of a run of which everything up to then is known. */
export class BegunWork {
  readonly #plan: PlanBody;
  /** In the order in which they begin; those that have not are none of them. */
  readonly #order: readonly BegunMiniBatch[];
  readonly #byKey = new Map<string, BegunMiniBatch>();

  /** `ended`: by stage, the actions that have ended by `untilNs`. */
  constructor(plan: PlanBody, ended: readonly Ended[], untilNs: number) {
    this.#plan = plan;
    const microBatchOf = (key: ActionKey): number => parseAction(key).microBatch;
    const isAlone = (key: ActionKey): boolean => isSample(plan.microBatches[microBatchOf(key)]!);
    plan.actions.forEach((keys, stage) => {
      const { endNs } = ended[stage]!;
      const queued = queuedNs(keys, ended[stage]!, isAlone);
      keys.forEach((key, at) => {
        const own = this.#of(microBatchOf(key));
        own.begunNs = Math.min(own.begunNs, queued[at] ?? Number.POSITIVE_INFINITY);
        if (at < endNs.length) own.endNs = Math.max(own.endNs, endNs[at]!);
        else own.left += 1;
      });
    });
    this.#order = [...this.#byKey.values()]
      .filter(({ begunNs }) => begunNs <= untilNs)
      .sort((a, b) => a.begunNs - b.begunNs || a.step - b.step || a.group - b.group);
  }

  #of(microBatch: number): BegunMiniBatch {
    const { group, step } = this.#plan.microBatches[microBatch]!;
    const key = `${group} ${step}`;
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const first = { group, step, begunNs: Number.POSITIVE_INFINITY, endNs: 0, left: 0 };
    this.#byKey.set(key, first);
    return first;
  }

  /** All that has begun: what a notice finishes. */
  begun(): RunPart {
    return this.#part(this.#order);
  }

  /** Whether that is all of the plan. */
  get isAll(): boolean {
    return this.#order.length === this.#byKey.size;
  }

  /**
   * What the last checkpoint has that was written though nobody asked for an end; undefined where there is none. One by
   * time has what had begun when it was due, which is at most a step less than what the executor's has.
   */
  lastCheckpoint({ everyNs, everySteps }: Rhythm, untilNs: number): RunPart | undefined {
    let known = 0;
    for (let clockNs = 0; ; ) {
      const dueNs = everyNs === 0 ? Number.POSITIVE_INFINITY : clockNs + everyNs;
      const byTime = dueNs > untilNs ? Number.POSITIVE_INFINITY : this.#numBegun(dueNs);
      const next = Math.min(byTime, this.#numMade(known, everySteps));
      if (next === Number.POSITIVE_INFINITY) break;
      const content = this.#order.slice(0, next);
      const thereNs = content.reduce(
        (latest, { endNs, left }) => (left > 0 ? Number.POSITIVE_INFINITY : Math.max(latest, endNs)),
        clockNs,
      );
      if (thereNs > untilNs) break;
      known = next;
      clockNs = Math.max(thereNs, next === byTime ? dueNs : clockNs);
    }
    return known === 0 ? undefined : this.#part(this.#order.slice(0, known));
  }

  #numBegun(atNs: number): number {
    const at = this.#order.findIndex(({ begunNs }) => begunNs > atNs);
    return at < 0 ? this.#order.length : at;
  }

  /** How many have begun when a job has made so many steps more than in the first `known`; infinite where none has. */
  #numMade(known: number, everySteps: number): number {
    const made = new Map<number, number>();
    if (everySteps > 0)
      for (let at = known; at < this.#order.length; at += 1) {
        const { group, step } = this.#order[at]!;
        for (const job of activeJobs(this.#plan, group, step)) {
          made.set(job, (made.get(job) ?? 0) + 1);
          if (made.get(job) === everySteps) return at + 1;
        }
      }
    return Number.POSITIVE_INFINITY;
  }

  #part(miniBatches: readonly BegunMiniBatch[]): RunPart {
    const groupSteps = this.#plan.groups.map(() => 0);
    for (const { group, step } of miniBatches) groupSteps[group] = Math.max(groupSteps[group]!, step + 1);
    return partOfSteps(this.#plan, groupSteps);
  }
}
